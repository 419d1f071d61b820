/* SPDX-License-Identifier: MIT */
/* The clock: each format, setting it, dates that are none, and its memory. */
#include <time.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/rtc_stage.h"

/* Year with century, month, … as 14 decimal digits; all registers are BCD. */
static uint64_t stamp(struct stage *stage)
{
	static const unsigned order[] = {CENTURY, YEAR, MON, MDAY, HOUR, MIN, SEC};
	uint64_t value = 0;

	for (unsigned i = 0; i < sizeof(order) / sizeof(*order); i++)
		value = value * 100 + (rtc_get(stage, order[i]) >> 4) * 10 + (rtc_get(stage, order[i]) & 15);
	return value;
}

static void expect_time(struct stage *stage, uint64_t want)
{
	assert_int_equal(stamp(stage), want);
}

static void the_time_is_the_hosts(void **state)
{
	struct stage *stage = *state;

	assert_int_equal(rtc_get(stage, C), 0);
	expect_time(stage, 20261231235959);
	assert_int_equal(rtc_get(stage, WDAY), 5);
	stage->clock += SECOND;
	expect_time(stage, 20270101000000);
	assert_int_equal(rtc_get(stage, WDAY), 6);
	assert_int_equal(rtc_get(stage, A), 0x26);
	assert_int_equal(rtc_get(stage, B), H24);
	assert_int_equal(rtc_get(stage, D), 0x80);
}

static void every_day_of_four_centuries_is_right(void **state)
{
	struct stage *stage = *state;

	rtc_free(&stage->rtc);
	for (int64_t day = -200 * 366; day < 200 * 366; day++) {
		time_t seconds = day * 86400 + 86399;
		struct tm tm;

		gmtime_r(&seconds, &tm);
		stage->clock = 0;
		rtc_stage_make(stage, seconds);
		assert_int_equal(stamp(stage) / 1000000,
				 (tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday);
		assert_int_equal(rtc_get(stage, WDAY), tm.tm_wday + 1);
		assert_int_equal(rtc_get(stage, HOUR), 0x23);
		rtc_free(&stage->rtc);
	}
	rtc_stage_make(stage, 0);
}

static void binary_and_twelve_hours(void **state)
{
	static const struct {
		unsigned hour, bcd, binary;
	} rows[] = {{0, 0x12, 12},    {1, 0x01, 1},     {11, 0x11, 11},
		    {12, 0x92, 0x8c}, {13, 0x81, 0x81}, {23, 0x91, 0x8b}};
	struct stage *stage = *state;

	rtc_set(stage, B, BINARY | H24);
	assert_int_equal(rtc_get(stage, SEC), 59);
	assert_int_equal(rtc_get(stage, YEAR), 26);
	assert_int_equal(rtc_get(stage, CENTURY), 20);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		stage->clock = (START - 86399 + rows[i].hour * 3600) * SECOND;
		rtc_set(stage, B, 0);
		assert_int_equal(rtc_get(stage, HOUR), rows[i].bcd);
		rtc_set(stage, HOUR, rows[i].bcd); /* the same hour when written */
		rtc_set(stage, B, BINARY);
		assert_int_equal(rtc_get(stage, HOUR), rows[i].binary);
		rtc_set(stage, HOUR, rows[i].binary);
		rtc_set(stage, B, H24);
		assert_int_equal(rtc_get(stage, HOUR), rows[i].hour / 10 << 4 | rows[i].hour % 10);
	}
}

static void set_holds_the_time(void **state)
{
	struct stage *stage = *state;

	rtc_set(stage, B, SET | H24);
	stage->clock += 5 * SECOND;
	expect_time(stage, 20261231235959);
	rtc_set(stage, SEC, 0x30);
	rtc_set(stage, MIN, 0x15);
	rtc_set(stage, HOUR, 0x08);
	rtc_set(stage, MDAY, 0x29);
	rtc_set(stage, MON, 0x02);
	rtc_set(stage, YEAR, 0x28);
	assert_int_equal(rtc_get(stage, A) & 0x80, 0);
	stage->clock += SECOND / 4;
	rtc_set(stage, B, H24);
	expect_time(stage, 20280229081530);
	stage->clock += SECOND / 2; /* the part of the second is the host's still */
	expect_time(stage, 20280229081530);
	stage->clock += SECOND / 4;
	expect_time(stage, 20280229081531);
	stage->clock += 86400 * SECOND;
	expect_time(stage, 20280301081531);
}

static void stopped_dividers_start_half_a_second_before_the_next(void **state)
{
	struct stage *stage = *state;

	stage->clock += SECOND / 3;
	rtc_set(stage, B, SET | H24);
	rtc_set(stage, A, 0x76);
	stage->clock += SECOND;
	rtc_set(stage, A, 0x26);
	rtc_set(stage, SEC, 0x10);
	rtc_set(stage, B, H24);
	assert_int_equal(rtc_get(stage, SEC), 0x10);
	stage->clock += SECOND / 2 - 1;
	assert_int_equal(rtc_get(stage, SEC), 0x10);
	assert_int_equal(rtc_get(stage, A) & 0x80, 0x80);
	stage->clock += 1;
	assert_int_equal(rtc_get(stage, SEC), 0x11);
	assert_int_equal(rtc_get(stage, A) & 0x80, 0);
	stage->clock += SECOND;
	assert_int_equal(rtc_get(stage, SEC), 0x12);
}

static void registers_are_set_while_the_clock_goes(void **state)
{
	struct stage *stage = *state;

	rtc_set(stage, CENTURY, 0x19);
	rtc_set(stage, MIN, 0x01);
	expect_time(stage, 19261231230159);
}

static void what_is_no_date_becomes_one(void **state)
{
	static const struct {
		unsigned index, value;
		uint64_t becomes;
	} rows[] = {
		{SEC, 0x60, 20270101000000}, /* a leap second */
		{MON, 0x00, 20251231235959},  {MON, 0x06, 20260701235959},
		{MDAY, 0x00, 20261130235959}, {HOUR, 0x24, 20270101005959},
	};
	struct stage *stage = *state;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		rtc_free(&stage->rtc);
		rtc_stage_make(stage, 0);
		rtc_set(stage, rows[i].index, rows[i].value);
		expect_time(stage, rows[i].becomes);
	}
}

/* Anything may be written, and no sum overflows. */
static void all_ones_are_survived(void **state)
{
	struct stage *stage = *state;

	for (unsigned round = 0; round < 1000; round++)
		for (unsigned i = 0; i < RTC_BYTES; i++) {
			rtc_set(stage, i, i == B ? round & 0x86 : 0xff);
			rtc_get(stage, i);
		}
	assert_int_equal(rtc_get(stage, D), 0x80);
	assert_int_equal(rtc_get(stage, C), 0);
}

static void memory_is_kept(void **state)
{
	struct stage *stage = *state;

	assert_int_equal(rtc_get(stage, 0x0f), 0);
	rtc_set(stage, 0x0f | 0x80, 0x0a); /* bit 7 of the index is the NMI's */
	rtc_set(stage, 0x7f, 0x55);
	rtc_set(stage, 0x3f, 0x66);
	rtc_set(stage, D, 0);
	rtc_reset(&stage->rtc);
	assert_int_equal(rtc_get(stage, 0x0f), 0x0a);
	assert_int_equal(rtc_get(stage, 0xff), 0x55);
	assert_int_equal(rtc_get(stage, D), 0x80);
	rtc_set(stage, B, SET | 0x78 | H24);
	rtc_reset(&stage->rtc);
	assert_int_equal(rtc_get(stage, B), SET | H24);
}

static void other_accesses_reach_nothing(void **state)
{
	struct stage *stage = *state;

	rtc_set(stage, 0x40, 1);
	rtc_ops.write(&stage->rtc, 0, 2, 0x0241);
	rtc_ops.write(&stage->rtc, 1, 2, 7);
	assert_int_equal(rtc_ops.read(&stage->rtc, 0, 1), UINT64_MAX);
	assert_int_equal(rtc_ops.read(&stage->rtc, 0, 2), UINT64_MAX);
	assert_int_equal(rtc_ops.read(&stage->rtc, 1, 4), UINT64_MAX);
	assert_int_equal(rtc_ops.read(&stage->rtc, 1, 1), 1);
}

static void the_offset_is_the_users(void **state)
{
	struct stage *stage = *state;

	rtc_free(&stage->rtc);
	rtc_stage_make(stage, -7200);
	expect_time(stage, 20261231215959);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rtc_stage_start, rtc_stage_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_time_is_the_hosts),
		CASE(every_day_of_four_centuries_is_right),
		CASE(binary_and_twelve_hours),
		CASE(set_holds_the_time),
		CASE(stopped_dividers_start_half_a_second_before_the_next),
		CASE(registers_are_set_while_the_clock_goes),
		CASE(what_is_no_date_becomes_one),
		CASE(all_ones_are_survived),
		CASE(memory_is_kept),
		CASE(other_accesses_reach_nothing),
		CASE(the_offset_is_the_users),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
