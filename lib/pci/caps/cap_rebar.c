/* SPDX-License-Identifier: MIT */
/*
 * Resizable BARs, frozen (spec 2.5): the one size on offer is the one that the
 * BAR has, because VFIO's region cannot change while it is open.
 */
#include <linux/pci_regs.h>

#include "lib/pci/caps/capabilities.h"
#include "lib/pci/config/config.h"

enum {
	FIRST = 4, /* offset of the first entry: capability, control */
	ENTRY = 8,
	COUNT_SHIFT = 5,
	SIZE_SHIFT = 8,
	SIZE_MASK = 0x3f,
	SIZE_BIT = 4,      /* bit n + 4 of the capability register stands for size n (1 MiB << n) */
	SIZE_MAX_BIT = 27, /* the largest one that it has a bit for */
};

#define KEPT (PCI_REBAR_CTRL_BAR_IDX | PCI_REBAR_CTRL_NBAR_MASK | (uint32_t)SIZE_MASK << SIZE_SHIFT)

int rebar_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error)
{
	unsigned count =
		(config_hw(function, cap->offset + FIRST + 4, 4) & PCI_REBAR_CTRL_NBAR_MASK) >> COUNT_SHIFT;

	(void)error;
	if (!count || count > BAR_COUNT || FIRST + count * ENTRY > cap->room)
		return CAP_HIDE;
	for (unsigned i = 0; i < count; i++) {
		uint32_t control = config_hw(function, cap->offset + FIRST + i * ENTRY + 4, 4);

		if ((control >> SIZE_SHIFT & SIZE_MASK) > SIZE_MAX_BIT)
			return CAP_HIDE;
	}
	for (unsigned i = 0; i < count; i++) {
		unsigned at = cap->offset + FIRST + i * ENTRY;
		uint32_t control = config_hw(function, at + 4, 4);

		config_set_virtual(function, at, 4,
				   UINT32_C(1) << ((control >> SIZE_SHIFT & SIZE_MASK) + SIZE_BIT));
		config_set_virtual(function, at + 4, 4, control & KEPT);
	}
	return 0;
}
