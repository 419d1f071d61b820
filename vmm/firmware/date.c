/* SPDX-License-Identifier: MIT */
#include "vmm/firmware/date.h"

enum { DAY_SECONDS = 86400 };

int64_t divide_down(int64_t value, int64_t by)
{
	return value / by - (value % by < 0);
}

/* Days from 1970-01-01 to the first day of a month; a year begins in March here, so that it ends with a leap
 * day. */
static int64_t days_before(int64_t year, unsigned month)
{
	unsigned from_march = (month + 9) % 12;
	int64_t y = year - (month < 3);
	const int64_t days_to_1970 = 719468; /* from 0000-03-01 */

	return 365 * y + divide_down(y, 4) - divide_down(y, 100) + divide_down(y, 400) +
	       (153 * from_march + 2) / 5 - days_to_1970;
}

struct date date_of(int64_t seconds)
{
	int64_t days = divide_down(seconds, DAY_SECONDS);
	unsigned rest = (unsigned)(seconds - days * DAY_SECONDS);
	struct date date = {.year = 1970 + divide_down(days * 400, 146097),
			    .month = 12,
			    .hour = rest / 3600,
			    .minute = rest / 60 % 60,
			    .second = rest % 60};

	/* The mean length of a year is off by two days at most. */
	while (days_before(date.year + 1, 1) <= days)
		date.year++;
	while (days_before(date.year, 1) > days)
		date.year--;
	while (days_before(date.year, date.month) > days)
		date.month--;
	date.day = (unsigned)(days - days_before(date.year, date.month)) + 1;
	date.weekday = (unsigned)(days + 4 - 7 * divide_down(days + 4, 7)) + 1; /* 1970 began on a Thursday */
	return date;
}

int64_t date_seconds(const struct date *date)
{
	int64_t months = 12 * date->year + date->month - 1, year = divide_down(months, 12);
	unsigned month = (unsigned)(months - 12 * year) + 1;

	return (days_before(year, month) + (int64_t)date->day - 1) * DAY_SECONDS + date->hour * 3600 +
	       date->minute * 60 + date->second;
}
