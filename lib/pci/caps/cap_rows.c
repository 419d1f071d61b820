/* SPDX-License-Identifier: MIT */
/* A row for each standard capability id (PCI Code and ID Assignment Specification, section 2). */
#include <linux/pci_regs.h>

#include "lib/pci/interrupts/msix.h"

static const struct cap_row rows[] = {
	{0x00, CAP_PASSED, 0, FIXED(2), "null", NULL},
	/* The power state decides whether BARs answer. Changes of it that are not allowed are dropped. */
	{PCI_CAP_ID_PM, CAP_EMULATED, 8, FIXED(8), "power management", pm_setup},
	{PCI_CAP_ID_AGP, CAP_PASSED, 0, FIXED(12), "AGP", NULL},
	{PCI_CAP_ID_VPD, CAP_PASSED, 0, FIXED(8), "vital product data", NULL},
	{PCI_CAP_ID_SLOTID, CAP_PASSED, 0, FIXED(4), "slot identification", NULL},
	/* VFIO programs the device's vectors. Message and masks of the guest are virtual. */
	{PCI_CAP_ID_MSI, CAP_EMULATED, 10, BY(msi_length), "MSI", msi_setup},
	{PCI_CAP_ID_CHSWP, CAP_PASSED, 0, FIXED(4), "CompactPCI hot swap", NULL},
	{PCI_CAP_ID_PCIX, CAP_PASSED, 0, BY(length_pcix), "PCI-X", NULL},
	{PCI_CAP_ID_HT, CAP_PASSED, 0, BY(length_ht), "HyperTransport", NULL},
	/* The device's drivers need it. */
	{PCI_CAP_ID_VNDR, CAP_PASSED, 0, COUNTED(0, 1, 0, 0, 16, 0xff), "vendor specific", NULL},
	{PCI_CAP_ID_DBG, CAP_PASSED, 0, FIXED(4), "debug port", NULL},
	{PCI_CAP_ID_CCRC, CAP_PASSED, 0, UNKNOWN, "CompactPCI resource control", NULL},
	{PCI_CAP_ID_SHPC, CAP_PASSED, 0, FIXED(8), "hot plug", NULL},
	{PCI_CAP_ID_SSVID, CAP_PASSED, 0, FIXED(8), "subsystem ids of a bridge", NULL},
	{PCI_CAP_ID_AGP3, CAP_PASSED, 0, UNKNOWN, "AGP 8x", NULL},
	{PCI_CAP_ID_SECDEV, CAP_PASSED, 0, FIXED(0x18), "secure device", NULL},
	/* Type and link follow the function's place in the guest. */
	{PCI_CAP_ID_EXP, CAP_EMULATED, 12, BY(exp_length), "PCI Express", exp_setup},
	/* VFIO programs the device's vectors. Table and PBA of the guest are virtual. */
	{PCI_CAP_ID_MSIX, CAP_EMULATED, 12, FIXED(12), "MSI-X", msix_setup},
	{PCI_CAP_ID_SATA, CAP_PASSED, 0, BY(length_sata), "SATA", NULL},
	/* The kernel carries out the reset that it starts. */
	{PCI_CAP_ID_AF, CAP_PASSED, 0, FIXED(6), "advanced features", af_setup},
	/* It has addresses of the host. */
	{PCI_CAP_ID_EA, CAP_HIDDEN, 0, BY(length_ea), "enhanced allocation", NULL},
	/* It routes by bus numbers of the host. */
	{0x15, CAP_HIDDEN, 0, FIXED(0x24), "flattening portal bridge", NULL},
};

static const struct cap_row unknown = {0, CAP_PASSED, 0, UNKNOWN, "unknown", NULL};

const struct cap_row *cap_row(uint8_t id)
{
	/* The table has the ids from 0 on without a gap, so an id is its index. */
	return id < sizeof(rows) / sizeof(*rows) ? &rows[id] : &unknown;
}
