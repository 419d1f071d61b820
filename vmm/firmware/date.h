/* SPDX-License-Identifier: MIT */
/*
 * Dates of the Gregorian calendar, before 1970 too. The C library's functions are not used: the first
 * call of one opens the file of the time zone, which the sandbox forbids.
 */
#ifndef VMM_FIRMWARE_DATE_H
#define VMM_FIRMWARE_DATE_H

#include <stdint.h>

struct date {
	int64_t year;        /* with its century */
	unsigned month, day; /* from 1 */
	unsigned weekday;    /* 1: Sunday; not read by date_seconds() */
	unsigned hour, minute, second;
};

/** The quotient, rounded towards minus infinity. `by` is positive. */
int64_t divide_down(int64_t value, int64_t by);

/** The date of so many seconds since 1970, without leap seconds. */
struct date date_of(int64_t seconds);

/**
 * The other way. What is no date becomes one: the 31st of June is the 1st of July, the 60th
 * second is the next minute. Numbers are 255 at most, years below 100000.
 */
int64_t date_seconds(const struct date *date);

#endif
