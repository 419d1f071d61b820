/* SPDX-License-Identifier: MIT */
/*
 * A device may have registers of its maker's own between its capabilities, and
 * back doors among them (XSA-124), and those of capabilities that the
 * kernel took out of the chain are there too, unfiltered.
 */
#include <linux/pci_regs.h>

#include "lib/pci/config/config.h"
#include "lib/pci/config/strict.h"

void strict_setup(struct lend_function *function)
{
	for (unsigned i = PCI_STD_HEADER_SIZEOF; i < function->config.size; i++)
		if (function->config.claim[i] != CLAIM_SHOWN)
			config_set_blocked(function, i, 1);
}
