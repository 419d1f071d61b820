/* SPDX-License-Identifier: MIT */
/* Advanced features: the function level reset of conventional PCI. The kernel carries it out. */
#include <linux/pci_regs.h>

#include "lib/pci/caps/capabilities.h"
#include "lib/pci/config/config.h"

int af_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error)
{
	uint32_t have = config_hw(function, cap->offset + PCI_AF_CAP, 1);

	(void)error;
	if (cap->room < PCI_CAP_AF_SIZEOF)
		return 0;
	function->af = cap->offset;
	if (have & PCI_AF_CAP_TP && have & PCI_AF_CAP_FLR)
		function->flr = true;
	return 0;
}
