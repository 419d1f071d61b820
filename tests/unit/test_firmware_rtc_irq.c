/* SPDX-License-Identifier: MIT */
/* The clock's interrupts: alarms, each second, each period, and the timer that it asks for. */
#include <time.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/rtc_stage.h"

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
			rtc_get(stage, C);
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
	rtc_set(stage, 5, 0x00); /* 2027-01-01 00:00:02 */
	rtc_set(stage, 3, 0x00);
	rtc_set(stage, 1, 0x02);
	assert_int_equal(stage->arms, 0); /* no interrupt is enabled */
	rtc_get(stage, C);
	rtc_set(stage, B, H24 | 0x20);
	assert_int_equal(stage->armed, 3 * SECOND - SECOND / 4);
	stage->clock += stage->armed;
	rtc_expired(&stage->rtc);
	assert_true(stage->high);
	assert_int_equal(stage->armed, -1);        /* until it is seen */
	assert_int_equal(rtc_get(stage, C), 0xf0); /* it was a second's end, too, and a period's */
	assert_false(stage->high);
	assert_int_equal(stage->armed, 86400 * SECOND);
	assert_int_equal(rtc_get(stage, C), 0);
	rtc_set(stage, B, H24);
	assert_int_equal(stage->armed, -1);
}

static void an_alarm_of_any_hour_or_second(void **state)
{
	struct stage *stage = *state;

	rtc_set(stage, B, H24 | 0x20);
	rtc_set(stage, 5, 0xff);
	rtc_set(stage, 3, 0x30);
	rtc_set(stage, 1, 0x00);
	assert_int_equal(pass(stage, 86400 * SECOND), 24);
	rtc_set(stage, 3, 0xc0);
	assert_int_equal(pass(stage, 3600 * SECOND), 60);
	rtc_set(stage, 1, 0xff);
	assert_int_equal(pass(stage, 60 * SECOND), 60);
	rtc_set(stage, 5, 0x99); /* never comes */
	assert_int_equal(stage->armed, -1);
	rtc_set(stage, B, 0x20); /* 12 hours */
	rtc_set(stage, 5, 0x92);
	rtc_set(stage, 3, 0x00);
	rtc_set(stage, 1, 0x00);
	assert_int_equal(pass(stage, 2 * 86400 * SECOND), 2);
}

/* No guest makes an access long, which others wait for: a day is not searched second by second. */
static void an_alarm_that_never_comes_costs_little(void **state)
{
	struct stage *stage = *state;
	const clock_t begin = clock();

	rtc_set(stage, 1, 0xbf);
	rtc_set(stage, 3, 0xff);
	rtc_set(stage, 5, 0xff);
	rtc_set(stage, B, H24 | 0x20);
	for (unsigned i = 0; i < 2000; i++) {
		stage->clock += SECOND;
		assert_int_equal(rtc_get(stage, C) & 0x20, 0);
	}
	assert_int_equal(stage->armed, -1);
	assert_true(clock() - begin < 3 * CLOCKS_PER_SEC);
}

/* An alarm that is set to a time that has passed since the flags were read did not happen. */
static void an_alarm_is_not_of_the_past(void **state)
{
	struct stage *stage = *state;

	stage->clock += 3 * 86400 * SECOND;
	rtc_set(stage, 5, 0x12);
	rtc_set(stage, 3, 0x00);
	rtc_set(stage, 1, 0x00);
	rtc_get(stage, C);
	rtc_set(stage, 5, 0x23);
	rtc_set(stage, 3, 0x59);
	rtc_set(stage, 1, 0x58);
	assert_int_equal(rtc_get(stage, C) & 0x20, 0);
	/* Nor does it happen while the time is held, or when that is set beyond it. */
	rtc_set(stage, 1, 0x59);
	rtc_set(stage, B, H24 | SET | 0x20);
	assert_int_equal(stage->armed, -1);
	rtc_set(stage, HOUR, 0x23);
	rtc_set(stage, MIN, 0x59);
	rtc_set(stage, SEC, 0x58);
	rtc_set(stage, B, H24 | 0x20);
	assert_int_equal(stage->armed, SECOND);
}

static void each_second_and_each_period(void **state)
{
	static const struct {
		unsigned rate, hz;
	} rows[] = {{0, 0}, {1, 256}, {2, 128}, {3, 8192}, {6, 1024}, {15, 2}};
	struct stage *stage = *state;

	stage->clock += 12345;
	rtc_set(stage, B, H24 | 0x10);
	assert_int_equal(pass(stage, 10 * SECOND), 10);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		rtc_set(stage, A, 0x20 | rows[i].rate);
		rtc_set(stage, B, H24 | 0x40);
		rtc_get(stage, C);
		/* The first may be just gone. */
		assert_in_range(pass(stage, SECOND), rows[i].hz - (rows[i].hz > 0), rows[i].hz);
		rtc_set(stage, B, H24);
	}
	/* Without an interrupt the flags tell, too. */
	rtc_get(stage, C);
	assert_int_equal(rtc_get(stage, C), 0);
	stage->clock += SECOND;
	assert_int_equal(rtc_get(stage, C), 0x50);
	rtc_set(stage, A, 0x60 | 6);
	rtc_get(stage, C);
	stage->clock += SECOND;
	assert_int_equal(rtc_get(stage, C), 0);
}

static void a_reset_ends_interrupts(void **state)
{
	struct stage *stage = *state;

	rtc_set(stage, B, H24 | 0x70);
	assert_true(stage->armed > 0);
	stage->clock += SECOND;
	rtc_expired(&stage->rtc);
	assert_true(stage->high);
	rtc_reset(&stage->rtc);
	assert_false(stage->high);
	assert_int_equal(stage->armed, -1);
	assert_int_equal(rtc_get(stage, C), 0);
	/* The host's clock is set back: nothing happens for ever, and nothing is asked for in the past. */
	rtc_set(stage, B, H24 | 0x70);
	stage->clock -= 1000 * SECOND;
	rtc_expired(&stage->rtc);
	assert_true(stage->high || stage->armed > 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rtc_stage_start, rtc_stage_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_alarm_interrupts_once),
		CASE(an_alarm_of_any_hour_or_second),
		CASE(an_alarm_that_never_comes_costs_little),
		CASE(an_alarm_is_not_of_the_past),
		CASE(each_second_and_each_period),
		CASE(a_reset_ends_interrupts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
