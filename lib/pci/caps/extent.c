/* SPDX-License-Identifier: MIT */
/*
 * Where a capability ends, and whose its bytes are. A capability ends before
 * the start of the next one by address, whatever its registers say.
 */
#include <linux/pci_regs.h>

#include "lib/pci/caps/capabilities.h"
#include "lib/pci/config/config.h"

/* A capability of an unknown format has at least these bytes: its header, and one register. */
enum { UNKNOWN_STANDARD = 4, UNKNOWN_EXTENDED = 8 };

static unsigned smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

void caps_measure(const struct lend_function *function, struct cap *caps, unsigned count, unsigned end)
{
	bool extended = end > PCI_CFG_SPACE_SIZE;
	unsigned header = extended ? PCI_CAP_SIZEOF : PCI_CAP_FLAGS;
	uint8_t starts[CONFIG_MAX] = {0};

	for (unsigned i = 0; i < count; i++)
		starts[caps[i].offset] = 1;
	for (unsigned i = 0; i < count; i++) {
		struct cap *cap = &caps[i];
		const struct cap_row *row = extended ? cap_row_extended(cap->id) : cap_row((uint8_t)cap->id);
		unsigned length = cap_measure(function, &row->length, cap->offset);

		cap->room = 1;
		while (cap->offset + cap->room < end && !starts[cap->offset + cap->room])
			cap->room++;
		cap->length = length < header ? 0 : smaller(length, cap->room);
	}
}

void cap_claim(struct lend_function *function, const struct cap *cap, bool hidden)
{
	unsigned unknown = cap->offset < PCI_CFG_SPACE_SIZE ? UNKNOWN_STANDARD : UNKNOWN_EXTENDED;

	if (hidden) {
		config_claim(function, cap->offset, cap_extent(cap), CLAIM_HIDDEN);
		config_set_blocked(function, cap->offset, cap_extent(cap));
	} else {
		config_claim(function, cap->offset, cap->length ? cap->length : smaller(unknown, cap->room),
			     CLAIM_SHOWN);
	}
}
