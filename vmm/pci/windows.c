/* SPDX-License-Identifier: MIT */
/*
 * Where the BARs go before the guest boots. Rules: behind a port only a
 * prefetchable 64-bit BAR may lie above 4 GiB (Linux refuses others there); on
 * the root bus every 64-bit BAR may, but one that is small stays below. Every
 * memory BAR gets a page of its own, so that it can be mapped.
 *
 * Sizing and placing are one walk over the same code: with addresses from 0 the
 * cursors' ends are what is needed.
 */
#include <errno.h>
#include <linux/pci_regs.h>

#include "vmm/error.h"
#include "vmm/pci/topology.h"

enum {
	BARS = LEND_REGION_ROM + 1,
	LARGE_ROOT_BAR = 16 << 20,
	PORT_GRAIN = 1 << 20,
	PAGE = 4096,
	IO_GRAIN = 4096
};

struct cursors {
	uint64_t low, high, io;
	uint64_t low_align, high_align; /* largest alignment seen below and above 4 GiB */
	bool dry;                       /* only count */
};

enum area { AREA_NONE, AREA_LOW, AREA_HIGH, AREA_IO };

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

static uint64_t *cursor_of(struct cursors *cursors, enum area area)
{
	return area == AREA_LOW ? &cursors->low : area == AREA_HIGH ? &cursors->high : &cursors->io;
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

static void note_alignment(struct cursors *cursors, enum area area, uint64_t align)
{
	if (area == AREA_HIGH && align > cursors->high_align)
		cursors->high_align = align;
	if (area == AREA_LOW && align > cursors->low_align)
		cursors->low_align = align;
}

/* All BARs of one kind in one slot, the largest first, so that alignment wastes little. */
static void place_area(const struct pci_slot *slot, enum area area, struct cursors *cursors)
{
	uint64_t *cursor = cursor_of(cursors, area);
	bool port = slot->kind == SLOT_PORT;

	for (unsigned order = 63; order < 64; order--) {
		for (unsigned i = 0; i < PCI_FUNCTIONS * BARS; i++) {
			struct lend_function *function = slot->functions[i / BARS];
			struct lend_bar bar = {0};
			uint64_t align;

			if (function)
				lend_function_bar(function, i % BARS, &bar, sizeof(bar));
			if (area_of(&bar, port) != area || bar.size != 1ULL << order)
				continue;
			align = area != AREA_IO && bar.size < PAGE ? PAGE : bar.size;
			*cursor = align_up(*cursor, align);
			if (!cursors->dry)
				put_bar(function, i % BARS, &bar, *cursor);
			*cursor += area == AREA_IO ? bar.size : align_up(bar.size, PAGE);
			note_alignment(cursors, area, align);
		}
	}
}

/* A port's window covers what is below it, in grains of the bridge's registers. */
static void place_slot(struct pci_slot *slot, struct cursors *cursors)
{
	bool port = slot->kind == SLOT_PORT;
	uint64_t grain = port ? PORT_GRAIN : 1, io_grain = port ? IO_GRAIN : 1;
	struct port_setup *setup = &slot->setup;

	cursors->low = align_up(cursors->low, grain);
	cursors->high = align_up(cursors->high, grain);
	cursors->io = align_up(cursors->io, io_grain);
	setup->memory_start = cursors->low;
	setup->prefetch_start = cursors->high;
	setup->io_start = (uint32_t)cursors->io;
	place_area(slot, AREA_LOW, cursors);
	place_area(slot, AREA_HIGH, cursors);
	place_area(slot, AREA_IO, cursors);
	cursors->low = align_up(cursors->low, grain);
	cursors->high = align_up(cursors->high, grain);
	cursors->io = align_up(cursors->io, io_grain);
	setup->memory_length = cursors->low - setup->memory_start;
	setup->prefetch_length = cursors->high - setup->prefetch_start;
	setup->io_length = (uint32_t)cursors->io - setup->io_start;
}

static void place_all(struct topology *topology, struct cursors *cursors)
{
	for (unsigned i = 1; i < PCI_SLOTS; i++)
		if (topology->slots[i].kind == SLOT_PORT || topology->slots[i].kind == SLOT_DEVICE)
			place_slot(&topology->slots[i], cursors);
}

/* Needs are counted from an address that every alignment divides, so that they hold at such a start. */
void topology_needs(const struct topology *topology, struct layout_needs *needs)
{
	struct topology copy = *topology;
	struct cursors cursors = {.dry = true};

	place_all(&copy, &cursors);
	needs->buses = 1;
	for (unsigned i = 0; i < PCI_SLOTS; i++)
		needs->buses += topology->slots[i].kind == SLOT_PORT;
	needs->low = cursors.low;
	needs->high = cursors.high;
	needs->low_align = cursors.low_align;
	needs->high_align = cursors.high_align;
}

/* A root port completes AtomicOps for one function (spec/vfio-pci.md, 2.7): it is what the host does for it.
 */
static bool is_single(const struct pci_slot *slot)
{
	for (unsigned f = 1; f < PCI_FUNCTIONS; f++)
		if (slot->functions[f])
			return false;
	return slot->functions[0];
}

static void init_bridges(struct topology *topology)
{
	uint8_t secondary = 1;

	for (unsigned i = 0; i < PCI_SLOTS; i++) {
		struct pci_slot *slot = &topology->slots[i];

		if (slot->kind == SLOT_HOST_BRIDGE)
			host_bridge_init(&slot->config);
		if (slot->kind != SLOT_PORT)
			continue;
		slot->setup.slot = (uint8_t)i;
		slot->setup.secondary = secondary++;
		for (unsigned f = PCI_FUNCTIONS; f--;)
			if (slot->functions[f])
				lend_function_link(slot->functions[f], &slot->setup.link,
						   sizeof(slot->setup.link));
		slot->setup.atomics = is_single(slot) ? slot->setup.link.atomics : 0;
		root_port_init(&slot->config, &slot->setup);
	}
}

int topology_assign(struct topology *topology, const struct layout *layout, struct lend_error *error)
{
	struct cursors cursors = {.low = layout->low_start, .high = layout->high_start, .io = PORT_WINDOW};

	place_all(topology, &cursors);
	topology->has_io = cursors.io > PORT_WINDOW;
	if (cursors.low > layout->low_end || cursors.high > layout->high_end ||
	    cursors.io > PORT_WINDOW_END + 1)
		return fail(error, -ENOSPC,
			    "the devices' BARs do not fit into the machine's windows: hand over fewer "
			    "devices");
	init_bridges(topology);
	return 0;
}
