/* SPDX-License-Identifier: MIT */
/* The table of the ways, and what is said where one could not be looked at. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/host_uses.h"

static const char *unseen(struct host_tree *tree, const char *name)
{
	struct lend_way way;

	tree_survey(tree);
	for (size_t i = 0; lend_survey_way(tree->survey, i, &way); i++)
		if (!strcmp(way.name, name))
			return way.unseen;
	fail_msg("there is no way '%s'", name);
	return NULL;
}

/* What may not be listed is told: a file where a folder should be fails like one. */
static void what_cannot_be_looked_at(void **state)
{
	struct host_tree *tree = *state;

	assert_null(unseen(tree, "open"));
	assert_null(unseen(tree, "mount"));
	tree_put(tree, "proc/300/fd", "");
	assert_non_null(strstr(unseen(tree, "open"), "processes of other users (1); "));
	assert_non_null(unseen(tree, "lent"));
	assert_null(unseen(tree, "mount"));
	tree_put(tree, "proc/300/ns", "");
	assert_non_null(unseen(tree, "mount"));
	assert_null(unseen(tree, "swap"));
	tree_link(tree, "proc/self/ns/pid", "pid:[4026531836]");
	assert_non_null(strstr(unseen(tree, "open"), "processes of other users (1); "));
	tree_link(tree, "proc/self/ns/pid", "pid:[4026532000]");
	assert_string_equal(unseen(tree, "open"),
			    "processes outside this container; lend has to run outside");
}

/* A table that cannot be read is no empty one. */
static void tables_that_cannot_be_read(void **state)
{
	struct host_tree *tree = *state;

	assert_null(unseen(tree, "mount"));
	assert_null(unseen(tree, "swap"));
	tree_remove(tree, "proc/self/mountinfo");
	tree_remove(tree, "proc/swaps");
	assert_non_null(unseen(tree, "mount"));
	assert_null(unseen(tree, "swap"));
	tree_folder(tree, "proc/swaps");
	assert_non_null(unseen(tree, "swap"));
}

/* An ordinary user of such a computer sees no process of another user at all. */
static void a_procfs_that_hides(void **state)
{
	static const char *const hiding[] = {"2", "invisible", "4", "ptraceable"}, *const showing[] = {
											   "0", "off", "1",
											   "noaccess"};
	struct host_tree *tree = *state;
	char line[96];

	for (size_t i = 0; i < 4; i++) {
		snprintf(line, sizeof(line), "16 23 0:15 / /proc rw - proc proc rw,gid=4,hidepid=%s\n",
			 showing[i]);
		tree_put(tree, "proc/self/mountinfo", line);
		assert_null(unseen(tree, "open"));
		snprintf(line, sizeof(line), "16 23 0:15 / /proc rw - proc proc rw,gid=4,hidepid=%s\n",
			 hiding[i]);
		tree_put(tree, "proc/self/mountinfo", line);
		assert_non_null(unseen(tree, "open"));
		assert_non_null(unseen(tree, "lent"));
		assert_non_null(unseen(tree, "mount"));
		/* Root sees them. */
		tree_folder(tree, "proc/1");
		assert_null(unseen(tree, "open"));
		tree_remove(tree, "proc/1");
	}
}

/* Each kind has one row, and one word. */
static void the_table_is_whole(void **state)
{
	struct host_tree *tree = *state;
	unsigned long seen = 0;
	struct lend_way way;
	size_t count = 0;

	tree_survey(tree);
	for (; lend_survey_way(tree->survey, count, &way); count++) {
		assert_int_equal(seen >> way.kind & 1, 0);
		seen |= 1UL << way.kind;
		assert_string_equal(lend_use_name(way.kind), way.name);
	}
	assert_int_equal(count, LEND_USE_CRASH + 1);
	assert_string_equal(lend_use_name((enum lend_use_kind)1000), "other");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tree_plain, tree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_cannot_be_looked_at),
		TEST(tables_that_cannot_be_read),
		TEST(a_procfs_that_hides),
		TEST(the_table_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
