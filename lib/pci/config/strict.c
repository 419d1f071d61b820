/* SPDX-License-Identifier: MIT */
/*
 * Strict config space. Between its capabilities a device may have registers of
 * its vendor, among them ways around the BARs (XSA-124). The registers of the
 * capabilities that the kernel took out of the chain are there too, and the
 * kernel does not filter writes to them.
 */
#include <linux/pci_regs.h>

#include "lib/pci/config/config.h"
#include "lib/pci/config/strict.h"

void strict_setup(struct lend_function *function)
{
	for (unsigned i = PCI_STD_HEADER_SIZEOF; i < function->config.size; i++)
		if (function->config.rows[i].claim != CLAIM_SHOWN)
			config_set_blocked(function, i, 1);
}
