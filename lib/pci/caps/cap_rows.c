/* SPDX-License-Identifier: MIT */
/* A row for each standard capability id (PCI Code and ID Assignment Specification, section 2). */
#include <linux/pci_regs.h>

#include "lib/pci/interrupts/msix.h"

static const char as_is[] = "harmless: the kernel filters what is written";

static const struct cap_row rows[] = {
	{0x00, CAP_PASSED, 0, "null", "has no registers", NULL},
	{PCI_CAP_ID_PM, CAP_EMULATED, 8, "power management",
	 "the power state decides whether BARs answer; forbidden changes are refused", pm_setup},
	{PCI_CAP_ID_AGP, CAP_PASSED, 0, "AGP", as_is, NULL},
	{PCI_CAP_ID_VPD, CAP_PASSED, 8, "vital product data", as_is, NULL},
	{PCI_CAP_ID_SLOTID, CAP_PASSED, 0, "slot identification", as_is, NULL},
	{PCI_CAP_ID_MSI, CAP_EMULATED, 10, "MSI",
	 "VFIO owns the device's vectors; message and masks are virtual", msi_setup},
	{PCI_CAP_ID_CHSWP, CAP_PASSED, 0, "CompactPCI hot swap", as_is, NULL},
	{PCI_CAP_ID_PCIX, CAP_PASSED, 8, "PCI-X", as_is, NULL},
	{PCI_CAP_ID_HT, CAP_PASSED, 0, "HyperTransport", as_is, NULL},
	{PCI_CAP_ID_VNDR, CAP_PASSED, 3, "vendor specific", "drivers of the device need it", NULL},
	{PCI_CAP_ID_DBG, CAP_PASSED, 0, "debug port", as_is, NULL},
	{PCI_CAP_ID_CCRC, CAP_PASSED, 0, "CompactPCI resource control", as_is, NULL},
	{PCI_CAP_ID_SHPC, CAP_PASSED, 0, "hot plug", as_is, NULL},
	{PCI_CAP_ID_SSVID, CAP_PASSED, 8, "subsystem ids of a bridge", as_is, NULL},
	{PCI_CAP_ID_AGP3, CAP_PASSED, 0, "AGP 8x", as_is, NULL},
	{PCI_CAP_ID_SECDEV, CAP_PASSED, 0, "secure device", as_is, NULL},
	{PCI_CAP_ID_EXP, CAP_EMULATED, 0x14, "PCI Express", "type and link follow the place in the guest",
	 exp_setup},
	{PCI_CAP_ID_MSIX, CAP_EMULATED, PCI_CAP_MSIX_SIZEOF, "MSI-X",
	 "VFIO owns the device's vectors; table and PBA are virtual", msix_setup},
	{PCI_CAP_ID_SATA, CAP_PASSED, 8, "SATA", as_is, NULL},
	{PCI_CAP_ID_AF, CAP_PASSED, PCI_CAP_AF_SIZEOF, "advanced features",
	 "the kernel carries its reset out", af_setup},
	{PCI_CAP_ID_EA, CAP_HIDDEN, 0, "enhanced allocation", "it holds addresses of the host's", NULL},
	{0x15, CAP_HIDDEN, 0, "flattening portal bridge", "it routes on the host's bus numbers", NULL},
};

static const struct cap_row unknown = {
	0,   CAP_PASSED, 0, "unknown", "not known to this library; the kernel hides what it cannot filter",
	NULL};

const struct cap_row *cap_row(uint8_t id)
{
	/* The table has the ids from 0 on without a gap, so an id is its index. */
	return id < sizeof(rows) / sizeof(*rows) ? &rows[id] : &unknown;
}
