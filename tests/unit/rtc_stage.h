/* SPDX-License-Identifier: MIT */
/* A clock chip on a clock that the test moves, and what it asks for. */
#ifndef TESTS_UNIT_RTC_STAGE_H
#define TESTS_UNIT_RTC_STAGE_H

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

/* Set-up and tear-down of a test; its state is the stage. */
int rtc_stage_start(void **state);
int rtc_stage_end(void **state);

/* Makes the chip; the one before it is freed. */
void rtc_stage_make(struct stage *stage, int64_t ahead);

/* Registers. */
unsigned rtc_get(struct stage *stage, unsigned index);
void rtc_set(struct stage *stage, unsigned index, unsigned value);

#endif
