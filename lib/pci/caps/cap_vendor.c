/* SPDX-License-Identifier: MIT */
/*
 * Registers of a maker's own, in the extended space (VSEC and DVSEC). Drivers
 * need them, so they are the guest's; the user's rules can close those of one
 * maker. CXL's switch a memory's ranges on and off, and move them: a strict
 * function has them closed.
 */
#include <linux/pci_regs.h>

#include "lib/pci/caps/capabilities.h"
#include "lib/pci/config/config.h"
#include "lib/pci/rules/quirk.h"

enum { CXL = 0x1e98 };

int vendor_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error)
{
	bool designated = cap->id == PCI_EXT_CAP_ID_DVSEC;
	uint16_t vendor = designated ? (uint16_t)config_hw(function, cap->offset + PCI_DVSEC_HEADER1, 2)
				     : function->device->info.vendor;

	(void)error;
	if (rules_close_vendor(function, vendor) || (function->strict && vendor == CXL))
		config_set_blocked(function, cap->offset, cap_extent(cap));
	return 0;
}
