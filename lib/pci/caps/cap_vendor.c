/* SPDX-License-Identifier: MIT */
/*
 * Vendor registers in the extended space (VSEC and DVSEC). The guest may write
 * them, because drivers need them. The user's rules can close those of one
 * vendor. Strict config space closes CXL's, which switch ranges of memory on and
 * off, and move them.
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
