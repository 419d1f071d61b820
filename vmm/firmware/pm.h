/* SPDX-License-Identifier: MIT */
/*
 * The power management block of a chipset (ACPI 6.5, 4.8): the power button, the way to S5,
 * and a timer. It answers for PM_LENGTH ports.
 *
 * The registers are guarded by the chip's lock. The timer is read by every vCPU, hundreds of
 * thousands of times in a boot: that read takes no lock, allocates nothing, and calls `now` alone.
 */
#ifndef VMM_FIRMWARE_PM_H
#define VMM_FIRMWARE_PM_H

#include <pthread.h>

#include "vmm/bus.h"

enum { PM_LENGTH = 0x80, PM_TIMER_HZ = 3579545 };

/** What the chip asks and causes. */
struct pm_calls {
	uint64_t (*now)(void *opaque); /* ns of a clock that never goes back; any thread */
	/* The SCI's level. Called with the chip's lock held, so that levels come in their order. */
	void (*sci)(void *opaque, bool high);
	void (*off)(void *opaque); /* the guest switches the machine off; from a vCPU's thread */
	void *opaque;
};

struct pm {
	struct pm_calls calls;
	uint16_t events;                  /* general-purpose events that there are; set before the start */
	pthread_mutex_t lock;             /* guards what follows */
	uint16_t status, enable, control; /* PM1_STS, PM1_EN, PM1_CNT */
	/* General-purpose events, a bit each: what was seen, what may raise the SCI, and who is high now. */
	uint16_t event_status, event_enable, event_levels;
	bool high; /* the SCI's level */
};

void pm_init(struct pm *pm, const struct pm_calls *calls);

/** As after a reset of the machine. The timer goes on. */
void pm_reset(struct pm *pm);

void pm_free(struct pm *pm);

/** The level of a general-purpose event. Any thread. */
void pm_event(struct pm *pm, unsigned event, bool high);

/** Presses the power button. Any thread. */
void pm_button(struct pm *pm);

extern const struct bus_ops pm_ops; /* opaque: struct pm */

#endif
