/* SPDX-License-Identifier: MIT */
/*
 * A device may have registers of its maker's own between its capabilities, and
 * back doors among them (exam.md, XSA-124). Where a capability ends its chain
 * does not say; those whose length is known end there, the others at the next
 * one.
 */
#include <linux/pci_regs.h>

#include "lib/pci/config/config.h"
#include "lib/pci/config/strict.h"

enum { HOPS_MAX = 48, EXTENDED_HOPS_MAX = 960, EXP_V2 = 0x3c, VSEC_SHIFT = 20, DVSEC_SHIFT = 20 };

/* 0: not known. */
static unsigned known_length(const struct lend_function *function, unsigned at)
{
	uint32_t flags = config_hw(function, at + 2, 2);

	switch (config_hw(function, at, 1)) {
	case PCI_CAP_ID_PM:
	case PCI_CAP_ID_VPD:
	case PCI_CAP_ID_SSVID:
		return 8;
	case PCI_CAP_ID_MSI:
		return 0x0au + (flags & PCI_MSI_FLAGS_64BIT ? 4u : 0) +
		       (flags & PCI_MSI_FLAGS_MASKBIT ? 10u : 0);
	case PCI_CAP_ID_MSIX:
		return PCI_CAP_MSIX_SIZEOF;
	case PCI_CAP_ID_EXP:
		return EXP_V2;
	case PCI_CAP_ID_AF:
		return PCI_CAP_AF_SIZEOF;
	case PCI_CAP_ID_VNDR:
		return config_hw(function, at + 2, 1);
	default:
		return 0;
	}
}

unsigned cap_extent(const struct lend_function *function, const struct cap *cap)
{
	unsigned known = known_length(function, cap->offset);

	return known > PCI_CAP_LIST_NEXT && known < cap->length ? known : cap->length;
}

static unsigned known_extended(const struct lend_function *function, unsigned at)
{
	uint32_t header = config_hw(function, at, 4);

	switch (PCI_EXT_CAP_ID(header)) {
	case PCI_EXT_CAP_ID_ERR:
		return 0x48;
	case PCI_EXT_CAP_ID_DSN:
		return 12;
	case PCI_EXT_CAP_ID_ARI:
	case PCI_EXT_CAP_ID_ATS:
	case PCI_EXT_CAP_ID_PASID:
	case PCI_EXT_CAP_ID_LTR:
		return 8;
	case PCI_EXT_CAP_ID_VNDR:
		return config_hw(function, at + 4, 4) >> VSEC_SHIFT;
	case PCI_EXT_CAP_ID_DVSEC:
		return config_hw(function, at + 4, 4) >> DVSEC_SHIFT;
	default:
		return 0;
	}
}

static void mark(uint8_t *claimed, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to && i < CONFIG_MAX; i++)
		claimed[i] = 1;
}

/* Up to the next capability, which `starts` marks, or `end`; less where its length is known. */
static void claim(uint8_t *claimed, const uint8_t *starts, unsigned at, unsigned known, unsigned end)
{
	unsigned to = at + 1;

	while (to < end && !starts[to])
		to++;
	mark(claimed, at, known && at + known < to ? at + known : to);
}

/* The guest's chain, which is rebuilt and therefore ends. */
static void claim_standard(const struct lend_function *function, uint8_t *claimed, uint8_t *starts)
{
	unsigned at = config_shown(function, PCI_CAPABILITY_LIST, 1) & 0xfc;

	for (unsigned i = 0; at && i < HOPS_MAX; i++) {
		starts[at] = 1;
		at = config_shown(function, at + PCI_CAP_LIST_NEXT, 1) & 0xfc;
	}
	for (unsigned i = PCI_STD_HEADER_SIZEOF; i < PCI_CFG_SPACE_SIZE; i++)
		if (starts[i])
			claim(claimed, starts, i, known_length(function, i), PCI_CFG_SPACE_SIZE);
}

static void claim_extended(const struct lend_function *function, uint8_t *claimed, uint8_t *starts)
{
	unsigned at = PCI_CFG_SPACE_SIZE;

	if (function->config.size <= PCI_CFG_SPACE_SIZE || !config_shown(function, at, 4))
		return;
	for (unsigned i = 0; at && i < EXTENDED_HOPS_MAX; i++) {
		starts[at] = 1;
		at = PCI_EXT_CAP_NEXT(config_shown(function, at, 4));
	}
	for (unsigned i = PCI_CFG_SPACE_SIZE; i < function->config.size; i++)
		if (starts[i])
			claim(claimed, starts, i, known_extended(function, i), function->config.size);
}

void strict_setup(struct lend_function *function)
{
	uint8_t claimed[CONFIG_MAX] = {0}, starts[CONFIG_MAX] = {0};

	mark(claimed, 0, PCI_STD_HEADER_SIZEOF);
	claim_standard(function, claimed, starts);
	claim_extended(function, claimed, starts);
	for (unsigned i = 0; i < function->config.size; i++)
		if (!claimed[i])
			config_set_blocked(function, i, 1);
}
