/* SPDX-License-Identifier: MIT */
/* The data sheet of the MC146818, with the century where the FADT says that it is. */
#include <string.h>

#include "vmm/firmware/date.h"
#include "vmm/firmware/rtc.h"

enum { PORT_INDEX, PORT_DATA };
enum { SECONDS = 0, MINUTES = 2, HOURS = 4, WEEKDAY = 6, DAY = 7, MONTH = 8, YEAR = 9, CENTURY = 0x32 };
enum { REG_A = 0x0a, REG_B = 0x0b, REG_C = 0x0c, REG_D = 0x0d };
enum { SECONDS_ALARM = 1, MINUTES_ALARM = 3, HOURS_ALARM = 5, ANY = 0xc0 };
enum { A_UPDATING = 0x80, A_RESET = 0x60, A_RATE = 0x0f, A_DEFAULT = 0x26 };
enum { B_SET = 0x80, B_SQUARE_WAVE = 0x08, B_BINARY = 0x04, B_24_HOURS = 0x02 };
/* Of register B: an interrupt is enabled; of register C: it has happened. */
enum { PERIODIC = 0x40, ALARM = 0x20, UPDATED = 0x10, INTERRUPTS = PERIODIC | ALARM | UPDATED };
enum { C_REQUEST = 0x80, D_VALID = 0x80, PM = 0x80 };
/* The time is not to be read in the last part of a second; it changes at its end. */
enum { SECOND = 1000000000, UPDATE = 244000, FIRST_UPDATE = SECOND / 2, CRYSTAL_HZ = 32768 };

static const uint8_t time_registers[] = {SECONDS, MINUTES, HOURS, WEEKDAY, DAY, MONTH, YEAR, CENTURY};

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

/* The guest's clock at a time of the host's: seconds, and the part of the second that has passed. */
static int64_t guest_time_at(const struct rtc *rtc, int64_t now, int64_t *part)
{
	int64_t seconds = divide_down(now, SECOND);
	int64_t ns = now - seconds * SECOND + rtc->ahead_ns;

	*part = ns % SECOND;
	return seconds + rtc->ahead + ns / SECOND;
}

static int64_t guest_time(const struct rtc *rtc, int64_t *part)
{
	return guest_time_at(rtc, rtc->calls.now(rtc->calls.opaque), part);
}

static bool alarm_is(const struct rtc *rtc, unsigned index, uint8_t value)
{
	return (rtc->bytes[index] & ANY) == ANY || rtc->bytes[index] == value;
}

/* Whether a minute has a second that the alarm is set to. */
static bool has_second(const struct rtc *rtc)
{
	for (unsigned second = 0; second < 60; second++)
		if (alarm_is(rtc, SECONDS_ALARM, encode(rtc, second)))
			return true;
	return false;
}

/* The first second behind this one that the alarm is set to; INT64_MAX: it never comes. */
static int64_t next_alarm(const struct rtc *rtc, int64_t after)
{
	const int64_t end = after + 86400;

	if (!has_second(rtc)) /* else each second of a day would be looked at, for each access */
		return INT64_MAX;
	for (int64_t at = after + 1; at <= end;) {
		struct date date = date_of(at);

		if (!alarm_is(rtc, HOURS_ALARM, encode_hour(rtc, date.hour)))
			at += 3600 - 60 * date.minute - date.second;
		else if (!alarm_is(rtc, MINUTES_ALARM, encode(rtc, date.minute)))
			at += 60 - date.second;
		else if (!alarm_is(rtc, SECONDS_ALARM, encode(rtc, date.second)))
			at++;
		else
			return at;
	}
	return INT64_MAX;
}

/* Of the crystal, between two periodic interrupts; 0: there are none. */
static int64_t period(const struct rtc *rtc)
{
	unsigned rate = rtc->bytes[REG_A] & A_RATE;

	if (!rate || (rtc->bytes[REG_A] & A_RESET) == A_RESET)
		return 0;
	return INT64_C(1) << (rate < 3 ? rate + 6 : rate - 1);
}

static int64_t crystal(int64_t now)
{
	int64_t seconds = divide_down(now, SECOND);

	return seconds * CRYSTAL_HZ + (now - seconds * SECOND) * CRYSTAL_HZ / SECOND;
}

/* Puts into register C what has happened since it was done last. To be called before what it depends on
 * changes.
 */
static void latch(struct rtc *rtc)
{
	int64_t now = rtc->calls.now(rtc->calls.opaque), since = rtc->since, part;
	int64_t first = guest_time_at(rtc, since, &part), last = guest_time_at(rtc, now, &part);
	uint8_t flags = 0;

	if (period(rtc) && crystal(now) / period(rtc) != crystal(since) / period(rtc))
		flags |= PERIODIC;
	if (!is_held(rtc) && first != last)
		flags |= UPDATED | (next_alarm(rtc, first) <= last ? ALARM : 0);
	rtc->bytes[REG_C] |= flags;
	rtc->since = now;
}

/* How long it is from `since` to the next event that interrupts, in ns; -1: none does. */
static int64_t next_event(const struct rtc *rtc)
{
	const uint8_t enabled = is_held(rtc) ? rtc->bytes[REG_B] & PERIODIC : rtc->bytes[REG_B];
	int64_t part, seconds = guest_time_at(rtc, rtc->since, &part), next = INT64_MAX, at;

	if (enabled & UPDATED)
		next = SECOND - part;
	if (enabled & ALARM) {
		at = next_alarm(rtc, seconds);
		if (at != INT64_MAX && (at - seconds) * SECOND - part < next)
			next = (at - seconds) * SECOND - part;
	}
	if (enabled & PERIODIC && period(rtc)) {
		at = (period(rtc) - crystal(rtc->since) % period(rtc)) * SECOND / CRYSTAL_HZ + 1;
		next = at < next ? at : next;
	}
	return next == INT64_MAX ? -1 : next;
}

/* After a change: raises or lowers the interrupt, and asks for the next one. */
static void settle(struct rtc *rtc)
{
	bool high = rtc->bytes[REG_B] & rtc->bytes[REG_C] & INTERRUPTS;
	int64_t next = high ? -1 : next_event(rtc);

	if (high != rtc->high)
		rtc->calls.irq(rtc->calls.opaque, high);
	rtc->high = high;
	if (next >= 0 || rtc->armed)
		rtc->calls.arm(rtc->calls.opaque, next);
	rtc->armed = next >= 0;
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

	rtc->ahead += date_seconds(&date) - seconds;
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

/* The guest has seen what happened. */
static uint8_t take_flags(struct rtc *rtc)
{
	uint8_t flags;

	latch(rtc);
	flags = rtc->bytes[REG_C];
	if (flags & rtc->bytes[REG_B] & INTERRUPTS)
		flags |= C_REQUEST;
	rtc->bytes[REG_C] = 0;
	settle(rtc);
	return flags;
}

static uint8_t data_read(struct rtc *rtc)
{
	int64_t part;

	if (rtc->index == REG_C)
		return take_flags(rtc);
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

static void time_write(struct rtc *rtc, uint8_t value)
{
	if (!is_held(rtc))
		load_time(rtc);
	rtc->bytes[rtc->index] = value;
	if (!is_held(rtc))
		take_time(rtc);
}

static void data_write(struct rtc *rtc, uint8_t value)
{
	const uint8_t index = rtc->index;

	/* Flags are cleared by a read; that the memory is valid cannot be changed. */
	if (index == REG_C || index == REG_D)
		return;
	if (index > REG_B && index != CENTURY) {
		rtc->bytes[index] = value;
		return;
	}
	latch(rtc);
	if (index == REG_A || index == REG_B)
		control_write(rtc, value);
	else if (is_time(index))
		time_write(rtc, value);
	else
		rtc->bytes[index] = value; /* of the alarm */
	settle(rtc);
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

void rtc_init(struct rtc *rtc, int64_t ahead, const struct rtc_calls *calls)
{
	*rtc = (struct rtc){.calls = *calls, .ahead = ahead, .since = calls->now(calls->opaque)};
	rtc->bytes[REG_A] = A_DEFAULT;
	rtc->bytes[REG_B] = B_24_HOURS;
	rtc->bytes[REG_D] = D_VALID;
	pthread_mutex_init(&rtc->lock, NULL);
}

void rtc_reset(struct rtc *rtc)
{
	pthread_mutex_lock(&rtc->lock);
	latch(rtc);
	rtc->bytes[REG_B] = (uint8_t)(rtc->bytes[REG_B] & ~(INTERRUPTS | B_SQUARE_WAVE));
	rtc->bytes[REG_C] = 0;
	settle(rtc);
	pthread_mutex_unlock(&rtc->lock);
}

void rtc_expired(struct rtc *rtc)
{
	pthread_mutex_lock(&rtc->lock);
	latch(rtc);
	settle(rtc);
	pthread_mutex_unlock(&rtc->lock);
}

void rtc_free(struct rtc *rtc)
{
	pthread_mutex_destroy(&rtc->lock);
}
