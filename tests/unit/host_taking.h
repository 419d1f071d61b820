/* SPDX-License-Identifier: MIT */
/* What the tests of taking devices share: recorded hosts, calls for one device, what is left untouched. */
#ifndef TESTS_UNIT_HOST_TAKING_H
#define TESTS_UNIT_HOST_TAKING_H

#include <stdio.h>
#include <string.h>

#include "lend/bind.h"
#include "tests/unit/host_tree.h"

static inline int plain(void **state)
{
	*state = tree_new("plain");
	return 0;
}

static inline int multifunction(void **state)
{
	*state = tree_new("multifunction");
	return 0;
}

static inline int sriov(void **state)
{
	*state = tree_new("sriov");
	return 0;
}

static inline int teardown(void **state)
{
	tree_free(*state);
	return 0;
}

static char notes[2048]; /* what the last operation said */

static inline void note(void *opaque, const char *line)
{
	size_t used = strlen(notes);

	(void)opaque;
	snprintf(notes + used, sizeof(notes) - used, "%s\n", line);
}

static inline struct lend_bind_options defaults(void)
{
	notes[0] = '\0';
	return (struct lend_bind_options){.size = sizeof(struct lend_bind_options), .note = note};
}

static inline int bind_one(struct host_tree *tree, const char *address,
			   const struct lend_bind_options *options, struct lend_error *error)
{
	struct lend_bdf bdf = tree_bdf(address);

	return lend_bind(tree->context, &bdf, 1, options, error);
}

static inline int unbind_one(struct host_tree *tree, const char *address,
			     const struct lend_bind_options *options, struct lend_error *error)
{
	struct lend_bdf bdf = tree_bdf(address);

	return lend_unbind(tree->context, &bdf, 1, options, error);
}

/* A rule for each boot, of one device of a new survey. */
static inline int persist_one(struct host_tree *tree, const char *address,
			      const struct lend_bind_options *options, struct lend_error *error)
{
	const struct lend_survey_device *device;

	tree_survey(tree);
	device = tree_device(tree, address);
	return lend_persist(tree->context, &device, 1, options, error);
}

/* As lend bind --boot does it; what was in /run is gone. */
static inline int boot(struct host_tree *tree, struct lend_error *error)
{
	struct lend_bind_options options = defaults();

	tree_remove(tree, "run/lend");
	return lend_bind_persistent(tree->context, &options, error);
}

/* As recorded: its driver, no override, no record. */
static inline void expect_untouched(struct host_tree *tree, const char *address, const char *driver)
{
	char path[96];

	assert_string_equal(tree_driver(tree, address), driver);
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/driver_override", address);
	assert_string_equal(tree_get(tree, path), "(null)");
	snprintf(path, sizeof(path), "run/lend/%s", address);
	assert_null(tree_get(tree, path));
}

#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
