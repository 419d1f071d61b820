/* SPDX-License-Identifier: MIT */
/* A recorded host, and what lend_check_new() says of its devices. */
#ifndef TESTS_UNIT_HOST_CHECK_STAGE_H
#define TESTS_UNIT_HOST_CHECK_STAGE_H

#include <string.h>

#include "lend/check.h"
#include "tests/unit/host_tree.h"

static inline int plain(void **state)
{
	*state = tree_new("plain");
	return 0;
}

static inline int teardown(void **state)
{
	tree_free(*state);
	return 0;
}

static struct lend_check *made;

static inline void check(struct host_tree *tree, const char *address,
			 const struct lend_check_options *options)
{
	struct lend_bdf bdf = tree_bdf(address);
	struct lend_error error = {""};

	lend_check_free(made);
	made = NULL;
	if (lend_check_new(tree->context, &bdf, 1, options, &made, &error))
		fail_msg("%s", error.text);
}

/* The first row of a topic with that verdict; it has to say `text`. */
static inline const struct lend_check_row *row(const char *topic, enum lend_verdict verdict, const char *text)
{
	const struct lend_check_row *at;

	for (size_t i = 0; (at = lend_check_at(made, i)); i++)
		if (!strcmp(at->topic, topic) && at->verdict == verdict && strstr(at->text, text))
			return at;
	for (size_t i = 0; (at = lend_check_at(made, i)); i++)
		print_error("%s %d %s\n", at->topic, at->verdict, at->text);
	fail_msg("no row is %s %d '%s'", topic, verdict, text);
	return NULL;
}

static inline void no_row(const char *topic)
{
	const struct lend_check_row *at;

	for (size_t i = 0; (at = lend_check_at(made, i)); i++)
		assert_string_not_equal(at->topic, topic);
}

static inline int end(void **state)
{
	(void)state;
	lend_check_free(made);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, plain, teardown)

#endif
