/* SPDX-License-Identifier: MIT */
/*
 * The clock with its memory, an MC146818 of 128 bytes behind ports 0x70 and 0x71. The guest's time
 * is the host's with what the guest has set added; it is kept over a reset, and lost at the end.
 * Nothing of it interrupts.
 *
 * A mutex guards all of it.
 */
#ifndef VMM_FIRMWARE_RTC_H
#define VMM_FIRMWARE_RTC_H

#include <pthread.h>

#include "vmm/bus.h"

enum { RTC_BYTES = 128 };

struct rtc {
	int64_t (*now)(void *opaque); /* ns since 1970, UTC; any thread */
	void *opaque;
	pthread_mutex_t lock;
	int64_t ahead;    /* seconds that the guest's clock is ahead of `now` */
	int64_t ahead_ns; /* and a part of a second, 0 to 999999999 */
	uint8_t index, bytes[RTC_BYTES];
	bool dividers_reset; /* while the time was held */
};

void rtc_init(struct rtc *rtc, int64_t ahead, int64_t (*now)(void *opaque), void *opaque);

/** As after a reset of the machine: the chip has a battery. */
void rtc_reset(struct rtc *rtc);

void rtc_free(struct rtc *rtc);

extern const struct bus_ops rtc_ops; /* opaque: struct rtc; two ports */

#endif
