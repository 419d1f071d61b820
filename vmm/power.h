/* SPDX-License-Identifier: MIT */
/*
 * The fixed I/O ports that ACPI names: sleep control and status (S5 is power
 * off), the reset register, the Generic Event Device's power button, and
 * pvpanic. Addresses are in x86/layout.h, the AML in x86/dsdt.asl.
 */
#ifndef VMM_POWER_H
#define VMM_POWER_H

#include <stdint.h>

#include "vmm/bus.h"

enum power_request { POWER_OFF, POWER_RESET, POWER_PANIC };

struct power {
	int irq; /* eventfd of an irqfd on the GED's GSI; taken over */
	void (*request)(void *opaque, enum power_request request); /* from a vCPU's thread */
	void *opaque;
};

void power_button(struct power *power);

extern const struct bus_ops power_ops, pvpanic_ops; /* opaque: struct power */

#endif
