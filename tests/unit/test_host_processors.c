/* SPDX-License-Identifier: MIT */
/* Which processors of the computer a guest's may stay on. */
#include <stdio.h>
#include <string.h>

#include "lend/check.h"
#include "lib/host/check/list.h"
#include "tests/unit/host_tree.h"

static int plain(void **state)
{
	struct host_tree *tree = tree_new("plain");

	tree_put(tree, "sys/devices/system/cpu/present", "0-7\n");
	tree_put(tree, "sys/devices/system/cpu/online", "0-2,5-7\n");
	tree_put(tree, "proc/self/cgroup", "0::/\n");
	tree_put(tree, "proc/meminfo", "MemAvailable: 4194304 kB\n");
	*state = tree;
	return 0;
}

static int teardown(void **state)
{
	tree_free(*state);
	return 0;
}

/* The one row of the topic for these processors; NULL: there is none. */
static const struct lend_check_row *asked(struct host_tree *tree, const unsigned *pin, size_t count)
{
	static struct lend_check_row found;
	const struct lend_check_options options = {.size = sizeof(options),
						   .processors = (unsigned)count,
						   .pin = pin,
						   .pin_count = count,
						   .starting = true};
	const struct lend_check_row *row;
	struct lend_check *check;
	unsigned rows = 0;

	assert_int_equal(lend_check_new(tree->context, NULL, 0, &options, &check, NULL), 0);
	for (size_t i = 0; (row = lend_check_at(check, i)); i++)
		if (!strcmp(row->topic, "pin")) {
			found = *row;
			rows++;
		}
	lend_check_free(check);
	assert_true(rows <= 1);
	return rows ? &found : NULL;
}

static void expect(struct host_tree *tree, const unsigned *pin, size_t count, enum lend_verdict verdict,
		   const char *text, const char *cure)
{
	const struct lend_check_row *row = asked(tree, pin, count);

	if (!row)
		fail_msg("there is no row");
	if (row->verdict != verdict || !strstr(row->text, text) ||
	    (!strstr(row->command, cure) && !strstr(row->advice, cure)))
		fail_msg("%d '%s' '%s' '%s'", row->verdict, row->text, row->command, row->advice);
}

static void those_that_there_are(void **state)
{
	static const unsigned pin[] = {7, 0, 5, 5};

	assert_null(asked(*state, pin, 4));
	assert_null(asked(*state, NULL, 0));
}

static void absent_and_offline(void **state)
{
	static const unsigned pin[] = {1, 8, 3, 64, 4};
	char path[64];

	expect(*state, pin, 2, LEND_FAILED, "no processor 8; those that it has: 0-7", "give pin= others");
	/* What is not there comes first: no command makes it. */
	expect(*state, pin, 5, LEND_FAILED, "no processors 8 64; those", "");
	snprintf(path, sizeof(path), "/devices/system/cpu/cpu3/online");
	expect(*state, pin + 2, 1, LEND_FAILED, "processor 3 of this computer is offline", path);
	expect(*state, (const unsigned[]){3, 4}, 2, LEND_FAILED,
	       "processors 3 4 of this computer are offline", "for n in 3 4; do echo 1 > ");
	expect(*state, pin + 2, 1, LEND_FAILED, "", "online are 0-2,5-7");
}

static void forbidden_by_a_control_group(void **state)
{
	static const unsigned pin[] = {0, 5, 6};
	struct host_tree *tree = *state;

	/* The lowest group that has the file counts: it has what those above allow. */
	tree_put(tree, "proc/self/cgroup", "0::/a.slice/b.service/leaf\n");
	tree_put(tree, "sys/fs/cgroup/a.slice/b.service/cpuset.cpus.effective", "0-1,6\n");
	tree_put(tree, "sys/fs/cgroup/a.slice/cpuset.cpus.effective", "0-2,5-7\n");
	expect(tree, pin, 3, LEND_FAILED,
	       "the control group /a.slice/b.service keeps this process from processor 5 "
	       "(cpuset.cpus.effective: 0-1,6)",
	       "AllowedCPUs=");
	assert_null(asked(tree, pin, 1));
	/* Version 1. */
	tree_put(tree, "proc/self/cgroup", "4:cpuset:/docker/x\n0::/z\n");
	tree_put(tree, "sys/fs/cgroup/cpuset/docker/x/cpuset.cpus", "0\n");
	expect(tree, pin, 3, LEND_FAILED, "/docker/x keeps this process from processors 5 6 (cpuset.cpus: 0)",
	       "give pin= others");
	tree_put(tree, "sys/fs/cgroup/cpuset/docker/x/cpuset.effective_cpus", "0-7\n");
	assert_null(asked(tree, pin, 3));
	tree_remove(tree, "sys/fs/cgroup/cpuset/docker/x/cpuset.effective_cpus");
	tree_put(tree, "sys/fs/cgroup/cpuset/docker/x/cpuset.cpus", "\n");
	assert_null(asked(tree, pin, 3));
}

/* A note at most: the machine works. */
static void far_from_memory(void **state)
{
	static const unsigned pin[] = {0, 6};
	struct lend_check_options options = {.size = sizeof(options),
					     .pin = pin,
					     .pin_count = 2,
					     .has_node = true,
					     .node = 1,
					     .starting = true};
	struct host_tree *tree = *state;
	const struct lend_check_row *row;
	struct lend_check *check;
	bool found = false;

	tree_put(tree, "sys/devices/system/node/has_memory", "0-1\n");
	tree_put(tree, "sys/devices/system/node/node1/cpulist", "5-7\n");
	assert_int_equal(lend_check_new(tree->context, NULL, 0, &options, &check, NULL), 0);
	for (size_t i = 0; (row = lend_check_at(check, i)); i++)
		found |= row->verdict == LEND_NOTE && strstr(row->text, "processor 0 of this computer is not "
									"of node 1");
	lend_check_free(check);
	assert_true(found);
}

static void many_are_counted_and_cut(void **state)
{
	unsigned pin[254];

	for (unsigned i = 0; i < 254; i++)
		pin[i] = 8000 + i % 100;
	expect(*state, pin, 254, LEND_FAILED, "no processors 8000 8001", "");
}

/* What a kernel could write there but does not. */
static void lists(void **state)
{
	(void)state;
	assert_true(list_has("0-1,3", 3) && list_has("0-1,3", 1) && !list_has("0-1,3", 2));
	assert_int_equal(list_count("0-1,3"), 3);
	assert_int_equal(list_count(""), 0);
	assert_int_equal(list_count("3-1"), 0);
	assert_int_equal(list_count("0-99999999999"), 0);
	assert_int_equal(list_count("0,-1"), 1);
	assert_int_equal(list_count("0,,5"), 1);
	assert_int_equal(list_count(" 1"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(those_that_there_are, plain, teardown),
		cmocka_unit_test_setup_teardown(absent_and_offline, plain, teardown),
		cmocka_unit_test_setup_teardown(forbidden_by_a_control_group, plain, teardown),
		cmocka_unit_test_setup_teardown(far_from_memory, plain, teardown),
		cmocka_unit_test_setup_teardown(many_are_counted_and_cut, plain, teardown),
		cmocka_unit_test(lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
