/* SPDX-License-Identifier: MIT */
/*
 * Power management (PCI Power Management 1.2). The guest reads the device's
 * register. The state keeps the power state that the guest set last: it decides
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
