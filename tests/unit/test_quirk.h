/* SPDX-License-Identifier: MIT */
/* What the tests of quirks share. */
#ifndef TESTS_UNIT_TEST_QUIRK_H
#define TESTS_UNIT_TEST_QUIRK_H

#include <errno.h>

#include <linux/pci_regs.h>

#include "tests/unit/test_pci.h"

#define DECODE (PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER)

/* A device of some maker, not opened yet. */
static inline struct world *device(uint32_t vendor, uint32_t id, uint32_t class_code)
{
	struct world *world = world_new();

	world_set(world, PCI_VENDOR_ID, 4, vendor | id << 16);
	world_set(world, PCI_CLASS_REVISION, 4, class_code << 8);
	return world;
}

/* Opens it and places BAR `bar` at 0xe0000000, or 0xc000 if it is of ports; all decode is on. */
static inline struct world *run(struct world *world, unsigned bar)
{
	bool io = world->config[PCI_BASE_ADDRESS_0 + 4 * bar] & 1;

	assert_int_equal(world_open(world), 0);
	world_write(world, PCI_BASE_ADDRESS_0 + 4 * bar, 4, io ? 0xc000 : 0xe0000000);
	world_write(world, PCI_COMMAND, 2, DECODE);
	world_clear(world);
	return world;
}

static inline uint64_t bar_get(struct world *world, unsigned bar, uint64_t offset, unsigned length)
{
	return lend_function_bar_read(world->function, bar, offset, length);
}

static inline void bar_put(struct world *world, unsigned bar, uint64_t offset, unsigned length,
			   uint64_t value)
{
	lend_function_bar_write(world->function, bar, offset, length, value);
}

static inline uint64_t vga_get(struct world *world, uint32_t address, unsigned length)
{
	return lend_function_vga_read(world->function, address, length);
}

static inline void vga_put(struct world *world, uint32_t address, unsigned length, uint64_t value)
{
	lend_function_vga_write(world->function, address, length, value);
}

static inline bool recorded(const struct world *world, const char *text)
{
	return world_find(world, 0, text) >= 0;
}

#endif
