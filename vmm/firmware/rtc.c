/* SPDX-License-Identifier: MIT */
/*
 * The data sheet of the MC146818, with the century where the FADT says that it is. The C library's
 * functions for dates are not used: the first call of one opens the file of the time zone.
 */
#include <string.h>

#include "vmm/firmware/rtc.h"

enum { PORT_INDEX, PORT_DATA };
enum { SECONDS = 0, MINUTES = 2, HOURS = 4, WEEKDAY = 6, DAY = 7, MONTH = 8, YEAR = 9, CENTURY = 0x32 };
enum { REG_A = 0x0a, REG_B = 0x0b, REG_C = 0x0c, REG_D = 0x0d };
enum { A_UPDATING = 0x80, A_DIVIDERS = 0x70, A_RESET = 0x60, A_DEFAULT = 0x26 };
enum { B_SET = 0x80, B_INTERRUPTS = 0x78, B_BINARY = 0x04, B_24_HOURS = 0x02 };
enum { D_VALID = 0x80, PM = 0x80 };
/* The time is not to be read in the last part of a second; it changes at its end. */
enum { SECOND = 1000000000, UPDATE = 244000, FIRST_UPDATE = SECOND / 2, DAY_SECONDS = 86400 };

static const uint8_t time_registers[] = {SECONDS, MINUTES, HOURS, WEEKDAY, DAY, MONTH, YEAR, CENTURY};

struct date {
	int64_t year;                                       /* with its century */
	unsigned month, day, weekday, hour, minute, second; /* 1 to 12, 1 to 31, 1 (Sunday) to 7 */
};

static int64_t divide_down(int64_t value, int64_t by)
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

static struct date date_of(int64_t seconds)
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

/* What a guest wrote may be no date: the 31st of June is the 1st of July, the 60th second the next minute. */
static int64_t seconds_of(const struct date *date)
{
	int64_t months = 12 * date->year + date->month - 1, year = divide_down(months, 12);
	unsigned month = (unsigned)(months - 12 * year) + 1;

	return (days_before(year, month) + (int64_t)date->day - 1) * DAY_SECONDS + date->hour * 3600 +
	       date->minute * 60 + date->second;
}

static uint8_t encode(const struct rtc *rtc, unsigned value)
{
	return (uint8_t)(rtc->bytes[REG_B] & B_BINARY ? value : value / 10 << 4 | value % 10);
}

static unsigned decode(const struct rtc *rtc, uint8_t byte)
{
	return rtc->bytes[REG_B] & B_BINARY ? byte : (byte >> 4) * 10u + (byte & 15u);
}

static uint8_t encode_hour(const struct rtc *rtc, unsigned hour)
{
	if (rtc->bytes[REG_B] & B_24_HOURS)
		return encode(rtc, hour);
	return (uint8_t)(encode(rtc, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? PM : 0));
}

static unsigned decode_hour(const struct rtc *rtc, uint8_t byte)
{
	if (rtc->bytes[REG_B] & B_24_HOURS)
		return decode(rtc, byte);
	return decode(rtc, byte & (PM - 1)) % 12 + (byte & PM ? 12 : 0);
}

/* Whether the time stands still and its registers are the guest's. */
static bool is_held(const struct rtc *rtc)
{
	return rtc->bytes[REG_B] & B_SET || (rtc->bytes[REG_A] & A_RESET) == A_RESET;
}

/* The guest's clock: seconds, and the part of the second that has passed. */
static int64_t guest_time(const struct rtc *rtc, int64_t *part)
{
	int64_t now = rtc->now(rtc->opaque), seconds = divide_down(now, SECOND);
	int64_t ns = now - seconds * SECOND + rtc->ahead_ns;

	*part = ns % SECOND;
	return seconds + rtc->ahead + ns / SECOND;
}

/* Puts the time into its registers. */
static void load_time(struct rtc *rtc)
{
	int64_t part;
	struct date date = date_of(guest_time(rtc, &part));
	int64_t century = divide_down(date.year, 100);

	rtc->bytes[SECONDS] = encode(rtc, date.second);
	rtc->bytes[MINUTES] = encode(rtc, date.minute);
	rtc->bytes[HOURS] = encode_hour(rtc, date.hour);
	rtc->bytes[WEEKDAY] = encode(rtc, date.weekday);
	rtc->bytes[DAY] = encode(rtc, date.day);
	rtc->bytes[MONTH] = encode(rtc, date.month);
	rtc->bytes[YEAR] = encode(rtc, (unsigned)(date.year - 100 * century));
	rtc->bytes[CENTURY] = encode(rtc, (unsigned)(century - 100 * divide_down(century, 100)));
}

/* Lets the clock go on from what the registers say. The weekday follows from the date. */
static void take_time(struct rtc *rtc)
{
	const struct date date = {
		.year = 100 * (int64_t)decode(rtc, rtc->bytes[CENTURY]) + decode(rtc, rtc->bytes[YEAR]),
		.month = decode(rtc, rtc->bytes[MONTH]),
		.day = decode(rtc, rtc->bytes[DAY]),
		.hour = decode_hour(rtc, rtc->bytes[HOURS]),
		.minute = decode(rtc, rtc->bytes[MINUTES]),
		.second = decode(rtc, rtc->bytes[SECONDS]),
	};
	int64_t part, seconds = guest_time(rtc, &part);

	rtc->ahead += seconds_of(&date) - seconds;
	if (!rtc->dividers_reset)
		return;
	/* The first update comes half a second after the dividers were started. */
	rtc->dividers_reset = false;
	rtc->ahead_ns += FIRST_UPDATE - part;
	rtc->ahead += divide_down(rtc->ahead_ns, SECOND);
	rtc->ahead_ns -= divide_down(rtc->ahead_ns, SECOND) * SECOND;
}

static bool is_time(uint8_t index)
{
	return memchr(time_registers, index, sizeof(time_registers));
}

static uint8_t data_read(struct rtc *rtc)
{
	int64_t part;

	if (is_time(rtc->index) && !is_held(rtc))
		load_time(rtc);
	if (rtc->index == REG_A && !is_held(rtc)) {
		guest_time(rtc, &part);
		return rtc->bytes[REG_A] | (part >= SECOND - UPDATE ? A_UPDATING : 0);
	}
	return rtc->bytes[rtc->index];
}

static void control_write(struct rtc *rtc, uint8_t value)
{
	bool was_held = is_held(rtc);

	if (!was_held)
		load_time(rtc); /* in the format that was said so far */
	rtc->bytes[rtc->index] = rtc->index == REG_A ? value & (A_UPDATING - 1) : value;
	rtc->dividers_reset |= (rtc->bytes[REG_A] & A_RESET) == A_RESET;
	if (was_held && !is_held(rtc))
		take_time(rtc);
}

static void data_write(struct rtc *rtc, uint8_t value)
{
	switch (rtc->index) {
	case REG_A:
	case REG_B:
		control_write(rtc, value);
		return;
	case REG_C: /* flags of interrupts, none of which is set */
	case REG_D:
		return;
	}
	if (is_time(rtc->index) && !is_held(rtc)) {
		load_time(rtc);
		rtc->bytes[rtc->index] = value;
		take_time(rtc);
	} else {
		rtc->bytes[rtc->index] = value;
	}
}

static uint64_t rtc_read(void *opaque, uint64_t offset, unsigned length)
{
	struct rtc *rtc = opaque;
	uint64_t value;

	if (offset != PORT_DATA || length != 1)
		return UINT64_MAX; /* the index cannot be read back */
	pthread_mutex_lock(&rtc->lock);
	value = data_read(rtc);
	pthread_mutex_unlock(&rtc->lock);
	return value;
}

static void rtc_write(void *opaque, uint64_t offset, unsigned length, uint64_t value)
{
	struct rtc *rtc = opaque;

	if (length != 1)
		return;
	pthread_mutex_lock(&rtc->lock);
	if (offset == PORT_INDEX)
		rtc->index = value % RTC_BYTES; /* bit 7 masks the NMI of a PC */
	else
		data_write(rtc, (uint8_t)value);
	pthread_mutex_unlock(&rtc->lock);
}

const struct bus_ops rtc_ops = {.read = rtc_read, .write = rtc_write};

void rtc_init(struct rtc *rtc, int64_t ahead, int64_t (*now)(void *opaque), void *opaque)
{
	*rtc = (struct rtc){.now = now, .opaque = opaque, .ahead = ahead};
	rtc->bytes[REG_A] = A_DEFAULT;
	rtc->bytes[REG_B] = B_24_HOURS;
	rtc->bytes[REG_D] = D_VALID;
	pthread_mutex_init(&rtc->lock, NULL);
}

void rtc_reset(struct rtc *rtc)
{
	pthread_mutex_lock(&rtc->lock);
	rtc->bytes[REG_B] = (uint8_t)(rtc->bytes[REG_B] & ~B_INTERRUPTS);
	pthread_mutex_unlock(&rtc->lock);
}

void rtc_free(struct rtc *rtc)
{
	pthread_mutex_destroy(&rtc->lock);
}
