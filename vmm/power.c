/* SPDX-License-Identifier: MIT */
/*
 * ACPI 6.5: 4.8.3.7 (sleep control and status of a hardware-reduced platform),
 * 4.8.3.6 (reset register), 5.6.9 (Generic Event Device).
 */
#include <unistd.h>

#include "vmm/power.h"
#include "vmm/x86/layout.h"

enum { SLP_EN = 0x20, SLP_TYP_SHIFT = 2, SLP_TYP_MASK = 7 };
enum { PVPANIC_PANICKED = 1, PVPANIC_CRASHLOADED = 2 };

void power_button(struct power *power)
{
	uint64_t one = 1;

	/* The write fails only when the counter is full, and then KVM has presses still to deliver. */
	if (write(power->irq, &one, sizeof(one)) < 0)
		return;
}

static uint64_t power_read(void *opaque, uint64_t offset, unsigned length)
{
	(void)opaque;
	(void)offset;
	return length == 1 ? 0 : UINT64_MAX;
}

static void power_write(void *opaque, uint64_t offset, unsigned length, uint64_t value)
{
	struct power *power = opaque;

	(void)length;
	if (offset == PORT_SLEEP_CONTROL - PORT_POWER && (value & SLP_EN) &&
	    ((value >> SLP_TYP_SHIFT) & SLP_TYP_MASK) == SLEEP_TYPE_S5)
		power->request(power->opaque, POWER_OFF);
	if (offset == PORT_RESET - PORT_POWER && (value & 0xff) == RESET_VALUE)
		power->request(power->opaque, POWER_RESET);
}

const struct bus_ops power_ops = {.read = power_read, .write = power_write};

static uint64_t pvpanic_read(void *opaque, uint64_t offset, unsigned length)
{
	(void)opaque;
	(void)offset;
	(void)length;
	return PVPANIC_PANICKED; /* the events that are understood */
}

static void pvpanic_write(void *opaque, uint64_t offset, unsigned length, uint64_t value)
{
	struct power *power = opaque;

	(void)offset;
	(void)length;
	if (value & PVPANIC_PANICKED)
		power->request(power->opaque, POWER_PANIC);
}

const struct bus_ops pvpanic_ops = {.read = pvpanic_read, .write = pvpanic_write};
