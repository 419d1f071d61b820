/* SPDX-License-Identifier: MIT */
/* PCI Local Bus 3.0, chapter 6; PCI Express Base 6.0, 7.2.2 (ECAM). */
#include "io.h"
#include "pci.h"
#include "serial.h"

enum { HEADER_TYPE = 0x0e, SECONDARY_BUS = 0x19 };

static uint64_t ecam;
static unsigned forced_gsi;

void pci_init(uint64_t base)
{
	ecam = base;
}

uint64_t pci_read(unsigned address, unsigned offset, unsigned width)
{
	return memory_read(ecam + ((uint64_t)address << 12) + offset, width);
}

void pci_write(unsigned address, unsigned offset, unsigned width, uint64_t value)
{
	memory_write(ecam + ((uint64_t)address << 12) + offset, width, value);
}

void pci_command(unsigned address, unsigned set, unsigned clear)
{
	uint64_t command = pci_read(address, PCI_COMMAND, 2);

	pci_write(address, PCI_COMMAND, 2, (command | set) & ~(uint64_t)clear);
}

unsigned pci_capability(unsigned address, unsigned id)
{
	unsigned at = PCI_CAPABILITIES;

	if (!(pci_read(address, PCI_STATUS, 2) & 0x10))
		return 0;
	for (unsigned i = 0; i < 48; i++) {
		at = (unsigned)pci_read(address, at, 1) & 0xfc;
		if (!at || pci_read(address, at, 1) == id)
			return at;
		at++;
	}
	return 0;
}

struct bar pci_bar(unsigned address, unsigned number)
{
	unsigned at = PCI_BAR0 + 4 * number;
	uint64_t low = pci_read(address, at, 4);
	struct bar bar = {.there = low != 0 && low != UINT32_MAX};

	bar.ports = low & 1;
	bar.wide = !bar.ports && (low & 6) == 4;
	bar.prefetchable = !bar.ports && low & 8;
	bar.base = low & (bar.ports ? ~3ULL : ~15ULL);
	if (bar.wide)
		bar.base |= pci_read(address, at + 4, 4) << 32;
	return bar;
}

struct bar pci_config(unsigned address)
{
	return (struct bar){.there = true, .base = ecam + ((uint64_t)address << 12)};
}

static uint64_t size_half(unsigned address, unsigned at)
{
	uint64_t before = pci_read(address, at, 4), ones;

	pci_write(address, at, 4, UINT32_MAX);
	ones = pci_read(address, at, 4);
	pci_write(address, at, 4, before);
	return ones;
}

uint64_t pci_bar_size(unsigned address, unsigned number)
{
	struct bar bar = pci_bar(address, number);
	uint64_t command = pci_read(address, PCI_COMMAND, 2), mask;
	unsigned at = PCI_BAR0 + 4 * number;

	pci_command(address, 0, COMMAND_PORTS | COMMAND_MEMORY);
	mask = size_half(address, at) & (bar.ports ? ~3ULL : ~15ULL);
	if (bar.wide)
		mask |= size_half(address, at + 4) << 32;
	else if (mask)
		mask |= 0xffffffff00000000;
	pci_write(address, PCI_COMMAND, 2, command);
	return -mask;
}

uint64_t bar_read(const struct bar *bar, uint64_t offset, unsigned width)
{
	if (bar->ports)
		return port_read((uint16_t)(bar->base + offset), width);
	return memory_read(bar->base + offset, width);
}

void bar_write(const struct bar *bar, uint64_t offset, unsigned width, uint64_t value)
{
	if (bar->ports)
		port_write((uint16_t)(bar->base + offset), width, value);
	else
		memory_write(bar->base + offset, width, value);
}

void pci_set_gsi(unsigned gsi)
{
	forced_gsi = gsi;
}

/* The bridge of the root bus to another bus. */
static unsigned bridge_to(unsigned bus)
{
	for (unsigned slot = 0; slot < 32; slot++)
		if (pci_read(slot << 3, 0, 4) != 0xffffffff && (pci_read(slot << 3, HEADER_TYPE, 1) & 0x7f) == 1 &&
		    pci_read(slot << 3, SECONDARY_BUS, 1) == bus)
			return slot << 3;
	return 0;
}

unsigned pci_gsi(unsigned address)
{
	unsigned pin = (unsigned)pci_read(address, PCI_PIN, 1) - 1;

	/* A bridge turns the pins by its slots (PCI-to-PCI Bridge 1.2, 9.1). */
	if (address >> 8) {
		pin = (pin + (address >> 3 & 31)) & 3;
		address = bridge_to(address >> 8);
	}
	return forced_gsi ? forced_gsi : 16 + (((address >> 3 & 31) + pin) & 7);
}

static void say_bars(unsigned address, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct bar bar = pci_bar(address, i);
		uint64_t size = pci_bar_size(address, i);

		if (size)
			say(" %u:%s%s:0x%lx:0x%lx", i, bar.prefetchable ? "pref" : "",
			    bar.ports ? "io" : (bar.wide ? "mem64" : "mem32"), bar.base, size);
		i += bar.wide;
	}
}

static void say_capabilities(unsigned address)
{
	for (unsigned id = 1; id < 0x16; id++)
		if (pci_capability(address, id))
			say(" cap%02x", id);
}

/* ADDRESS VENDOR:DEVICE CLASS, BARs as NUMBER:KIND:BASE:SIZE, capabilities as capID */
static void say_function(unsigned address, unsigned type)
{
	say("; %02x:%02x.%u %04lx:%04lx %06lx", address >> 8, address >> 3 & 31, address & 7,
	    pci_read(address, 0, 2), pci_read(address, 2, 2), pci_read(address, 8, 4) >> 8);
	say_bars(address, type == 0 ? 6 : 2);
	say_capabilities(address);
}

static void scan_bus(unsigned bus)
{
	for (unsigned slot = 0; slot < 32; slot++) {
		unsigned count = 1;

		for (unsigned function = 0; function < count; function++) {
			unsigned address = bus << 8 | slot << 3 | function, type, secondary;

			if (pci_read(address, 0, 2) == 0xffff)
				continue;
			type = (unsigned)pci_read(address, 0xe, 1);
			if (type & 0x80)
				count = 8;
			say_function(address, type & 0x7f);
			secondary = (unsigned)pci_read(address, 0x19, 1);
			if ((type & 0x7f) == 1 && secondary > bus)
				scan_bus(secondary);
		}
	}
}

void pci_scan(void)
{
	scan_bus(0);
}
