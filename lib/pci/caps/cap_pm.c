/* SPDX-License-Identifier: MIT */
/*
 * Power management (PCI Power Management 1.2). The guest reads the device's
 * register; the state keeps the power state that it last set, which decides
 * whether BARs answer (spec 2.6).
 */
#include <linux/pci_regs.h>

#include "lib/pci/caps/capabilities.h"
#include "lib/pci/config/config.h"

int pm_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error)
{
	unsigned control = cap->offset + PCI_PM_CTRL;

	(void)error;
	function->pm = cap->offset;
	config_store(function, control, 1, config_hw(function, control, 1) & PCI_PM_CTRL_STATE_MASK);
	config_set_writable(function, control, 1, PCI_PM_CTRL_STATE_MASK);
	config_set_hook(function, control, 1, HOOK_DECODE);
	return 0;
}

unsigned pm_state(const struct lend_function *function)
{
	return function->pm ? config_state(function, function->pm + PCI_PM_CTRL, 1) & PCI_PM_CTRL_STATE_MASK
			    : 0;
}

/* Down the states that the device has, or straight back to D0. */
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
