/* SPDX-License-Identifier: MIT */
/*
 * A BAR that the kernel withdrew. The kernel does not serve BARs while decode is
 * off in the device, or the device is not in D0; a reset, or a program on the
 * host, may have changed that without our knowledge. A guest's access then ends
 * in an error of the hypervisor. The cure is to remove the BARs: accesses trap
 * and read all ones. The guest's next write to its decode bits or power state
 * places them again.
 */
#include <linux/pci_regs.h>

#include "lib/pci/bars/bar.h"
#include "lib/pci/config/config.h"
#include "lib/pci/ledger/ledger.h"
#include "lib/pci/ledger/lock.h"

/* Whether the kernel serves the BARs now. If the registers cannot be read, it does not. */
static bool served(struct lend_function *function)
{
	uint32_t value;

	if (config_device_read(function, PCI_COMMAND, 2, &value) < 0 || value == UINT16_MAX ||
	    !(value & PCI_COMMAND_MEMORY))
		return false;
	if (!function->pm)
		return true;
	return config_device_read(function, function->pm + PCI_PM_CTRL, 2, &value) == 0 &&
	       !(value & PCI_PM_CTRL_STATE_MASK);
}

int lend_function_bar_fault(struct lend_function *function)
{
	int removed = 0;

	function_lock(function);
	if (life_of(function) == LIFE_ON && !served(function)) {
		function->withheld |= WITHHELD_BARS;
		removed = bars_remove(function);
	}
	function_unlock(function);
	if (removed)
		function_log(function, LEND_LOG_WARNING,
			     "the kernel withdrew its BARs under the guest; %d removed", removed);
	return removed;
}
