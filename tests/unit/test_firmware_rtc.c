/* SPDX-License-Identifier: MIT */
/* The clock: each format, setting it, dates that are none, and its memory. */
#include <stdlib.h>
#include <time.h>

#include "tests/unit/cmocka.h"
#include "vmm/firmware/rtc.h"

enum { SEC, MIN = 2, HOUR = 4, WDAY = 6, MDAY = 7, MON = 8, YEAR = 9, A, B, C, D, CENTURY = 0x32 };
enum { SET = 0x80, BINARY = 4, H24 = 2 };

#define SECOND INT64_C(1000000000)
#define START  INT64_C(1798761599) /* 2026-12-31 23:59:59, a Thursday */

struct stage {
	struct rtc rtc;
	int64_t clock, armed; /* -1: no timer */
	unsigned arms;
	bool high;
};

static int64_t now(void *opaque)
{
	return ((struct stage *)opaque)->clock;
}

static void arm(void *opaque, int64_t ns)
{
	struct stage *stage = opaque;

	assert_true(ns == -1 || ns > 0);
	stage->armed = ns;
	stage->arms++;
}

static void irq(void *opaque, bool high)
{
	struct stage *stage = opaque;

	assert_int_equal(stage->high, !high);
	stage->high = high;
}

static void start(struct stage *stage, int64_t ahead)
{
	const struct rtc_calls calls = {now, arm, irq, stage};

	stage->armed = -1;
	rtc_init(&stage->rtc, ahead, &calls);
}

static int set_up(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	stage->clock = START * SECOND;
	start(stage, 0);
	*state = stage;
	return 0;
}

static int tear_down(void **state)
{
	struct stage *stage = *state;

	rtc_free(&stage->rtc);
	free(stage);
	return 0;
}

static unsigned get(struct stage *stage, unsigned index)
{
	rtc_ops.write(&stage->rtc, 0, 1, index);
	return (unsigned)rtc_ops.read(&stage->rtc, 1, 1);
}

static void set(struct stage *stage, unsigned index, unsigned value)
{
	rtc_ops.write(&stage->rtc, 0, 1, index);
	rtc_ops.write(&stage->rtc, 1, 1, value);
}

/* Year with century, month, … as 14 decimal digits; all registers are BCD. */
static uint64_t stamp(struct stage *stage)
{
	static const unsigned order[] = {CENTURY, YEAR, MON, MDAY, HOUR, MIN, SEC};
	uint64_t value = 0;

	for (unsigned i = 0; i < sizeof(order) / sizeof(*order); i++)
		value = value * 100 + (get(stage, order[i]) >> 4) * 10 + (get(stage, order[i]) & 15);
	return value;
}

static void expect_time(struct stage *stage, uint64_t want)
{
	assert_int_equal(stamp(stage), want);
}

static void the_time_is_the_hosts(void **state)
{
	struct stage *stage = *state;

	assert_int_equal(get(stage, C), 0);
	expect_time(stage, 20261231235959);
	assert_int_equal(get(stage, WDAY), 5);
	stage->clock += SECOND;
	expect_time(stage, 20270101000000);
	assert_int_equal(get(stage, WDAY), 6);
	assert_int_equal(get(stage, A), 0x26);
	assert_int_equal(get(stage, B), H24);
	assert_int_equal(get(stage, D), 0x80);
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
		start(stage, seconds);
		assert_int_equal(stamp(stage) / 1000000,
				 (tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday);
		assert_int_equal(get(stage, WDAY), tm.tm_wday + 1);
		assert_int_equal(get(stage, HOUR), 0x23);
		rtc_free(&stage->rtc);
	}
	start(stage, 0);
}

static void binary_and_twelve_hours(void **state)
{
	static const struct {
		unsigned hour, bcd, binary;
	} rows[] = {{0, 0x12, 12},    {1, 0x01, 1},     {11, 0x11, 11},
		    {12, 0x92, 0x8c}, {13, 0x81, 0x81}, {23, 0x91, 0x8b}};
	struct stage *stage = *state;

	set(stage, B, BINARY | H24);
	assert_int_equal(get(stage, SEC), 59);
	assert_int_equal(get(stage, YEAR), 26);
	assert_int_equal(get(stage, CENTURY), 20);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		stage->clock = (START - 86399 + rows[i].hour * 3600) * SECOND;
		set(stage, B, 0);
		assert_int_equal(get(stage, HOUR), rows[i].bcd);
		set(stage, HOUR, rows[i].bcd); /* the same hour when written */
		set(stage, B, BINARY);
		assert_int_equal(get(stage, HOUR), rows[i].binary);
		set(stage, HOUR, rows[i].binary);
		set(stage, B, H24);
		assert_int_equal(get(stage, HOUR), rows[i].hour / 10 << 4 | rows[i].hour % 10);
	}
}

static void set_holds_the_time(void **state)
{
	struct stage *stage = *state;

	set(stage, B, SET | H24);
	stage->clock += 5 * SECOND;
	expect_time(stage, 20261231235959);
	set(stage, SEC, 0x30);
	set(stage, MIN, 0x15);
	set(stage, HOUR, 0x08);
	set(stage, MDAY, 0x29);
	set(stage, MON, 0x02);
	set(stage, YEAR, 0x28);
	assert_int_equal(get(stage, A) & 0x80, 0);
	stage->clock += SECOND / 4;
	set(stage, B, H24);
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
	set(stage, B, SET | H24);
	set(stage, A, 0x76);
	stage->clock += SECOND;
	set(stage, A, 0x26);
	set(stage, SEC, 0x10);
	set(stage, B, H24);
	assert_int_equal(get(stage, SEC), 0x10);
	stage->clock += SECOND / 2 - 1;
	assert_int_equal(get(stage, SEC), 0x10);
	assert_int_equal(get(stage, A) & 0x80, 0x80);
	stage->clock += 1;
	assert_int_equal(get(stage, SEC), 0x11);
	assert_int_equal(get(stage, A) & 0x80, 0);
	stage->clock += SECOND;
	assert_int_equal(get(stage, SEC), 0x12);
}

static void registers_are_set_while_the_clock_goes(void **state)
{
	struct stage *stage = *state;

	set(stage, CENTURY, 0x19);
	set(stage, MIN, 0x01);
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
		start(stage, 0);
		set(stage, rows[i].index, rows[i].value);
		expect_time(stage, rows[i].becomes);
	}
}

/* Anything may be written, and no sum overflows. */
static void all_ones_are_survived(void **state)
{
	struct stage *stage = *state;

	for (unsigned round = 0; round < 1000; round++)
		for (unsigned i = 0; i < RTC_BYTES; i++) {
			set(stage, i, i == B ? round & 0x86 : 0xff);
			get(stage, i);
		}
	assert_int_equal(get(stage, D), 0x80);
	assert_int_equal(get(stage, C), 0);
}

static void memory_is_kept(void **state)
{
	struct stage *stage = *state;

	assert_int_equal(get(stage, 0x0f), 0);
	set(stage, 0x0f | 0x80, 0x0a); /* bit 7 of the index is the NMI's */
	set(stage, 0x7f, 0x55);
	set(stage, 0x3f, 0x66);
	set(stage, D, 0);
	rtc_reset(&stage->rtc);
	assert_int_equal(get(stage, 0x0f), 0x0a);
	assert_int_equal(get(stage, 0xff), 0x55);
	assert_int_equal(get(stage, D), 0x80);
	set(stage, B, SET | 0x78 | H24);
	rtc_reset(&stage->rtc);
	assert_int_equal(get(stage, B), SET | H24);
}

static void other_accesses_reach_nothing(void **state)
{
	struct stage *stage = *state;

	set(stage, 0x40, 1);
	rtc_ops.write(&stage->rtc, 0, 2, 0x0241);
	rtc_ops.write(&stage->rtc, 1, 2, 7);
	assert_int_equal(rtc_ops.read(&stage->rtc, 0, 1), UINT64_MAX);
	assert_int_equal(rtc_ops.read(&stage->rtc, 0, 2), UINT64_MAX);
	assert_int_equal(rtc_ops.read(&stage->rtc, 1, 4), UINT64_MAX);
	assert_int_equal(rtc_ops.read(&stage->rtc, 1, 1), 1);
}

/* Time passes; the timer ends when it was asked to, to the nanosecond. Returns how often it interrupted. */
static unsigned pass(struct stage *stage, int64_t ns)
{
	unsigned count = 0;

	while (stage->armed >= 0 && stage->armed <= ns) {
		ns -= stage->armed;
		stage->clock += stage->armed;
		stage->armed = -1;
		rtc_expired(&stage->rtc);
		if (stage->high) {
			count++;
			get(stage, C);
			assert_false(stage->high);
		}
	}
	stage->clock += ns;
	if (stage->armed >= 0)
		stage->armed -= ns;
	return count;
}

static void an_alarm_interrupts_once(void **state)
{
	struct stage *stage = *state;

	stage->clock += SECOND / 4;
	set(stage, 5, 0x00); /* 2027-01-01 00:00:02 */
	set(stage, 3, 0x00);
	set(stage, 1, 0x02);
	assert_int_equal(stage->arms, 0); /* no interrupt is enabled */
	get(stage, C);
	set(stage, B, H24 | 0x20);
	assert_int_equal(stage->armed, 3 * SECOND - SECOND / 4);
	stage->clock += stage->armed;
	rtc_expired(&stage->rtc);
	assert_true(stage->high);
	assert_int_equal(stage->armed, -1);    /* until it is seen */
	assert_int_equal(get(stage, C), 0xf0); /* it was a second's end, too, and a period's */
	assert_false(stage->high);
	assert_int_equal(stage->armed, 86400 * SECOND);
	assert_int_equal(get(stage, C), 0);
	set(stage, B, H24);
	assert_int_equal(stage->armed, -1);
}

static void an_alarm_of_any_hour_or_second(void **state)
{
	struct stage *stage = *state;

	set(stage, B, H24 | 0x20);
	set(stage, 5, 0xff);
	set(stage, 3, 0x30);
	set(stage, 1, 0x00);
	assert_int_equal(pass(stage, 86400 * SECOND), 24);
	set(stage, 3, 0xc0);
	assert_int_equal(pass(stage, 3600 * SECOND), 60);
	set(stage, 1, 0xff);
	assert_int_equal(pass(stage, 60 * SECOND), 60);
	set(stage, 5, 0x99); /* never comes */
	assert_int_equal(stage->armed, -1);
	set(stage, B, 0x20); /* 12 hours */
	set(stage, 5, 0x92);
	set(stage, 3, 0x00);
	set(stage, 1, 0x00);
	assert_int_equal(pass(stage, 2 * 86400 * SECOND), 2);
}

/* An alarm that is set to a time that has passed since the flags were read did not happen. */
/* No guest makes an access long, which others wait for: a day is not searched second by second. */
static void an_alarm_that_never_comes_costs_little(void **state)
{
	struct stage *stage = *state;
	const clock_t begin = clock();

	set(stage, 1, 0xbf);
	set(stage, 3, 0xff);
	set(stage, 5, 0xff);
	set(stage, B, H24 | 0x20);
	for (unsigned i = 0; i < 2000; i++) {
		stage->clock += SECOND;
		assert_int_equal(get(stage, C) & 0x20, 0);
	}
	assert_int_equal(stage->armed, -1);
	assert_true(clock() - begin < 3 * CLOCKS_PER_SEC);
}

static void an_alarm_is_not_of_the_past(void **state)
{
	struct stage *stage = *state;

	stage->clock += 3 * 86400 * SECOND;
	set(stage, 5, 0x12);
	set(stage, 3, 0x00);
	set(stage, 1, 0x00);
	get(stage, C);
	set(stage, 5, 0x23);
	set(stage, 3, 0x59);
	set(stage, 1, 0x58);
	assert_int_equal(get(stage, C) & 0x20, 0);
	/* Nor does it happen while the time is held, or when that is set beyond it. */
	set(stage, 1, 0x59);
	set(stage, B, H24 | SET | 0x20);
	assert_int_equal(stage->armed, -1);
	set(stage, HOUR, 0x23);
	set(stage, MIN, 0x59);
	set(stage, SEC, 0x58);
	set(stage, B, H24 | 0x20);
	assert_int_equal(stage->armed, SECOND);
}

static void each_second_and_each_period(void **state)
{
	static const struct {
		unsigned rate, hz;
	} rows[] = {{0, 0}, {1, 256}, {2, 128}, {3, 8192}, {6, 1024}, {15, 2}};
	struct stage *stage = *state;

	stage->clock += 12345;
	set(stage, B, H24 | 0x10);
	assert_int_equal(pass(stage, 10 * SECOND), 10);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		set(stage, A, 0x20 | rows[i].rate);
		set(stage, B, H24 | 0x40);
		get(stage, C);
		/* The first may be just gone. */
		assert_in_range(pass(stage, SECOND), rows[i].hz - (rows[i].hz > 0), rows[i].hz);
		set(stage, B, H24);
	}
	/* Without an interrupt the flags tell, too. */
	get(stage, C);
	assert_int_equal(get(stage, C), 0);
	stage->clock += SECOND;
	assert_int_equal(get(stage, C), 0x50);
	set(stage, A, 0x60 | 6);
	get(stage, C);
	stage->clock += SECOND;
	assert_int_equal(get(stage, C), 0);
}

static void a_reset_ends_interrupts(void **state)
{
	struct stage *stage = *state;

	set(stage, B, H24 | 0x70);
	assert_true(stage->armed > 0);
	stage->clock += SECOND;
	rtc_expired(&stage->rtc);
	assert_true(stage->high);
	rtc_reset(&stage->rtc);
	assert_false(stage->high);
	assert_int_equal(stage->armed, -1);
	assert_int_equal(get(stage, C), 0);
	/* The host's clock is set back: nothing happens for ever, and nothing is asked for in the past. */
	set(stage, B, H24 | 0x70);
	stage->clock -= 1000 * SECOND;
	rtc_expired(&stage->rtc);
	assert_true(stage->high || stage->armed > 0);
}

static void the_offset_is_the_users(void **state)
{
	struct stage *stage = *state;

	rtc_free(&stage->rtc);
	start(stage, -7200);
	expect_time(stage, 20261231215959);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_time_is_the_hosts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_day_of_four_centuries_is_right, set_up, tear_down),
		cmocka_unit_test_setup_teardown(binary_and_twelve_hours, set_up, tear_down),
		cmocka_unit_test_setup_teardown(set_holds_the_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(stopped_dividers_start_half_a_second_before_the_next, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(registers_are_set_while_the_clock_goes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_date_becomes_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(all_ones_are_survived, set_up, tear_down),
		cmocka_unit_test_setup_teardown(memory_is_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(other_accesses_reach_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_alarm_interrupts_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_alarm_of_any_hour_or_second, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_alarm_that_never_comes_costs_little, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_alarm_is_not_of_the_past, set_up, tear_down),
		cmocka_unit_test_setup_teardown(each_second_and_each_period, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_reset_ends_interrupts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_offset_is_the_users, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
