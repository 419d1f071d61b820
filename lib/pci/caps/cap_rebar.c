/* SPDX-License-Identifier: MIT */
/*
 * Resizable BARs keep their size (spec 2.5): the capability offers the present
 * size alone, because VFIO's region cannot change while the device is open.
 */
#include <linux/pci_regs.h>

#include "lib/pci/caps/capabilities.h"
#include "lib/pci/config/config.h"

enum {
	ENTRY = 8,
	SIZE_SHIFT = 8,
	SIZE_MASK = 0x3f,
	SIZE_BIT = 4, /* bit n + 4 of the capability register stands for size n (1 MiB << n) */
	BIT_MAX = 31,
};

#define KEPT (PCI_REBAR_CTRL_BAR_IDX | PCI_REBAR_CTRL_NBAR_MASK | (uint32_t)SIZE_MASK << SIZE_SHIFT)

unsigned rebar_count(const struct lend_function *function, unsigned at)
{
	unsigned count = (config_hw(function, at + PCI_REBAR_CTRL, 4) & PCI_REBAR_CTRL_NBAR_MASK) >>
			 PCI_REBAR_CTRL_NBAR_SHIFT;

	return count <= LEND_DEVICE_BARS ? count : 0;
}

struct rebar rebar_entry(const struct lend_function *function, unsigned at, unsigned i)
{
	struct rebar entry = {.at = at + PCI_REBAR_CAP + i * ENTRY};

	entry.sizes = config_hw(function, entry.at, 4);
	entry.control = config_hw(function, entry.at + 4, 4);
	entry.bit = (entry.control >> SIZE_SHIFT & SIZE_MASK) + SIZE_BIT;
	return entry;
}

int rebar_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error)
{
	unsigned count = rebar_count(function, cap->offset);

	(void)error;
	if (!count || PCI_REBAR_CAP + count * ENTRY > cap->room)
		return CAP_HIDE;
	for (unsigned i = 0; i < count; i++)
		if (rebar_entry(function, cap->offset, i).bit > BIT_MAX)
			return CAP_HIDE;
	for (unsigned i = 0; i < count; i++) {
		struct rebar entry = rebar_entry(function, cap->offset, i);

		config_set_virtual(function, entry.at, 4, UINT32_C(1) << entry.bit);
		config_set_virtual(function, entry.at + 4, 4, entry.control & KEPT);
	}
	return 0;
}
