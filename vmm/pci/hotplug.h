/* SPDX-License-Identifier: MIT */
/*
 * Hotplug behind root ports, by ACPI: the chip that the AML of x86/ssdt_hotplug.asl reads and writes.
 *
 * A slot is that of a root port on bus 0, a bit in each register. The machine says that a device
 * came, shall go, or is gone. The interrupt is a level: it stays up until the guest has taken all
 * that is pending, so that nothing is lost before the guest listens.
 *
 * The guest may write anything at any time. What it says of a slot reaches the machine once for
 * each thing that the machine said of it.
 */
#ifndef VMM_PCI_HOTPLUG_H
#define VMM_PCI_HOTPLUG_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/bus.h"

enum {
	HOTPLUG_LENGTH = 16,
	HOTPLUG_CHANGED = 0,  /* slots where a device came or is gone; a one clears */
	HOTPLUG_ASKED = 4,    /* slots whose device shall go; a one clears */
	HOTPLUG_EJECT = 8,    /* write: slots whose device the guest has let go */
	HOTPLUG_OUTCOME = 12, /* write: slot << 24 | event << 8 | status, as _OST gets the last two */
};

/** What the chip causes. From a vCPU's thread, without a lock of the chip, unless it says else. */
struct hotplug_calls {
	/* The guest has let the device go: nothing of its driver is left. */
	void (*ejected)(void *opaque, unsigned slot);
	/* The guest does not let it go; `status` is that of _OST (ACPI 6.5, table 6.66). */
	void (*refused)(void *opaque, unsigned slot, uint32_t status);
	/* The guest was told that the device came. */
	void (*seen)(void *opaque, unsigned slot);
	/* The interrupt's level. From any thread, with the chip's lock held, so that levels come in order. */
	void (*level)(void *opaque, bool high);
	void *opaque;
};

struct hotplug {
	struct hotplug_calls calls;
	uint32_t ports; /* the slots that there are */
	pthread_mutex_t lock;
	/* Guarded by it. Bits of slots. */
	uint32_t present;            /* a device is there, as the guest can see */
	uint32_t changed, asked;     /* what the guest has not taken yet */
	uint32_t unseen, unanswered; /* it came, and it shall go, and the guest has not said a word */
	bool high;
};

/** `ports`: slots of root ports; `present`: those of them that have a device when the guest starts. */
void hotplug_init(struct hotplug *hotplug, const struct hotplug_calls *calls, uint32_t ports,
		  uint32_t present);
void hotplug_free(struct hotplug *hotplug);

/* Any thread. `slot` is one of a root port. */

/** A device is there: its config space answers from now on. */
void hotplug_came(struct hotplug *hotplug, unsigned slot);
/** Asks the guest to let the device go; each call asks again. */
void hotplug_ask(struct hotplug *hotplug, unsigned slot);
/** The device was taken by surprise: its config space does not answer any more. */
void hotplug_gone(struct hotplug *hotplug, unsigned slot);

/** One function of a slot was taken by surprise, and others are still there. */
void hotplug_changed(struct hotplug *hotplug, unsigned slot);

/** The machine is reset: devices stay, and what the guest was told or asked is forgotten. */
void hotplug_reset(struct hotplug *hotplug);

extern const struct bus_ops hotplug_ops; /* opaque: struct hotplug */

#endif
