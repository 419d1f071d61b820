/* SPDX-License-Identifier: MIT */
/* A row for each extended capability id (PCI Code and ID Assignment Specification, section 3). */
#include <stdlib.h>

#include <linux/pci_regs.h>

#include "lib/pci/caps/capabilities.h"
#include "lib/pci/caps/lengths.h"

/* Ascending by id: cap_row_extended() searches by halves. */
static const struct cap_row rows[] = {
	/* The kernel writes 0 over the id of what it hides. */
	{0x0000, CAP_HIDDEN, 0, UNKNOWN, "null", NULL},
	{PCI_EXT_CAP_ID_ERR, CAP_EMULATED, PCI_ERR_ROOT_COMMAND, BY(length_aer), "advanced error reporting",
	 aer_setup},
	{PCI_EXT_CAP_ID_VC, CAP_PASSED, 0, BY(length_vc), "virtual channel", NULL},
	{PCI_EXT_CAP_ID_DSN, CAP_PASSED, 0, FIXED(12), "serial number", NULL},
	{PCI_EXT_CAP_ID_PWR, CAP_PASSED, 0, FIXED(16), "power budgeting", NULL},
	{PCI_EXT_CAP_ID_RCLD, CAP_PASSED, 0, COUNTED(16, 16, 0, 4, 8, 0xff), "root complex links", NULL},
	{PCI_EXT_CAP_ID_RCILC, CAP_PASSED, 0, FIXED(12), "root complex internal link", NULL},
	{PCI_EXT_CAP_ID_RCEC, CAP_PASSED, 0, BY(length_rcec), "root complex event collector", NULL},
	{PCI_EXT_CAP_ID_MFVC, CAP_PASSED, 0, BY(length_vc), "multi-function virtual channel", NULL},
	{PCI_EXT_CAP_ID_VC9, CAP_PASSED, 0, BY(length_vc), "virtual channel (with MFVC)", NULL},
	{PCI_EXT_CAP_ID_RCRB, CAP_PASSED, 0, FIXED(20), "root complex register block", NULL},
	{PCI_EXT_CAP_ID_VNDR, CAP_PASSED, 0, COUNTED(0, 1, 0, 4, 20, 0xfff), "vendor specific", vendor_setup},
	{PCI_EXT_CAP_ID_CAC, CAP_PASSED, 0, FIXED(8), "configuration access", NULL},
	{PCI_EXT_CAP_ID_ACS, CAP_PASSED, 0, BY(length_acs), "access control", NULL},
	/* It names other functions of the host's slot. */
	{PCI_EXT_CAP_ID_ARI, CAP_HIDDEN, 0, FIXED(8), "alternative routing id", NULL},
	/* Hidden if the user asks for it. The kernel keeps its switch. */
	{PCI_EXT_CAP_ID_ATS, CAP_EMULATED, 8, FIXED(8), "address translation services", ats_setup},
	/* The host uses these two, and 0x24. */
	{PCI_EXT_CAP_ID_SRIOV, CAP_HIDDEN, 0, FIXED(0x40), "SR-IOV", NULL},
	{PCI_EXT_CAP_ID_MRIOV, CAP_HIDDEN, 0, UNKNOWN, "multi-root I/O virtualisation", NULL},
	{PCI_EXT_CAP_ID_MCAST, CAP_PASSED, 0, FIXED(0x30), "multicast", NULL},
	{PCI_EXT_CAP_ID_PRI, CAP_PASSED, 0, FIXED(16), "page requests", NULL},
	{PCI_EXT_CAP_ID_AMD_XXX, CAP_PASSED, 0, UNKNOWN, "reserved for AMD", NULL},
	/* The BARs keep the sizes that VFIO has. */
	{0x0015, CAP_EMULATED, 12, COUNTED(4, 8, 0, 8, 5, 7), "resizable BARs", rebar_setup},
	{PCI_EXT_CAP_ID_DPA, CAP_PASSED, 0, COUNTED(16, 1, 1, 4, 0, 0x1f), "dynamic power allocation", NULL},
	{PCI_EXT_CAP_ID_TPH, CAP_PASSED, 0, BY(length_tph), "processing hints", NULL},
	{PCI_EXT_CAP_ID_LTR, CAP_PASSED, 0, FIXED(8), "latency tolerance", NULL},
	{PCI_EXT_CAP_ID_SECPCI, CAP_PASSED, 0, LANES(12, 2), "secondary PCI Express", NULL},
	{PCI_EXT_CAP_ID_PMUX, CAP_PASSED, 0, COUNTED(16, 4, 0, 4, 0, 0x3f), "protocol multiplexing", NULL},
	{PCI_EXT_CAP_ID_PASID, CAP_PASSED, 0, FIXED(8), "process address spaces", NULL},
	{0x001c, CAP_PASSED, 0, FIXED(8), "LN requester", NULL},
	{PCI_EXT_CAP_ID_DPC, CAP_PASSED, 0, BY(length_dpc), "downstream port containment", NULL},
	{0x001e, CAP_PASSED, 0, FIXED(20), "L1 substates", NULL},
	{PCI_EXT_CAP_ID_PTM, CAP_PASSED, 0, FIXED(12), "precision time", NULL},
	{0x0020, CAP_PASSED, 0, UNKNOWN, "PCI Express over M-PHY", NULL},
	{0x0021, CAP_PASSED, 0, FIXED(16), "FRS queueing", NULL},
	{0x0022, CAP_PASSED, 0, FIXED(12), "readiness time", NULL},
	{PCI_EXT_CAP_ID_DVSEC, CAP_PASSED, 0, COUNTED(0, 1, 0, 4, 20, 0xfff), "designated vendor specific",
	 vendor_setup},
	{0x0024, CAP_HIDDEN, 0, COUNTED(4, 8, 0, 8, 5, 7), "resizable BARs of virtual functions", NULL},
	{PCI_EXT_CAP_ID_DLF, CAP_PASSED, 0, FIXED(12), "data link feature", NULL},
	{PCI_EXT_CAP_ID_PL_16GT, CAP_PASSED, 0, LANES(32, 1), "16 GT/s", NULL},
	{0x0027, CAP_PASSED, 0, LANES(8, 4), "lane margining", NULL},
	{0x0028, CAP_PASSED, 0, FIXED(32), "hierarchy id", NULL},
	{0x0029, CAP_PASSED, 0, FIXED(16), "native enclosure management", NULL},
	{0x002a, CAP_PASSED, 0, LANES(32, 1), "32 GT/s", NULL},
	{0x002b, CAP_PASSED, 0, BY(length_apn), "alternate protocol", NULL},
	{0x002c, CAP_PASSED, 0, FIXED(20), "system firmware intermediary", NULL},
	{0x002d, CAP_PASSED, 0, UNKNOWN, "shadow functions", NULL},
	{0x002e, CAP_PASSED, 0, FIXED(24), "data object exchange", NULL},
	{0x002f, CAP_PASSED, 0, FIXED(16), "device 3", NULL},
	{0x0030, CAP_PASSED, 0, BY(length_ide), "integrity and encryption", NULL},
	{0x0031, CAP_PASSED, 0, LANES(16, 1), "64 GT/s", NULL},
};

static const struct cap_row unknown = {0, CAP_PASSED, 0, UNKNOWN, "unknown", NULL};

static int by_id(const void *key, const void *row)
{
	return *(const uint16_t *)key - ((const struct cap_row *)row)->id;
}

const struct cap_row *cap_row_extended(uint16_t id)
{
	const struct cap_row *row = bsearch(&id, rows, sizeof(rows) / sizeof(*rows), sizeof(*rows), by_id);

	return row ? row : &unknown;
}
