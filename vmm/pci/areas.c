/* SPDX-License-Identifier: MIT */
/* See areas.h. */
#include <linux/pci_regs.h>

#include "vmm/pci/areas.h"

enum { LARGE_ROOT_BAR = 16 << 20, PAGE = 4096 };

static enum area area_of(const struct lend_bar *bar, bool port)
{
	if (!bar->size)
		return AREA_NONE;
	if (bar->io)
		return AREA_IO;
	if (!bar->is_64)
		return AREA_LOW;
	if (port)
		return bar->prefetchable ? AREA_HIGH : AREA_LOW;
	return bar->size >= LARGE_ROOT_BAR ? AREA_HIGH : AREA_LOW;
}

static void put_bar(struct lend_function *function, unsigned index, const struct lend_bar *bar,
		    uint64_t address)
{
	unsigned at = index == LEND_REGION_ROM ? PCI_ROM_ADDRESS : PCI_BASE_ADDRESS_0 + 4 * index;

	lend_function_config_write(function, at, 4, (uint32_t)address); /* a ROM stays disabled */
	if (bar->is_64)
		lend_function_config_write(function, PCI_BASE_ADDRESS_0 + 4 * index + 4, 4,
					   (uint32_t)(address >> 32));
}

static void bar_of(const struct pci_slot *slot, unsigned i, struct lend_bar *out)
{
	*out = (struct lend_bar){0};
	if (slot->functions[i / LEND_BARS])
		lend_function_bar(slot->functions[i / LEND_BARS], i % LEND_BARS, out, sizeof(*out));
}

static uint64_t align_of(const struct lend_bar *bar)
{
	return !bar->io && bar->size < PAGE ? PAGE : bar->size;
}

uint64_t area_room(const struct pci_slot *slot, enum area area)
{
	return area == AREA_LOW ? slot->room_low : area == AREA_HIGH ? slot->room_high : 0;
}

uint64_t power_in(uint64_t bytes)
{
	return bytes ? 1ULL << (63 - __builtin_clzll(bytes)) : 0;
}

uint64_t area_largest(const struct pci_slot *slot, enum area area)
{
	uint64_t found = power_in(area_room(slot, area));

	for (unsigned i = 0; i < PCI_FUNCTIONS * LEND_BARS; i++) {
		struct lend_bar bar;

		bar_of(slot, i, &bar);
		if (area_of(&bar, slot->kind == SLOT_PORT) == area && align_of(&bar) > found)
			found = align_of(&bar);
	}
	return found;
}

uint64_t area_place(const struct pci_slot *slot, enum area area, uint64_t at, bool ascending, uint64_t limit)
{
	for (unsigned step = 0; step < 64; step++) {
		uint64_t size = 1ULL << (ascending ? step : 63 - step);

		for (unsigned i = 0; i < PCI_FUNCTIONS * LEND_BARS; i++) {
			struct lend_bar bar;

			bar_of(slot, i, &bar);
			if (bar.size != size || area_of(&bar, slot->kind == SLOT_PORT) != area)
				continue;
			at = align_up(at, align_of(&bar));
			if (at + bar.size <= limit)
				put_bar(slot->functions[i / LEND_BARS], i % LEND_BARS, &bar, at);
			at += area == AREA_IO ? bar.size : align_up(bar.size, PAGE);
		}
	}
	return at;
}

/*
 * The small BARs of a slot go behind its largest, or before it, whichever ends
 * earlier: where one slot has ended with a small BAR, the room up to the next
 * multiple of a large one's size is used by the next slot's small BARs.
 */
bool area_ascends(const struct pci_slot *slot, enum area area, uint64_t start)
{
	return area_place(slot, area, start, true, 0) < area_place(slot, area, start, false, 0);
}
