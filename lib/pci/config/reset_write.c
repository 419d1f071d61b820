/* SPDX-License-Identifier: MIT */
/* The two registers by which a guest resets its function: PCI Express device control, advanced features. */
#include <linux/pci_regs.h>

#include "lib/pci/config/config.h"

static bool sets(unsigned offset, unsigned length, const uint8_t *bytes, unsigned at, uint8_t bit)
{
	return at >= offset && at < offset + length && bytes[at - offset] & bit;
}

bool write_resets(const struct lend_function *function, unsigned offset, unsigned length,
		  const uint8_t *bytes)
{
	if (function->exp && config_hw(function, function->exp + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR &&
	    sets(offset, length, bytes, function->exp + PCI_EXP_DEVCTL + 1, PCI_EXP_DEVCTL_BCR_FLR >> 8))
		return true;
	return function->af && config_hw(function, function->af + PCI_AF_CAP, 1) & PCI_AF_CAP_FLR &&
	       sets(offset, length, bytes, function->af + PCI_AF_CTRL, PCI_AF_CTRL_FLR);
}
