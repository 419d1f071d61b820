/* SPDX-License-Identifier: MIT */
/* Hosts whose files are odd: each file in each way, and several at once. */
#include "tests/unit/odd_tree.h"

static int plain(void **state)
{
	*state = odd_new();
	return 0;
}

static int teardown(void **state)
{
	tree_free(*state);
	return 0;
}

/* What the test relies on: without an odd file each of the three devices is in use. */
static void no_odd_file(void **state)
{
	odd_look(*state, NULL, 0);
}

static void each_file_in_each_way(void **state)
{
	for (size_t path = 0; path < odd_path_count; path++) {
		for (size_t kind = 0; kind < odd_kind_count; kind++) {
			odd_make(*state, path, kind, 0);
			odd_look(*state, &path, 1);
			odd_undo(*state, path, 0);
		}
	}
	odd_look(*state, NULL, 0);
}

static void several_odd_files(void **state)
{
	enum { SEEDS = 100 };
	uint32_t random = 1;
	uint8_t bytes[12];

	for (int seed = 0; seed < SEEDS; seed++) {
		for (size_t i = 0; i < sizeof(bytes); i++) {
			random = random * 1664525 + 1013904223;
			bytes[i] = (uint8_t)(random >> 24);
		}
		odd_bytes(*state, bytes, sizeof(bytes));
	}
	odd_look(*state, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_odd_file, plain, teardown),
		cmocka_unit_test_setup_teardown(each_file_in_each_way, plain, teardown),
		cmocka_unit_test_setup_teardown(several_odd_files, plain, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
