/* SPDX-License-Identifier: MIT */
/*
 * The clock with its memory, an MC146818 of 128 bytes behind ports 0x70 and 0x71. The guest's time
 * is the host's with what the guest has set added; it is kept over a reset, and lost at the end.
 * It interrupts at an alarm, at each second, and periodically, as the guest likes: what has happened
 * is found when the guest asks, so that a timer is needed only where an interrupt is enabled.
 *
 * A mutex guards all of it.
 */
#ifndef VMM_FIRMWARE_RTC_H
#define VMM_FIRMWARE_RTC_H

#include <pthread.h>

#include "vmm/bus.h"

enum { RTC_BYTES = 128 };

/** What the chip asks and causes. The last two are called with its lock held, so they must not call it. */
struct rtc_calls {
	int64_t (*now)(void *opaque); /* ns since 1970, UTC; any thread */
	/* rtc_expired() is to be called in so many ns, instead of what was asked for before; -1: not at all.
	 */
	void (*arm)(void *opaque, int64_t ns);
	void (*irq)(void *opaque, bool high);
	void *opaque;
};

struct rtc {
	struct rtc_calls calls;
	pthread_mutex_t lock; /* guards what is below */
	int64_t ahead;        /* seconds that the guest's clock is ahead of `now` */
	int64_t ahead_ns;     /* and a part of a second, 0 to 999999999 */
	uint8_t index, bytes[RTC_BYTES];
	bool dividers_reset; /* while the time was held */
	int64_t since;       /* what happened up to this `now` is in the flags of register C */
	bool high, armed;
};

/** `ahead`: seconds that the guest's clock is ahead of `now`. */
void rtc_init(struct rtc *rtc, int64_t ahead, const struct rtc_calls *calls);

/** As after a reset of the machine: the chip has a battery. */
void rtc_reset(struct rtc *rtc);

void rtc_free(struct rtc *rtc);

/** The time that was asked for has passed; a call too early or too many does nothing. Any thread. */
void rtc_expired(struct rtc *rtc);

extern const struct bus_ops rtc_ops; /* opaque: struct rtc; two ports */

#endif
