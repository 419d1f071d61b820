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

/*
 * A guest without ACPI (acpi=off, a loader, another system) resets the machine
 * by one of these. There is no device behind them: no more is answered than a
 * program needs to get to its write.
 */
static const struct {
	uint16_t port;
	uint8_t reads;
	uint8_t mask, value; /* a write whose bits under the mask are these resets */
} reset_rows[RESET_PORTS] = {
	/* Nothing waits in either buffer. 0xf0 to 0xff pulse output lines; line 0 is the reset. */
	{PORT_KEYBOARD, 0, 0xf1, 0xf0},
	/* The A20 line is on, always. Bit 0 is the fast reset. */
	{PORT_SYSTEM, 0x02, 0x01, 0x01},
	/* Bit 1 says which kind of reset, bit 2 starts it. */
	{PORT_RESET_CONTROL, 0, 0x04, 0x04},
};

static uint64_t reset_port_read(void *opaque, uint64_t offset, unsigned length)
{
	const struct reset_port *port = opaque;

	(void)offset;
	if (port->power->no_keyboard && reset_rows[port->row].port == PORT_KEYBOARD)
		return UINT64_MAX;
	return length == 1 ? reset_rows[port->row].reads : UINT64_MAX;
}

static void reset_port_write(void *opaque, uint64_t offset, unsigned length, uint64_t value)
{
	const struct reset_port *port = opaque;

	(void)offset;
	(void)length;
	if ((value & reset_rows[port->row].mask) == reset_rows[port->row].value)
		port->power->request(port->power->opaque, POWER_RESET);
}

static const struct bus_ops reset_port_ops = {.read = reset_port_read, .write = reset_port_write};

int power_add_reset_ports(struct power *power, struct bus *ports)
{
	int ret = 0;

	for (unsigned i = 0; i < RESET_PORTS && !ret; i++) {
		const struct bus_range range = {.start = reset_rows[i].port,
						.length = 1,
						.ops = &reset_port_ops,
						.opaque = &power->reset_ports[i]};

		power->reset_ports[i] = (struct reset_port){power, i};
		ret = bus_add(ports, &range);
	}
	return ret;
}

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
