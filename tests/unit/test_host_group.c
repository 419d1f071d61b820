/* SPDX-License-Identifier: MIT */
/* What stays with the host of a group, what is behind a device that is no bridge, and what does not answer.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lend/bind.h"
#include "tests/unit/host_tree.h"

static int setup(void **state)
{
	*state = tree_new("plain");
	return 0;
}

static int teardown(void **state)
{
	tree_free(*state);
	return 0;
}

static void expect_word(struct host_tree *tree, const char *address, enum lend_survey_state state,
			const char *word, const char *why)
{
	const struct lend_survey_device *device;

	tree_survey(tree);
	device = tree_device(tree, address);
	assert_string_equal(device->word, word);
	assert_int_equal(device->state, state);
	if (!strstr(device->why, why))
		fail_msg("'%s' does not say '%s'", device->why, why);
}

/* Refused with that sentence, and nothing was written. */
static void expect_refused(struct host_tree *tree, const char *address, const char *why)
{
	struct lend_bind_options options = {.size = sizeof(options)};
	struct lend_bdf bdf = tree_bdf(address);

	for (int siblings = 0; siblings < 2; siblings++) {
		struct lend_error error = {""};

		options.siblings = siblings;
		assert_int_equal(lend_bind(tree->context, &bdf, 1, &options, &error), -EOPNOTSUPP);
		if (!strstr(error.text, why))
			fail_msg("'%s' does not say '%s'", error.text, why);
		assert_int_equal(tree->orders, 0);
	}
}

static void a_bridge_of_the_computer(void **state)
{
	struct host_tree *tree = *state;
	struct lend_bdf bdf = tree_bdf("00:1f.2");
	const struct lend_bind_options all = {.size = sizeof(all), .siblings = true};

	expect_word(tree, "00:1f.2", LEND_STATE_BINDABLE, "bindable", "");
	tree_bind(tree, "0000:00:1f.0", "lpc_ich");
	expect_word(tree, "00:1f.2", LEND_STATE_BLOCKED, "blocked", "0000:00:1f.0, a bridge of the host");
	expect_word(tree, "00:1f.3", LEND_STATE_BLOCKED, "blocked", "(lpc_ich)");
	expect_word(tree, "00:1f.0", LEND_STATE_UNFIT, "bridge", "");
	expect_refused(tree, "00:1f.2", "0000:00:1f.0");
	/* In use or not: it cannot be lent. */
	tree_append(tree, "proc/self/mountinfo", "40 23 259:0 / /data rw - ext4 /dev/nvme0n1 rw\n");
	expect_word(tree, "01:00.0", LEND_STATE_BUSY, "busy", "");
	tree_bind(tree, "0000:00:1f.0", NULL);
	expect_word(tree, "00:1f.2", LEND_STATE_BINDABLE, "bindable", "");
	assert_int_equal(lend_bind(tree->context, &bdf, 1, &all, NULL), 0);
	assert_string_equal(tree_driver(tree, "0000:00:1f.3"), "vfio-pci");
	assert_string_equal(tree_driver(tree, "0000:00:1f.0"), "");
}

/* Each class of bridge stays; one that says nothing of itself is a device. */
static void classes_of_bridges(void **state)
{
	static const struct {
		const char *class;
		bool stays;
	} rows[] = {
		{"0x060000\n", true},  {"0x060100\n", true},  {"0x060200\n", true},  {"0x060400\n", true},
		{"0x060500\n", true},  {"0x060700\n", true},  {"0x060940\n", true},  {"0x068000\n", false},
		{"0x0c0500\n", false}, {"0x058000\n", false}, {"0x010802\n", false},
	};
	struct host_tree *tree = *state;

	tree_bind(tree, "0000:00:1f.0", "some");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		tree_put(tree, "sys/bus/pci/devices/0000:00:1f.0/class", rows[i].class);
		tree_survey(tree);
		assert_string_equal(tree_device(tree, "00:1f.2")->word, rows[i].stays ? "blocked" : "shared");
	}
}

static void a_dead_device(void **state)
{
	static const char does_not_answer[] = "it does not answer (its configuration space reads all ones)";
	struct lend_bind_options force = {.size = sizeof(force), .force = true};
	struct lend_bdf bdf = tree_bdf("03:00.0");
	struct host_tree *tree = *state;
	struct lend_error error = {""};

	tree_kill(tree, "0000:03:00.0");
	expect_word(tree, "03:00.0", LEND_STATE_DEAD, "dead", does_not_answer);
	expect_refused(tree, "03:00.0", does_not_answer);
	assert_int_equal(lend_bind(tree->context, &bdf, 1, &force, &error), -EOPNOTSUPP);
	assert_non_null(strstr(error.text, does_not_answer));
	assert_int_equal(tree->orders, 0);
	/* VFIO had it, and somebody works with it: that is no reason to call it ready, or busy. */
	tree_bind(tree, "0000:03:00.0", "vfio-pci");
	expect_word(tree, "03:00.0", LEND_STATE_DEAD, "dead", "");
	/* A bridge stays one, with the class that the kernel remembers. */
	tree_kill(tree, "0000:00:10.0");
	expect_word(tree, "00:10.0", LEND_STATE_UNFIT, "bridge", "");
	assert_true(tree_device(tree, "00:10.0")->is.is_bridge);
	/* Less than the header, as a read that fails half-way gives, says nothing. */
	tree_put(tree, "sys/bus/pci/devices/0000:01:00.0/config", "\xff\xff\xff\xff");
	expect_word(tree, "01:00.0", LEND_STATE_BINDABLE, "bindable", "");
}

/* The ids of a virtual function read all ones as long as it lives. */
static void a_virtual_function_is_not_dead(void **state)
{
	struct host_tree *tree = tree_new("sriov");
	const char *config;

	(void)state;
	config = tree_get(tree, "sys/bus/pci/devices/0000:01:10.0/config");
	assert_memory_equal(config, "\xff\xff\xff\xff", 4);
	expect_word(tree, "01:10.0", LEND_STATE_BINDABLE, "bindable", "");
	tree_kill(tree, "0000:01:10.0");
	expect_word(tree, "01:10.0", LEND_STATE_DEAD, "dead", "");
	tree_free(tree);
}

/* It is not opened, but its driver has to go, so that the rest of its group can be lent. */
static void a_dead_sibling_comes_along(void **state)
{
	const struct lend_bind_options all = {.size = sizeof(all), .siblings = true};
	struct host_tree *tree = tree_new("multifunction");
	struct lend_bdf bdf = tree_bdf("01:00.0");
	struct lend_error error = {""};

	(void)state;
	tree_kill(tree, "0000:01:00.1");
	expect_word(tree, "01:00.0", LEND_STATE_SHARED, "shared", "0000:01:00.1 (nvme)");
	if (lend_bind(tree->context, &bdf, 1, &all, &error))
		fail_msg("%s", error.text);
	expect_word(tree, "01:00.0", LEND_STATE_READY, "ready", "");
	if (lend_unbind(tree->context, &bdf, 1, &all, &error))
		fail_msg("%s", error.text);
	tree_free(tree);
}

static void drives_behind_a_vmd(void **state)
{
	const struct lend_bind_options all = {.size = sizeof(all), .siblings = true};
	struct host_tree *tree = *state;
	struct lend_bdf vmd = tree_bdf("03:00.0");
	struct lend_error error = {""};

	tree_vmd(tree);
	expect_word(tree, "10000:e1:00.0", LEND_STATE_BLOCKED, "blocked", "it is behind 0000:03:00.0 (vmd)");
	expect_word(tree, "03:00.0", LEND_STATE_BINDABLE, "bindable", "");
	expect_refused(tree, "10000:e1:00.0", "0000:03:00.0");
	/* The VMD alone is taken; what is behind it goes with it, and comes back with it. */
	if (lend_bind(tree->context, &vmd, 1, &all, &error))
		fail_msg("%s", error.text);
	assert_null(strstr(tree->log, "10000:e1:00.0"));
	expect_word(tree, "03:00.0", LEND_STATE_READY, "ready", "");
	vmd = tree_bdf("10000:e1:00.0");
	assert_null(lend_survey_find(tree->survey, &vmd));
	vmd = tree_bdf("03:00.0");
	if (lend_unbind(tree->context, &vmd, 1, &all, &error))
		fail_msg("%s", error.text);
	assert_string_equal(tree_driver(tree, "0000:03:00.0"), "vmd");
	expect_word(tree, "10000:e1:00.0", LEND_STATE_BLOCKED, "blocked", "");
}

/* What shares the group of a VMD needs the VMD alone, and not what is behind it. */
static void another_of_the_vmds_group(void **state)
{
	const struct lend_bind_options all = {.size = sizeof(all), .siblings = true};
	struct host_tree *tree = *state;
	struct lend_bdf nvme = tree_bdf("01:00.0");
	struct lend_error error = {""};

	tree_vmd(tree);
	tree_link(tree, "sys/bus/pci/devices/0000:01:00.0/iommu_group", "../../../kernel/iommu_groups/99");
	expect_word(tree, "01:00.0", LEND_STATE_SHARED, "shared", "0000:03:00.0 (vmd)");
	assert_null(strstr(tree_device(tree, "01:00.0")->why, "10000:e1:00.0"));
	expect_word(tree, "10000:e1:00.0", LEND_STATE_BLOCKED, "blocked", "");
	if (lend_bind(tree->context, &nvme, 1, &all, &error))
		fail_msg("%s", error.text);
	assert_string_equal(tree_driver(tree, "0000:03:00.0"), "vfio-pci");
	assert_null(strstr(tree->log, "10000:e1:00.0"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_bridge_of_the_computer),
		TEST(classes_of_bridges),
		TEST(a_dead_device),
		cmocka_unit_test(a_virtual_function_is_not_dead),
		cmocka_unit_test(a_dead_sibling_comes_along),
		TEST(drives_behind_a_vmd),
		TEST(another_of_the_vmds_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
