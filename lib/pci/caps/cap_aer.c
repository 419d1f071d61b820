/* SPDX-License-Identifier: MIT */
/*
 * Advanced error reporting (PCI Express Base 6.0, 7.8.4), where errors are reported to the guest:
 * the registers are ours, because the host's kernel uses the device's own. Status bits are cleared
 * by a written 1; what the guest masks, and how severe it calls an error, is kept for it alone. The
 * kernel tells of uncorrectable errors alone (life/report.c). Without reports the device's registers
 * are passed, as VFIO has them.
 */
#include <linux/pci_regs.h>

#include "lib/pci/caps/capabilities.h"
#include "lib/pci/config/config.h"

/* The bits that 7.8.4.2 and 7.8.4.5 define. */
#define UNCORRECTABLE UINT32_C(0x07fff030)
#define CORRECTABLE   UINT32_C(0x0000f1c1)

/* Bits in `off` are 0 at the start. */
static void set_group(struct lend_function *function, unsigned at, uint32_t bits, uint32_t off)
{
	config_set_virtual(function, at, 4, config_hw(function, at, 4) & ~off);
	config_set_writable(function, at, 4, bits);
}

static void set_status(struct lend_function *function, unsigned at, uint32_t bits)
{
	config_set_virtual(function, at, 4, 0);
	config_set_cleared(function, at, 4, bits);
}

int aer_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error)
{
	unsigned at = cap->offset;

	(void)error;
	if (!function->reports_errors || function->aer)
		return 0;
	function->aer = at;
	set_status(function, at + PCI_ERR_UNCOR_STATUS, UNCORRECTABLE);
	/* An internal error stands for all whose status is lost: it is shown, and is not fatal. */
	set_group(function, at + PCI_ERR_UNCOR_MASK, UNCORRECTABLE, PCI_ERR_UNC_INTN);
	set_group(function, at + PCI_ERR_UNCOR_SEVER, UNCORRECTABLE, PCI_ERR_UNC_INTN);
	set_status(function, at + PCI_ERR_COR_STATUS, CORRECTABLE);
	set_group(function, at + PCI_ERR_COR_MASK, CORRECTABLE, 0);
	/* ECRC is the host's; the first error is ours to tell. */
	config_set_virtual(function, at + PCI_ERR_CAP, 4,
			   config_hw(function, at + PCI_ERR_CAP, 4) & ~(uint32_t)PCI_ERR_CAP_FEP(~0));
	for (unsigned i = 0; i < 4; i++)
		config_set_virtual(function, at + PCI_ERR_HEADER_LOG + 4 * i, 4, 0);
	return 0;
}
