/* SPDX-License-Identifier: MIT */
/*
 * The legacy VGA ranges answer when BARs do: while COMMAND decodes them and the
 * function is in D0. In a guest one function has them at a time: the monitor
 * refuses a second one.
 */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lib/error.h"
#include "lib/le.h"
#include "lib/pci/config/config.h"
#include "lib/pci/ledger/ledger.h"

enum { CLASS_VGA = 0x0300 };

static const struct range {
	uint32_t start, end;
	bool ports;
} ranges[] = {
	{0x3b0, 0x3bc, true},
	{0x3c0, 0x3e0, true},
	{0xa0000, 0xc0000, false},
};

bool vga_on(const struct lend_function *function)
{
	return function->vga.on;
}

int vga_setup(struct lend_function *function, struct lend_error *error)
{
	const struct lend_region *region = &function->device->regions[LEND_REGION_VGA];
	uint32_t class = config_shown(function, PCI_CLASS_DEVICE, 2);

	if (!function->quirk_options.vga)
		return 0;
	if (class != CLASS_VGA) {
		function_log(function, LEND_LOG_INFO, "is no VGA adapter (class %04x): x-vga has no effect",
			     class);
		return 0;
	}
	if (!region->readable || !region->writable || region->size < VGA_REGION_SIZE)
		return error_say(error, -ENOTSUP,
				 "%s: the kernel does not hand its VGA ranges over (it needs "
				 "CONFIG_VFIO_PCI_VGA, and vfio-pci without disable_vga): leave x-vga out",
				 function->name);
	function->vga.on = true;
	return 0;
}

static bool decodes(const struct lend_function *function, uint32_t bit)
{
	return function->vga.on && !(function->withheld & WITHHELD_BARS) && !pm_state(function) &&
	       config_state(function, PCI_COMMAND, 2) & bit;
}

static bool has(const struct lend_function *function, unsigned which)
{
	return is_out(function, OUT_VGA, which);
}

static int tell(struct lend_function *function, bool memory, bool ports)
{
	if (memory == has(function, OUT_VGA_MEMORY) && ports == has(function, OUT_VGA_PORTS))
		return 0;
	return give_vga(function, memory, ports);
}

int vga_disable(struct lend_function *function)
{
	return tell(function, has(function, OUT_VGA_MEMORY) && decodes(function, PCI_COMMAND_MEMORY),
		    has(function, OUT_VGA_PORTS) && decodes(function, PCI_COMMAND_IO));
}

void vga_enable(struct lend_function *function)
{
	int ret = tell(function, decodes(function, PCI_COMMAND_MEMORY), decodes(function, PCI_COMMAND_IO));

	if (ret < 0)
		function_log(function, LEND_LOG_WARNING, "the machine cannot place its VGA ranges: %s",
			     strerror(-ret));
}

/* How many of the `length` bytes at `address` are in a range that answers now. */
static unsigned reach(struct lend_function *function, uint32_t address, unsigned length)
{
	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
		const struct range *range = &ranges[i];

		if (address < range->start || address >= range->end || length > 8)
			continue;
		if (!has(function, range->ports ? OUT_VGA_PORTS : OUT_VGA_MEMORY))
			break;
		return range->end - address < length ? range->end - address : length;
	}
	count_one(function->counters.ignored);
	return 0;
}

uint64_t lend_function_vga_read(struct lend_function *function, uint32_t address, unsigned length)
{
	uint8_t bytes[8];

	memset(bytes, 0xff, sizeof(bytes));
	window_read(function, LEND_REGION_VGA, address, bytes, reach(function, address, length));
	return le_load(bytes, length < 8 ? length : 8);
}

void lend_function_vga_write(struct lend_function *function, uint32_t address, unsigned length,
			     uint64_t value)
{
	uint8_t bytes[8];

	le_store(bytes, sizeof(bytes), value);
	window_write(function, LEND_REGION_VGA, address, bytes, reach(function, address, length));
}
