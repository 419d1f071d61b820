/* SPDX-License-Identifier: MIT */
/*
 * The chain does not say how long a capability is. Most ids have a fixed length
 * or say it themselves; for the others all bytes up to the next one count as
 * the capability's.
 */
#include <linux/pci_regs.h>

#include "lib/pci/config.h"
#include "lib/pci/strict.h"

static unsigned msi_length(uint32_t flags)
{
	unsigned length = flags & PCI_MSI_FLAGS_64BIT ? PCI_MSI_DATA_64 + 2 : PCI_MSI_DATA_32 + 2;

	return flags & PCI_MSI_FLAGS_MASKBIT ? length + 10 : length; /* 2 reserved, mask and pending */
}

static unsigned own_length(const struct lend_function *function, const struct cap *cap)
{
	switch (cap->id) {
	case PCI_CAP_ID_PM:
	case PCI_CAP_ID_VPD:
	case PCI_CAP_ID_SSVID:
		return 8;
	case PCI_CAP_ID_MSI:
		return msi_length(config_hw(function, cap->offset + PCI_MSI_FLAGS, 2));
	case PCI_CAP_ID_VNDR:
		return config_hw(function, cap->offset + 2, 1);
	case PCI_CAP_ID_EXP:
		return (config_hw(function, cap->offset + PCI_EXP_FLAGS, 2) & PCI_EXP_FLAGS_VERS) >= 2
			       ? PCI_EXP_SLTSTA2 + 2
			       : 0;
	case PCI_CAP_ID_MSIX:
		return PCI_CAP_MSIX_SIZEOF;
	case PCI_CAP_ID_AF:
		return PCI_CAP_AF_SIZEOF;
	default:
		return 0;
	}
}

unsigned cap_extent(const struct lend_function *function, const struct cap *cap)
{
	unsigned own = own_length(function, cap);

	return own > PCI_CAP_LIST_NEXT && own < cap->length ? own : cap->length;
}

/* Blocks what of [start, end) is in none of the capabilities. */
static void block_rest(struct lend_function *function, const struct cap *caps, unsigned count, unsigned start,
		       unsigned end)
{
	uint8_t used[CONFIG_MAX] = {0};

	for (unsigned i = 0; i < count; i++) {
		unsigned length = end <= PCI_CFG_SPACE_SIZE ? cap_extent(function, &caps[i]) : caps[i].length;

		for (unsigned at = caps[i].offset; at < caps[i].offset + length && at < end; at++)
			used[at] = 1;
	}
	for (unsigned at = start; at < end; at++)
		if (!used[at])
			config_set_blocked(function, at, 1);
}

void strict_standard(struct lend_function *function, const struct cap *caps, unsigned count)
{
	block_rest(function, caps, count, PCI_STD_HEADER_SIZEOF, PCI_CFG_SPACE_SIZE);
}

void strict_extended(struct lend_function *function, const struct cap *caps, unsigned count)
{
	block_rest(function, caps, count, PCI_CFG_SPACE_SIZE, function->config.size);
}
