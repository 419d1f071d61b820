/* SPDX-License-Identifier: MIT */
/* Lengths of capabilities (lengths.h). A bare section number is one of PCI Express Base 6.0. */
#include <linux/pci_regs.h>

#include "lib/pci/caps/lengths.h"
#include "lib/pci/config/config.h"

static uint32_t dword(const struct lend_function *function, unsigned at)
{
	return config_hw(function, at, 4);
}

static unsigned lanes(const struct lend_function *function)
{
	unsigned most = 32;
	uint32_t width;

	if (!function->exp)
		return 0;
	width = dword(function, function->exp + PCI_EXP_LNKCAP) >> 4 & 0x3f;
	return width < most ? width : most;
}

unsigned cap_measure(const struct lend_function *function, const struct cap_length *length, unsigned at)
{
	unsigned elements = 0;

	if (length->measure)
		return length->measure(function, at);
	if (length->count == COUNT_LANES)
		elements = lanes(function);
	else if (length->count == COUNT_REGISTER)
		elements = (dword(function, at + length->at) >> length->shift & length->mask) + length->plus;
	return length->base + elements * length->unit;
}

/* PCI-X 2.0, 7.2: a device that knows mode 2 has registers for ECC errors. */
unsigned length_pcix(const struct lend_function *function, unsigned at)
{
	return PCI_X_CMD_VERSION(config_hw(function, at + PCI_X_CMD, 2)) ? PCI_CAP_PCIX_SIZEOF_V2
									 : PCI_CAP_PCIX_SIZEOF_V0;
}

/* HyperTransport I/O Link 3.1, chapter 7: the type of the two interfaces has 3 bits, that of others 5. */
unsigned length_ht(const struct lend_function *function, unsigned at)
{
	enum { SLAVE = 0x1c, HOST = 0x18, MAPPING_FIXED = 4, MAPPING = 0xc };
	uint32_t type = config_hw(function, at + 3, 1);

	switch (type & HT_3BIT_CAP_MASK) {
	case HT_CAPTYPE_SLAVE:
		return SLAVE;
	case HT_CAPTYPE_HOST:
		return HOST;
	default:
		break;
	}
	switch (type & HT_5BIT_CAP_MASK) {
	case HT_CAPTYPE_IRQ:
		return 8;
	case HT_CAPTYPE_UNITID_CLUMP:
	case HT_CAPTYPE_EXTCONF:
		return 12;
	case HT_CAPTYPE_MSI_MAPPING:
		return config_hw(function, at + HT_MSI_FLAGS, 1) & HT_MSI_FLAGS_FIXED ? MAPPING_FIXED
										      : MAPPING;
	default:
		return 0;
	}
}

/* Serial ATA 3.0, 13.10: the index and data registers may follow, in config space. */
unsigned length_sata(const struct lend_function *function, unsigned at)
{
	return (config_hw(function, at + PCI_SATA_REGS, 1) & PCI_SATA_REGS_MASK) == PCI_SATA_REGS_INLINE
		       ? PCI_SATA_SIZEOF_LONG
		       : PCI_SATA_SIZEOF_SHORT;
}

/* The first dword of each entry says how many dwords follow. */
unsigned length_ea(const struct lend_function *function, unsigned at)
{
	unsigned count = dword(function, at) >> 16 & PCI_EA_NUM_ENT_MASK, end = at + PCI_EA_FIRST_ENT;

	while (count-- && end < PCI_CFG_SPACE_SIZE)
		end += ((dword(function, end) & PCI_EA_ES) + 1) * 4;
	return end - at;
}

/* With TLP prefixes there is a log of them. With flit mode the log of headers is longer. */
unsigned length_aer(const struct lend_function *function, unsigned at)
{
	enum { FLIT_MODE = 1 << 15, PREFIXES = 1 << 21, FLITS = 0x60, LOG = 0x48 };
	uint32_t flags = config_hw(function, function->exp + PCI_EXP_FLAGS, 2);

	(void)at;
	if (!function->exp || (flags & PCI_EXP_FLAGS_VERS) < 2)
		return PCI_ERR_ROOT_COMMAND;
	if (flags & FLIT_MODE)
		return FLITS;
	return dword(function, function->exp + PCI_EXP_DEVCAP2) & PREFIXES ? LOG : PCI_ERR_ROOT_COMMAND;
}

/* Bytes of an arbitration table, which has room for the largest number of phases on offer. */
static unsigned table(uint32_t offered, unsigned bits)
{
	static const unsigned phases[] = {0, 32, 64, 128, 128, 256};
	unsigned most = 0;

	for (unsigned i = 1; i < sizeof(phases) / sizeof(*phases); i++)
		if (offered & 1u << i)
			most = phases[i];
	return most * bits / 8;
}

static unsigned larger(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

/* 7.9.1: a block for each channel, and arbitration tables at the offsets that the registers give. */
unsigned length_vc(const struct lend_function *function, unsigned at)
{
	enum { TABLE_UNIT = 16, OFFSET_SHIFT = 24, CHANNEL_BITS = 4 };
	uint32_t port = dword(function, at + PCI_VC_PORT_CAP1), arbitration = dword(function, at + 8);
	unsigned count = (port & PCI_VC_CAP1_EVCC) + 1, bits = 1u << (port >> 10 & 3);
	unsigned end = PCI_CAP_VC_BASE_SIZEOF + count * PCI_CAP_VC_PER_VC_SIZEOF;

	if (arbitration >> OFFSET_SHIFT)
		end = larger(end, (arbitration >> OFFSET_SHIFT) * TABLE_UNIT +
					  table(arbitration & 0xe, CHANNEL_BITS));
	for (unsigned i = 0; i < count; i++) {
		uint32_t channel =
			dword(function, at + PCI_CAP_VC_BASE_SIZEOF + i * PCI_CAP_VC_PER_VC_SIZEOF);

		if (channel >> OFFSET_SHIFT)
			end = larger(end,
				     (channel >> OFFSET_SHIFT) * TABLE_UNIT + table(channel & 0x3e, bits));
	}
	return end;
}

/* Version 2 added the register of bus numbers. */
unsigned length_rcec(const struct lend_function *function, unsigned at)
{
	return PCI_EXT_CAP_VER(dword(function, at)) < 2 ? 8 : 12;
}

unsigned length_acs(const struct lend_function *function, unsigned at)
{
	uint32_t capability = dword(function, at + PCI_ACS_CAP);
	unsigned bits = capability >> 8 & 0xff;

	if (!(capability & PCI_ACS_EC))
		return PCI_ACS_EGRESS_CTL_V;
	return PCI_ACS_EGRESS_CTL_V + ((bits ? bits : 256) + 31) / 32 * 4;
}

unsigned length_tph(const struct lend_function *function, unsigned at)
{
	uint32_t capability = dword(function, at + PCI_TPH_CAP);
	unsigned entries = (capability & PCI_TPH_CAP_ST_MASK) >> PCI_TPH_CAP_ST_SHIFT;

	if ((capability & PCI_TPH_CAP_LOC_MASK) != PCI_TPH_LOC_CAP)
		return PCI_TPH_BASE_SIZEOF;
	return PCI_TPH_BASE_SIZEOF + ((entries + 1) * 2 + 3) / 4 * 4;
}

/* Root ports have more registers, and a log. */
unsigned length_dpc(const struct lend_function *function, unsigned at)
{
	enum { PLAIN = 0xc, LOG = 0x20 };
	uint32_t capability = config_hw(function, at + PCI_EXP_DPC_CAP, 2);

	if (!(capability & PCI_EXP_DPC_CAP_RP_EXT))
		return PLAIN;
	return LOG + ((capability & PCI_EXP_DPC_RP_PIO_LOG_SIZE) >> 8) * 4;
}

/* A register with the mask of selected protocols is there if the capability says so. */
unsigned length_apn(const struct lend_function *function, unsigned at)
{
	enum { SELECTIVE = 1 << 8 };

	return dword(function, at + 4) & SELECTIVE ? 0x18 : 0x14;
}

/* 7.9.26: a block for each stream of the link; then the selective streams, with their address ranges. */
unsigned length_ide(const struct lend_function *function, unsigned at)
{
	enum { LINK = 1, SELECTIVE = 2, FIRST = 0xc, LINK_BLOCK = 8, BLOCK = 0x14, ADDRESSES = 12 };
	uint32_t capability = dword(function, at + 4);
	unsigned end = FIRST, streams = capability & SELECTIVE ? (capability >> 16 & 0xff) + 1 : 0;

	if (capability & LINK)
		end += LINK_BLOCK * ((capability >> 13 & 7) + 1);
	while (streams-- && at + end < CONFIG_MAX)
		end += BLOCK + ADDRESSES * (dword(function, at + end) & 0xf);
	return end;
}
