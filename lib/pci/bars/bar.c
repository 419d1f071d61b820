/* SPDX-License-Identifier: MIT */
/*
 * The registers of BARs as the guest sees them (spec 3). Sizes come from VFIO's
 * region info; types are read from the device once, when the function is made.
 * A guest sizes a BAR by the mask of its register, whatever value it writes.
 */
#include <errno.h>

#include <linux/pci_regs.h>

#include "lib/error.h"
#include "lib/pci/bars/bar.h"
#include "lib/pci/config/config.h"
#include "lib/sized.h"

static unsigned reg(unsigned index)
{
	return index == LEND_REGION_ROM ? PCI_ROM_ADDRESS : PCI_BASE_ADDRESS_0 + 4 * index;
}

static int check(const struct lend_function *function, unsigned index, struct lend_error *error)
{
	const struct bar *bar = &function->bars[index];
	unsigned long long size = bar->guest.size;

	if (bar->guest.io && size > UINT32_C(1) << 16)
		return error_say(error, -EPROTO, "%s: I/O BAR %u has %llu ports, more than there are",
				 function->name, index, size);
	if (!bar->guest.io && size < 16)
		return error_say(error, -EPROTO,
				 "%s: BAR %u has %llu bytes, fewer than its register can tell",
				 function->name, index, size);
	if (!bar->guest.is_64 && size > UINT32_C(1) << 31)
		return error_say(error, -EPROTO,
				 "%s: 32-bit BAR %u has %llu bytes, too many for its register",
				 function->name, index, size);
	if (bar->guest.is_64 && (index == LEND_DEVICE_BARS - 1 || function->device->regions[index + 1].size))
		return error_say(error, -EPROTO, "%s: 64-bit BAR %u has no room for its upper half",
				 function->name, index);
	return 0;
}

void bar_registers(struct lend_function *function, unsigned index)
{
	const struct lend_bar *guest = &function->bars[index].guest;
	uint64_t mask = ~(guest->size - 1);
	uint32_t type = guest->io ? PCI_BASE_ADDRESS_SPACE_IO
				  : (guest->is_64 ? PCI_BASE_ADDRESS_MEM_TYPE_64 : 0) |
					    (guest->prefetchable ? PCI_BASE_ADDRESS_MEM_PREFETCH : 0);

	if (guest->io && guest->size < 4)
		mask = PCI_BASE_ADDRESS_IO_MASK;
	config_set_bits(function, reg(index), 4, UINT32_MAX, type);
	config_set_writable(function, reg(index), 4, (uint32_t)mask);
	if (guest->is_64)
		config_set_writable(function, reg(index + 1), 4, (uint32_t)(mask >> 32));
}

static int setup(struct lend_function *function, unsigned index, struct lend_error *error)
{
	struct bar *bar = &function->bars[index];
	uint32_t type = config_hw(function, reg(index), 4);
	int ret;

	bar->guest.size = function->device->regions[index].size;
	if (!bar->guest.size)
		return 0;
	bar->guest.io = type & PCI_BASE_ADDRESS_SPACE_IO;
	bar->guest.is_64 = !bar->guest.io && (type & PCI_BASE_ADDRESS_MEM_TYPE_64);
	bar->guest.prefetchable = !bar->guest.io && (type & PCI_BASE_ADDRESS_MEM_PREFETCH);
	ret = check(function, index, error);
	if (ret < 0)
		return ret;
	bar_registers(function, index);
	return 0;
}

int bars_setup(struct lend_function *function, struct lend_error *error)
{
	for (unsigned i = 0; i < LEND_DEVICE_BARS; i++) {
		int ret = setup(function, i, error);

		if (ret < 0)
			return ret;
		if (function->bars[i].guest.is_64)
			i++;
	}
	return 0;
}

void lend_function_bar(const struct lend_function *function, unsigned index, struct lend_bar *out,
		       size_t size)
{
	const struct lend_bar bar = index < LEND_BARS ? function->bars[index].guest : (struct lend_bar){0};

	sized_give(out, size, &bar, sizeof(bar));
}

/* A BAR at another address is not placed, and that is no error: a guest writes such ones to size it
 * (spec 3.3). */
static bool acceptable(const struct lend_bar *bar, lend_gpa_t address)
{
	uint64_t last = address + (bar->size - 1);

	if (!address || last < address)
		return false;
	if (bar->io)
		return last <= UINT16_MAX;
	if (!bar->is_64)
		return last < UINT32_MAX;
	return !(last >> 63); /* no processor has such addresses: the guest sizes the BAR */
}

bool bar_wanted(const struct lend_function *function, unsigned index, lend_gpa_t *address)
{
	const struct lend_bar *bar = &function->bars[index].guest;
	uint32_t command = config_state(function, PCI_COMMAND, 2);
	lend_gpa_t at;

	if (!bar->size || function->withheld & WITHHELD_BARS || pm_state(function))
		return false;
	if (!(command & (bar->io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY)))
		return false;
	at = config_state(function, reg(index), 4);
	if (index == LEND_REGION_ROM && !(at & PCI_ROM_ADDRESS_ENABLE))
		return false;
	if (index == LEND_REGION_ROM)
		at &= PCI_ROM_ADDRESS_MASK;
	at &= bar->io ? PCI_BASE_ADDRESS_IO_MASK : PCI_BASE_ADDRESS_MEM_MASK;
	if (bar->is_64)
		at |= (lend_gpa_t)config_state(function, reg(index + 1), 4) << 32;
	if (!acceptable(bar, at))
		return false;
	*address = at;
	return true;
}
