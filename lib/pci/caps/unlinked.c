/* SPDX-License-Identifier: MIT */
/*
 * Capabilities that the kernel took out of a chain. vfio-pci leaves out each one
 * that it does not know, and lets the guest write its registers like any bytes
 * in no capability. Those that our rows or the user's rules hide have to be
 * closed there too. The header is still in its place; only the pointer to it is
 * missing. So a header is looked for:
 *
 *  - If the device's own chain is known (device->raw), it says where they are.
 *  - Else a header is believed if its next pointer leads, perhaps over other
 *    headers that the kernel took out, to one that the kernel left in. The last
 *    one of a chain has no next pointer: its registers have to make sense.
 *
 * So a register whose value is an id by chance stays the guest's.
 */
#include <linux/pci_regs.h>

#include "lib/le.h"
#include "lib/pci/caps/unlinked.h"
#include "lib/pci/config/config.h"
#include "lib/pci/rules/quirk.h"

enum { VERSION_MAX = 6, NEXT_MASK = 0xfc, RESERVED_BITS = 3, VF_REBAR = 0x24 };

struct header {
	uint16_t id;
	unsigned next;
	bool good; /* this can be a header */
};

static struct header parse(const uint8_t *bytes, unsigned at, bool extended)
{
	uint32_t value = (uint32_t)le_load(bytes + at, extended ? 4 : 2);
	bool whole = !(value >> (extended ? 20 : 8) & RESERVED_BITS);
	unsigned start = extended ? PCI_CFG_SPACE_SIZE : PCI_STD_HEADER_SIZEOF;
	struct header header = {
		.id = extended ? PCI_EXT_CAP_ID(value) : value & UINT8_MAX,
		.next = extended ? PCI_EXT_CAP_NEXT(value) : value >> 8 & NEXT_MASK,
	};
	const struct cap_row *row = extended ? cap_row_extended(header.id) : cap_row((uint8_t)header.id);

	header.good = row->id == header.id && whole && (!header.next || header.next >= start) &&
		      (!extended || (PCI_EXT_CAP_VER(value) && PCI_EXT_CAP_VER(value) <= VERSION_MAX));
	return header;
}

/* Each entry has a length that fits its addresses of 32 or 64 bits, and no reserved bit. */
static bool is_ea(const struct lend_function *function, unsigned at)
{
	enum { WIDE = 2, RESERVED = 0x3f000000 };
	unsigned count = config_hw(function, at + 2, 1), end = at + PCI_EA_FIRST_ENT;

	if (!count || count > PCI_EA_NUM_ENT_MASK || config_hw(function, at + 3, 1))
		return false;
	for (; count; count--) {
		uint32_t entry = config_hw(function, end, 4);
		unsigned wide = (config_hw(function, end + 4, 4) & WIDE ? 1u : 0) +
				(config_hw(function, end + 8, 4) & WIDE ? 1u : 0);

		if ((entry & PCI_EA_ES) != 2 + wide || entry & RESERVED)
			return false;
		end += ((entry & PCI_EA_ES) + 1) * 4;
	}
	return end <= PCI_CFG_SPACE_SIZE;
}

/* Each entry offers the size that its BAR has. */
static bool is_rebar(const struct lend_function *function, unsigned at)
{
	enum { RESERVED = 0xf };
	unsigned count = rebar_count(function, at);

	for (unsigned i = 0; i < count; i++) {
		struct rebar entry = rebar_entry(function, at, i);

		if (entry.sizes & RESERVED || (entry.bit < 32 && !(entry.sizes >> entry.bit & 1)))
			return false;
	}
	return count;
}

static bool makes_sense(const struct lend_function *function, unsigned at, uint16_t id, bool extended)
{
	if (extended ? rules_deny_extended(function, id) : rules_deny_cap(function, (uint8_t)id))
		return true; /* the user named it, so the device has it */
	if (extended)
		return id == VF_REBAR && is_rebar(function, at);
	return id == PCI_CAP_ID_EA && is_ea(function, at);
}

static bool leads_back(const struct lend_function *function, const uint8_t *shown, unsigned at, bool extended)
{
	struct header header = parse(function->config.hw, at, extended);
	uint16_t first = header.id;
	unsigned hops = function->config.size / 4;

	for (unsigned from = at; header.good && hops--;) {
		if (!header.next)
			return makes_sense(function, at, first, extended);
		if (shown[header.next])
			return true;
		from = header.next;
		if (from + PCI_CAP_SIZEOF > function->config.size || function->config.rows[from].claim)
			return false;
		header = parse(function->config.hw, from, extended);
	}
	return false;
}

/* Marks the offsets of the headers in the device's own chain. */
static void walk(const struct lend_device *device, uint8_t *linked, bool extended)
{
	unsigned at = extended ? PCI_CFG_SPACE_SIZE : device->raw[PCI_CAPABILITY_LIST] & NEXT_MASK;
	unsigned start = extended ? PCI_CFG_SPACE_SIZE : PCI_STD_HEADER_SIZEOF;
	unsigned end = extended ? PCI_CFG_SPACE_EXP_SIZE : PCI_CFG_SPACE_SIZE;

	while (at >= start && at + PCI_CAP_SIZEOF <= end && !linked[at]) {
		linked[at] = 1;
		at = parse(device->raw, at, extended).next;
	}
}

static bool is_hidden(const struct lend_function *function, uint16_t id, bool extended)
{
	if (extended)
		return cap_row_extended(id)->policy == CAP_HIDDEN || rules_deny_extended(function, id);
	return cap_row((uint8_t)id)->policy == CAP_HIDDEN || rules_deny_cap(function, (uint8_t)id);
}

void unlinked_setup(struct lend_function *function, const struct cap *caps, unsigned count, bool extended)
{
	unsigned at = extended ? PCI_CFG_SPACE_SIZE : PCI_STD_HEADER_SIZEOF;
	unsigned end = extended ? function->config.size : PCI_CFG_SPACE_SIZE;
	bool known = function->device->raw_length >= end;
	uint8_t shown[CONFIG_MAX] = {0}, linked[CONFIG_MAX] = {0};

	if (known)
		walk(function->device, linked, extended);
	for (unsigned i = 0; i < count; i++)
		shown[caps[i].offset] = 1;
	for (; at < end; at += PCI_CAP_SIZEOF) {
		struct cap cap = {.offset = at};

		if (function->config.rows[at].claim)
			continue;
		cap.id = parse(function->config.hw, at, extended).id;
		if (!cap.id || !is_hidden(function, cap.id, extended))
			continue;
		if (!(known ? linked[at] : leads_back(function, shown, at, extended)))
			continue;
		caps_measure(function, &cap, 1, end);
		for (unsigned i = 0; i < cap.room; i++)
			if (function->config.rows[at + i].claim)
				cap.room = i;
		cap.length = cap.length < cap.room ? cap.length : cap.room;
		cap_claim(function, &cap, true);
	}
}
