/* SPDX-License-Identifier: MIT */
/* The power state that the guest set, and which changes of it are allowed (spec 2.6). */
#include <linux/pci_regs.h>

#include "lib/pci/config/config.h"

unsigned pm_state(const struct lend_function *function)
{
	return function->pm ? config_state(function, function->pm + PCI_PM_CTRL, 1) & PCI_PM_CTRL_STATE_MASK
			    : 0;
}

/* From any state to D0, or down to a state that the device has. */
static bool allowed(const struct lend_function *function, unsigned from, unsigned to)
{
	uint32_t have = config_hw(function, function->pm + PCI_PM_PMC, 2);

	if (to == from || !to)
		return true;
	if (to < from || (to == 1 && !(have & PCI_PM_CAP_D1)) || (to == 2 && !(have & PCI_PM_CAP_D2)))
		return false;
	return true;
}

void pm_filter(const struct lend_function *function, unsigned offset, unsigned length, uint8_t *bytes)
{
	unsigned control = function->pm + PCI_PM_CTRL, from = pm_state(function);
	uint8_t *byte;

	if (!function->pm || control < offset || control >= offset + length)
		return;
	byte = &bytes[control - offset];
	if (!allowed(function, from, *byte & PCI_PM_CTRL_STATE_MASK))
		*byte = (uint8_t)((*byte & ~(unsigned)PCI_PM_CTRL_STATE_MASK) | from);
}
