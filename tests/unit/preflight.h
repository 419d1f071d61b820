/* SPDX-License-Identifier: MIT */
/*
 * lend check and lend run on the same host: what the one says has failed is refused by the
 * other, in the same words, and nothing else is. The files of the tool are included: a
 * test program is not linked with the tool's.
 */
#ifndef TESTS_UNIT_PREFLIGHT_H
#define TESTS_UNIT_PREFLIGHT_H

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/bzimage.h"
#include "tests/unit/host_tree.h"
#include "tool/asked.c"
#include "tool/run/preflight.c"
#include "tool/clean.c"
#include "tool/say.c"

/* Topics that are told beforehand, and that the kernel or the open of a device decides. */
static const char *const advice[] = {
	"interrupt-remapping", "vfio-pci", "kernel", "in-use", "acs", "reserved"};

static struct {
	unsigned resets, rules;
} refused; /* by lend run, so far */

/* The kernel of each machine; the set-up of a group of tests makes it. */
static struct files images;

static inline int make_kernel(void **state)
{
	uint8_t bytes[2048] = {0};

	(void)state;
	images = (struct files){.kernel = memfd_create("kernel", 0), .initrd = -1};
	bzimage_put(bytes, bzimage_header(sizeof(bytes) - BZIMAGE_TEXT));
	assert_int_equal(write(images.kernel, bytes, sizeof(bytes)), sizeof(bytes));
	return 0;
}

static inline struct run_options machine_of(const char *address)
{
	struct run_options options = {
		.memory = 64 << 20, .cpus = 1, .kernel = "K", .append = "", .device_count = 1};

	snprintf(options.devices[0].host, sizeof(options.devices[0].host), "%s", address);
	return options;
}

static inline struct lend_check *check_of(struct host_tree *tree, const struct run_options *options,
					  bool starting)
{
	struct lend_check_options asked = asked_of(options);
	struct lend_bdf bdf = tree_bdf(options->devices[0].host);
	struct lend_error error = {""};
	struct lend_check *check;

	asked.starting = starting;
	if (lend_check_new(tree->context, &bdf, 1, &asked, &check, &error))
		fail_msg("%s", error.text);
	return check;
}

/* The user takes the device without a reset. */
static inline bool is_wanted(const struct run_options *options, const struct lend_check_row *row)
{
	return options->devices[0].allow_unreset && !strcmp(row->topic, "reset");
}

static inline bool is_advice(const struct lend_check_row *row)
{
	for (size_t i = 0; i < sizeof(advice) / sizeof(*advice); i++)
		if (!strcmp(row->topic, advice[i]))
			return true;
	return false;
}

static inline bool has_row(const struct lend_check *check, const struct lend_check_row *row)
{
	const struct lend_check_row *at;

	for (size_t i = 0; (at = lend_check_at(check, i)); i++)
		if (!strcmp(at->topic, row->topic) && !strcmp(at->device, row->device) &&
		    at->verdict == row->verdict && !strcmp(at->text, row->text) &&
		    !strcmp(at->command, row->command) && !strcmp(at->advice, row->advice) &&
		    !strcmp(at->kernel_argument, row->kernel_argument))
			return true;
	return false;
}

/* What lend run says is one of the rows that failed; silent: there is none. */
static inline void compare_sentence(const struct lend_check *check, const struct run_options *options,
				    int ret, const char *said, const char *where)
{
	const struct lend_check_row *row;
	struct lend_error sentence;
	bool failed = false, found = false;

	for (size_t i = 0; (row = lend_check_at(check, i)); i++) {
		if (row->verdict != LEND_FAILED || is_advice(row) || is_wanted(options, row))
			continue;
		failed = true;
		lend_check_sentence(row, &sentence);
		if (strcmp(sentence.text, said) != 0)
			continue;
		found = true;
		refused.resets += !strcmp(row->topic, "reset");
		refused.rules += !strcmp(row->topic, "rules");
	}
	if (failed != (ret != 0))
		fail_msg("%s: lend check %s, and lend run says '%s'", where, failed ? "fails" : "passes",
			 said);
	if (failed && !found)
		fail_msg("%s: lend check has no row '%s'", where, said);
}

/* Before a managed device is taken, lend run says the first row that taking does not change. */
static inline void compare_taking(struct host_tree *tree, const struct lend_check *check,
				  const struct run_options *options, const char *where)
{
	struct run_options managed = *options;
	struct lend_error error = {""}, sentence = {""};
	const struct lend_check_row *row;
	bool failed = false;
	int ret;

	managed.devices[0].managed = true;
	ret = preflight_taking(tree->context, &managed, &error);
	for (size_t i = 0; !failed && (row = lend_check_at(check, i)); i++) {
		failed = row->verdict == LEND_FAILED && !is_wanted(options, row) &&
			 (!strcmp(row->topic, "reset") || !strcmp(row->topic, "rules"));
		if (failed)
			lend_check_sentence(row, &sentence);
	}
	if (failed != (ret != 0) || strcmp(error.text, sentence.text) != 0)
		fail_msg("%s, managed: lend check says '%s', and lend run '%s'", where, sentence.text,
			 error.text);
	assert_int_equal(preflight_taking(tree->context, options, NULL), 0); /* nothing is taken */
}

static inline void compare(struct host_tree *tree, const struct run_options *options, const char *where)
{
	struct lend_check *whole = check_of(tree, options, false), *brief = check_of(tree, options, true);
	const struct lend_check_row *row;
	struct lend_error error = {""};
	int ret;

	for (size_t i = 0; (row = lend_check_at(brief, i)); i++)
		if (!has_row(whole, row))
			fail_msg("%s: only at the start: %s '%s'", where, row->topic, row->text);
	for (size_t i = 0; (row = lend_check_at(whole, i)); i++)
		if (row->verdict == LEND_FAILED && !is_advice(row) && !has_row(brief, row))
			fail_msg("%s: not at the start: %s '%s'", where, row->topic, row->text);
	ret = preflight_computer(tree->context, options, &images, &error);
	if (!ret)
		ret = preflight_devices(tree->context, options, &error);
	compare_sentence(whole, options, ret, error.text, where);
	compare_taking(tree, whole, options, where);
	lend_check_free(whole);
	lend_check_free(brief);
}

#endif
