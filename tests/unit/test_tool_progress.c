/* SPDX-License-Identifier: MIT */
/* Where a start is: what the user is told of it, and when, on a played clock. */
#include <string.h>

#include "tests/unit/cmocka.h"

#include "tool/run/progress.c"

#define S(n) ((uint64_t)(n)*1000)

static char line[PROGRESS_LINE];

static void begin_step(struct progress *progress, unsigned row, const char *what, uint64_t now)
{
	assert_false(progress_step(progress, row, what, now, line));
}

static void told_at_growing_intervals(void **state)
{
	static const unsigned at[] = {10, 30, 60, 120, 300, 600, 1200, 1800, 2400};
	struct progress progress;
	unsigned count = 0;

	(void)state;
	progress_begin(&progress, S(5));
	for (unsigned s = 0; s <= 2500; s++) {
		if (!progress_tick(&progress, S(5 + s), line))
			continue;
		assert_true(count < sizeof(at) / sizeof(*at));
		assert_int_equal(s, at[count++]);
	}
	assert_int_equal(count, sizeof(at) / sizeof(*at));
}

static void waits_no_longer_than_until_the_next_line(void **state)
{
	struct progress progress;

	(void)state;
	progress_begin(&progress, S(5));
	assert_int_equal(progress_wait(&progress, S(5)), 10000);
	assert_int_equal(progress_wait(&progress, S(15) - 1), 1);
	assert_int_equal(progress_wait(&progress, S(16)), 0);
	assert_true(progress_tick(&progress, S(16), line));
	assert_int_equal(progress_wait(&progress, S(16)), 19000);
	progress_over(&progress);
	assert_int_equal(progress_wait(&progress, S(16)), -1);
}

/* A process that was stopped for an hour has missed many lines. */
static void what_was_missed_is_told_once(void **state)
{
	struct progress progress;

	(void)state;
	progress_begin(&progress, 0);
	assert_true(progress_tick(&progress, S(3600), line));
	assert_false(progress_tick(&progress, S(3601), line));
	assert_int_equal(progress_wait(&progress, S(3601)), 599000);
}

static void names_what_is_under_way(void **state)
{
	struct progress progress;

	(void)state;
	progress_begin(&progress, 0);
	begin_step(&progress, VMM_STEP_MEMORY, "populating 0.0 of 8.0 GiB", S(1));
	begin_step(&progress, VMM_STEP_DEVICE, "opening 0000:01:00.0", S(4));
	begin_step(&progress, VMM_STEP_MEMORY, "populating 3.1 of 8.0 GiB", S(9));
	assert_true(progress_tick(&progress, S(10), line));
	assert_string_equal(line, "the guest has not started after 10 s; under way: "
				  "populating 3.1 of 8.0 GiB (for 9 s), opening 0000:01:00.0 (for 6 s)");
	assert_true(progress_step(&progress, VMM_STEP_MEMORY, "", S(11), line));
	assert_true(progress_tell(&progress, S(12), line));
	assert_string_equal(
		line, "the guest has not started after 12 s; under way: opening 0000:01:00.0 (for 8 s)");
}

static void of_many_the_oldest_are_named(void **state)
{
	struct progress progress;

	(void)state;
	progress_begin(&progress, 0);
	for (unsigned i = 0; i < VMM_DEVICES_MAX; i++)
		begin_step(&progress, VMM_STEP_DEVICE + i,
			   i == 20  ? "x20"
			   : i == 7 ? "x7"
				    : "another",
			   i == 20  ? S(1)
			   : i == 7 ? S(2)
				    : S(3));
	assert_true(progress_tell(&progress, S(9), line));
	assert_string_equal(line, "the guest has not started after 9 s; under way: x20 (for 8 s), "
				  "x7 (for 7 s), another (for 6 s), and 28 more");
}

static void nothing_told_is_said_so(void **state)
{
	struct progress progress;

	(void)state;
	progress_begin(&progress, 0);
	assert_true(progress_tell(&progress, S(9), line));
	assert_non_null(strstr(line, "under way: nothing that the machine told of"));
}

static void long_steps_are_worth_a_line(void **state)
{
	struct progress progress;

	(void)state;
	progress_begin(&progress, 0);
	begin_step(&progress, 0, "setting up KVM", S(1));
	assert_false(progress_step(&progress, 0, "", S(2) - 1, line));
	begin_step(&progress, 0, "resetting 0000:01:00.0", S(3));
	assert_true(progress_step(&progress, 0, "", S(4), line));
	assert_string_equal(line, "resetting 0000:01:00.0: took 1.0 s");
	/* An end without a beginning is nothing, however late. */
	assert_false(progress_step(&progress, 0, "", S(9), line));
}

static void nothing_is_told_of_what_is_over(void **state)
{
	struct progress progress;

	(void)state;
	progress_begin(&progress, 0);
	begin_step(&progress, 0, "loading the kernel", S(1));
	progress_over(&progress);
	assert_false(progress_tick(&progress, S(100), line));
	assert_false(progress_tell(&progress, S(100), line));
	assert_false(progress_step(&progress, 0, "", S(100), line));
}

/* Rows and texts come from the other process. */
static void long_texts_and_wrong_rows_do_no_harm(void **state)
{
	struct progress progress;
	char text[4096];

	(void)state;
	progress_begin(&progress, 0);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	begin_step(&progress, VMM_STEP_ROWS, "beyond", 0);
	assert_int_equal(progress.begun, 0); /* it stands behind the last row */
	for (unsigned i = 0; i < VMM_STEP_ROWS; i++)
		begin_step(&progress, i, text, 0);
	assert_true(progress_tell(&progress, UINT64_MAX, line));
	assert_true(strlen(line) < PROGRESS_LINE);
	assert_true(progress_step(&progress, VMM_STEP_ROWS - 1, "", S(9), line));
	assert_true(strlen(line) < PROGRESS_LINE);
}

static void expect_populated(struct progress *progress, uint64_t gib, uint64_t now, const char *expected)
{
	strcpy(line, "as before");
	assert_int_equal(progress_memory(progress, gib << 30, UINT64_C(8) << 30, now, line), !!expected);
	if (expected)
		assert_string_equal(line, expected);
}

static void memory_that_takes_long_is_told_until_it_is_there(void **state)
{
	struct progress progress;

	(void)state;
	progress_begin(&progress, S(1));
	expect_populated(&progress, 1, S(1), NULL); /* of a machine that lies: it has not begun */
	expect_populated(&progress, 0, S(2), NULL);
	expect_populated(&progress, 1, S(3) - 1, NULL);
	expect_populated(&progress, 2, S(4), "populating guest memory: 2.0 of 8.0 GiB, about 6 s more");
	expect_populated(&progress, 1, S(4), NULL); /* overtaken by the one before */
	expect_populated(&progress, 2, S(5), NULL); /* and nothing new */
	expect_populated(&progress, 4, S(6), "populating guest memory: 4.0 of 8.0 GiB, about 4 s more");
	expect_populated(&progress, 8, S(10), "");
	expect_populated(&progress, 8, S(10), NULL);
	expect_populated(&progress, 4, S(11), NULL);
}

static void memory_that_is_there_at_once_is_not_told(void **state)
{
	struct progress progress;

	(void)state;
	progress_begin(&progress, 0);
	expect_populated(&progress, 0, S(1), NULL);
	expect_populated(&progress, 7, S(2) - 1, NULL);
	expect_populated(&progress, 9, S(9), NULL);
	/* And a guest that has the machine cannot begin anew. */
	progress_over(&progress);
	expect_populated(&progress, 0, S(10), NULL);
	expect_populated(&progress, 1, S(20), NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(told_at_growing_intervals),
		cmocka_unit_test(waits_no_longer_than_until_the_next_line),
		cmocka_unit_test(what_was_missed_is_told_once),
		cmocka_unit_test(names_what_is_under_way),
		cmocka_unit_test(of_many_the_oldest_are_named),
		cmocka_unit_test(nothing_told_is_said_so),
		cmocka_unit_test(long_steps_are_worth_a_line),
		cmocka_unit_test(nothing_is_told_of_what_is_over),
		cmocka_unit_test(memory_that_takes_long_is_told_until_it_is_there),
		cmocka_unit_test(memory_that_is_there_at_once_is_not_told),
		cmocka_unit_test(long_texts_and_wrong_rows_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
