/* SPDX-License-Identifier: MIT */
/* A row for each extended capability id (PCI Code and ID Assignment Specification, section 3). */
#include <stdlib.h>

#include <linux/pci_regs.h>

#include "lib/pci/caps/capabilities.h"

static const char as_is[] = "harmless: the kernel filters what is written";

/* Ascending by id. */
static const struct cap_row rows[] = {
	{0x0000, CAP_HIDDEN, 0, "null", "the kernel hid what was there", NULL},
	{PCI_EXT_CAP_ID_ERR, CAP_PASSED, 0, "advanced error reporting", as_is, NULL},
	{PCI_EXT_CAP_ID_VC, CAP_PASSED, 0, "virtual channel", as_is, NULL},
	{PCI_EXT_CAP_ID_DSN, CAP_PASSED, 0, "serial number", as_is, NULL},
	{PCI_EXT_CAP_ID_PWR, CAP_PASSED, 0, "power budgeting", as_is, NULL},
	{PCI_EXT_CAP_ID_RCLD, CAP_PASSED, 0, "root complex links", as_is, NULL},
	{PCI_EXT_CAP_ID_RCILC, CAP_PASSED, 0, "root complex internal link", as_is, NULL},
	{PCI_EXT_CAP_ID_RCEC, CAP_PASSED, 0, "root complex event collector", as_is, NULL},
	{PCI_EXT_CAP_ID_MFVC, CAP_PASSED, 0, "multi-function virtual channel", as_is, NULL},
	{PCI_EXT_CAP_ID_VC9, CAP_PASSED, 0, "virtual channel (with MFVC)", as_is, NULL},
	{PCI_EXT_CAP_ID_RCRB, CAP_PASSED, 0, "root complex register block", as_is, NULL},
	{PCI_EXT_CAP_ID_VNDR, CAP_PASSED, 0, "vendor specific", "drivers of the device need it", NULL},
	{PCI_EXT_CAP_ID_CAC, CAP_PASSED, 0, "configuration access", as_is, NULL},
	{PCI_EXT_CAP_ID_ACS, CAP_PASSED, 0, "access control", as_is, NULL},
	{PCI_EXT_CAP_ID_ARI, CAP_HIDDEN, 8, "alternative routing id", "names functions of the host's slot",
	 NULL},
	{PCI_EXT_CAP_ID_ATS, CAP_EMULATED, 8, "address translation services",
	 "hidden where the user says so; the kernel keeps its switch", ats_setup},
	{PCI_EXT_CAP_ID_SRIOV, CAP_HIDDEN, 0x40, "SR-IOV", "virtual functions belong to the host", NULL},
	{PCI_EXT_CAP_ID_MRIOV, CAP_HIDDEN, 0, "multi-root I/O virtualisation", "belongs to the host", NULL},
	{PCI_EXT_CAP_ID_MCAST, CAP_PASSED, 0, "multicast", as_is, NULL},
	{PCI_EXT_CAP_ID_PRI, CAP_PASSED, 0, "page requests", as_is, NULL},
	{PCI_EXT_CAP_ID_AMD_XXX, CAP_PASSED, 0, "reserved for AMD", as_is, NULL},
	{0x0015, CAP_EMULATED, 12, "resizable BARs", "frozen at the sizes that VFIO has", rebar_setup},
	{PCI_EXT_CAP_ID_DPA, CAP_PASSED, 0, "dynamic power allocation", as_is, NULL},
	{PCI_EXT_CAP_ID_TPH, CAP_PASSED, 0, "processing hints", as_is, NULL},
	{PCI_EXT_CAP_ID_LTR, CAP_PASSED, 0, "latency tolerance", as_is, NULL},
	{PCI_EXT_CAP_ID_SECPCI, CAP_PASSED, 0, "secondary PCI Express", as_is, NULL},
	{PCI_EXT_CAP_ID_PMUX, CAP_PASSED, 0, "protocol multiplexing", as_is, NULL},
	{PCI_EXT_CAP_ID_PASID, CAP_PASSED, 0, "process address spaces", "the kernel hides it where it must",
	 NULL},
	{0x001c, CAP_PASSED, 0, "LN requester", as_is, NULL},
	{PCI_EXT_CAP_ID_DPC, CAP_PASSED, 0, "downstream port containment", as_is, NULL},
	{0x001e, CAP_PASSED, 0, "L1 substates", as_is, NULL},
	{PCI_EXT_CAP_ID_PTM, CAP_PASSED, 0, "precision time", as_is, NULL},
	{0x0020, CAP_PASSED, 0, "PCI Express over M-PHY", as_is, NULL},
	{0x0021, CAP_PASSED, 0, "FRS queueing", as_is, NULL},
	{0x0022, CAP_PASSED, 0, "readiness time", as_is, NULL},
	{PCI_EXT_CAP_ID_DVSEC, CAP_PASSED, 0, "designated vendor specific", "drivers of the device need it",
	 NULL},
	{0x0024, CAP_HIDDEN, 0, "resizable BARs of virtual functions", "virtual functions belong to the host",
	 NULL},
	{PCI_EXT_CAP_ID_DLF, CAP_PASSED, 0, "data link feature", as_is, NULL},
	{PCI_EXT_CAP_ID_PL_16GT, CAP_PASSED, 0, "16 GT/s", as_is, NULL},
	{0x0027, CAP_PASSED, 0, "lane margining", as_is, NULL},
	{0x0028, CAP_PASSED, 0, "hierarchy id", as_is, NULL},
	{0x0029, CAP_PASSED, 0, "native enclosure management", as_is, NULL},
	{0x002a, CAP_PASSED, 0, "32 GT/s", as_is, NULL},
	{0x002b, CAP_PASSED, 0, "alternate protocol", as_is, NULL},
	{0x002c, CAP_PASSED, 0, "system firmware intermediary", as_is, NULL},
	{0x002d, CAP_PASSED, 0, "shadow functions", as_is, NULL},
	{0x002e, CAP_PASSED, 0, "data object exchange", as_is, NULL},
	{0x002f, CAP_PASSED, 0, "device 3", as_is, NULL},
};

static const struct cap_row unknown = {
	0,   CAP_PASSED, 0, "unknown", "not known to this library; the kernel hides what it cannot filter",
	NULL};

static int by_id(const void *key, const void *row)
{
	return *(const uint16_t *)key - ((const struct cap_row *)row)->id;
}

const struct cap_row *cap_row_extended(uint16_t id)
{
	const struct cap_row *row = bsearch(&id, rows, sizeof(rows) / sizeof(*rows), sizeof(*rows), by_id);

	return row ? row : &unknown;
}
