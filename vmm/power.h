/* SPDX-License-Identifier: MIT */
/*
 * The fixed I/O ports that ACPI names: sleep control and status (S5 is power
 * off), the reset register, the Generic Event Device's power button, and
 * pvpanic. Besides, the ports by which a PC is reset without ACPI. Addresses are
 * in x86/fixed.h, the AML in x86/dsdt.asl.
 */
#ifndef VMM_POWER_H
#define VMM_POWER_H

#include <stdint.h>

#include "vmm/bus.h"

enum power_request { POWER_OFF, POWER_RESET, POWER_PANIC };

struct power;

/** A port by which programs that know no ACPI reset a PC; the opaque of reset_port_ops. */
struct reset_port {
	struct power *power;
	unsigned row; /* of reset_rows */
};
enum { RESET_PORTS = 3 };

struct power {
	int irq;          /* eventfd of an irqfd on the GED's GSI; taken over; -1: there is none */
	bool no_keyboard; /* nothing answers for a keyboard controller; its reset works all the same */
	void (*request)(void *opaque, enum power_request request); /* from a vCPU's thread */
	void *opaque;
	struct reset_port reset_ports[RESET_PORTS]; /* filled in by power_add_reset_ports() */
};

/** Puts the ports by which a PC is reset on a bus: 0 or negative errno. */
int power_add_reset_ports(struct power *power, struct bus *ports);

void power_button(struct power *power);

extern const struct bus_ops power_ops, pvpanic_ops; /* opaque: struct power */

#endif
