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

enum { LARGE_ROOT_BAR = 16 << 20, PORT_GRAIN = 1 << 20, PAGE = 4096, IO_GRAIN = 4096 };

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

/* What is kept free below a port for a device that comes later. */
static uint64_t room_of(const struct pci_slot *slot, enum area area)
{
	return area == AREA_LOW ? slot->room_low : area == AREA_HIGH ? slot->room_high : 0;
}

/* The largest power of two that is not more than `bytes`: the largest BAR that has room there. */
static uint64_t power_in(uint64_t bytes)
{
	return bytes ? 1ULL << (63 - __builtin_clzll(bytes)) : 0;
}

/* The largest alignment that a BAR of one kind in the slot has; 0: there is none. */
static uint64_t largest(const struct pci_slot *slot, enum area area)
{
	uint64_t found = power_in(room_of(slot, area));

	for (unsigned i = 0; i < PCI_FUNCTIONS * LEND_BARS; i++) {
		struct lend_bar bar;

		bar_of(slot, i, &bar);
		if (area_of(&bar, slot->kind == SLOT_PORT) == area && align_of(&bar) > found)
			found = align_of(&bar);
	}
	return found;
}

/* All BARs of one kind in one slot from `at` on, by their sizes. Returns where they end. */
static uint64_t place_area(const struct pci_slot *slot, enum area area, uint64_t at, bool ascending, bool put)
{
	for (unsigned step = 0; step < 64; step++) {
		uint64_t size = 1ULL << (ascending ? step : 63 - step);

		for (unsigned i = 0; i < PCI_FUNCTIONS * LEND_BARS; i++) {
			struct lend_bar bar;

			bar_of(slot, i, &bar);
			if (bar.size != size || area_of(&bar, slot->kind == SLOT_PORT) != area)
				continue;
			at = align_up(at, align_of(&bar));
			if (put)
				put_bar(slot->functions[i / LEND_BARS], i % LEND_BARS, &bar, at);
			at += area == AREA_IO ? bar.size : align_up(bar.size, PAGE);
		}
	}
	return at;
}

static uint64_t grain_of(const struct pci_slot *slot, enum area area)
{
	if (slot->kind != SLOT_PORT)
		return 1;
	return area == AREA_IO ? IO_GRAIN : PORT_GRAIN;
}

/* A port's window covers what is below it, in grains of the bridge's registers. */
static void set_window(struct port_setup *setup, enum area area, uint64_t start, uint64_t end)
{
	if (area == AREA_LOW) {
		setup->memory_start = start;
		setup->memory_length = end - start;
	} else if (area == AREA_HIGH) {
		setup->prefetch_start = start;
		setup->prefetch_length = end - start;
	} else {
		setup->io_start = (uint32_t)start;
		setup->io_length = (uint32_t)(end - start);
	}
}

/*
 * The small BARs of a slot go behind its largest, or before it, whichever ends
 * earlier: where one slot has ended with a small BAR, the room up to the next
 * multiple of a large one's size is used by the next slot's small BARs.
 */
static void place_slot(struct pci_slot *slot, enum area area, struct cursors *cursors)
{
	uint64_t grain = grain_of(slot, area), *cursor = cursor_of(cursors, area);
	uint64_t room = room_of(slot, area);
	uint64_t start = align_up(*cursor, room ? power_in(room) : grain);
	bool ascending =
		place_area(slot, area, start, true, false) < place_area(slot, area, start, false, false);
	uint64_t end = align_up(place_area(slot, area, start, ascending, !cursors->dry), grain);

	if (end < start + room)
		end = start + room;
	set_window(&slot->setup, area, start, end);
	note_alignment(cursors, area, largest(slot, area));
	*cursor = end;
}

/* One kind in all slots, those with the largest BAR first, so that alignment wastes little. */
static void place_kind(struct topology *topology, enum area area, struct cursors *cursors)
{
	for (unsigned step = 0; step <= 64; step++) { /* at last the slots that have none */
		uint64_t align = step < 64 ? 1ULL << (63 - step) : 0;

		for (unsigned i = 1; i < PCI_SLOTS; i++) {
			struct pci_slot *slot = &topology->slots[i];

			if ((slot->kind == SLOT_PORT || slot->kind == SLOT_DEVICE) &&
			    largest(slot, area) == align)
				place_slot(slot, area, cursors);
		}
	}
}

static void place_all(struct topology *topology, struct cursors *cursors)
{
	place_kind(topology, AREA_LOW, cursors);
	place_kind(topology, AREA_HIGH, cursors);
	place_kind(topology, AREA_IO, cursors);
}

/*
 * Needs are counted from address 0, which every alignment divides; they hold
 * at each start that is aligned alike.
 */
void topology_needs(const struct topology *topology, struct layout_needs *needs)
{
	struct topology copy = *topology;
	struct cursors cursors = {.dry = true};

	place_all(&copy, &cursors);
	needs->buses = 1;
	for (unsigned i = 0; i < PCI_SLOTS; i++)
		needs->buses += topology->slots[i].kind == SLOT_PORT;
	needs->hotplug = topology->hotplug ? topology_ports(topology, false) : 0;
	needs->low = cursors.low;
	needs->high = cursors.high;
	needs->low_align = cursors.low_align;
	needs->high_align = cursors.high_align;
}

/*
 * A root port completes AtomicOps for a single function alone
 * (docs/conformance.md, 2.7): what it completes is what the host's ports do
 * for that function.
 */
static bool is_single(const struct pci_slot *slot)
{
	for (unsigned f = 1; f < PCI_FUNCTIONS; f++)
		if (slot->functions[f])
			return false;
	return slot->functions[0];
}

void slot_describe(struct pci_slot *slot)
{
	struct port_setup *setup = &slot->setup;

	setup->filled = false;
	for (unsigned f = PCI_FUNCTIONS; f--;)
		if (slot->functions[f]) {
			lend_function_link(slot->functions[f], &setup->link, sizeof(setup->link));
			setup->filled = true;
		}
	setup->atomics = is_single(slot) ? setup->link.atomics : 0;
}

static void init_bridges(struct topology *topology)
{
	uint8_t secondary = 1;

	for (unsigned i = 0; i < PCI_SLOTS; i++) {
		struct pci_slot *slot = &topology->slots[i];

		if (topology->chips && (slot->kind == SLOT_HOST_BRIDGE || slot->kind == SLOT_CHIP))
			topology->chips->reset(topology->chips->opaque, i, &slot->config);
		else if (slot->kind == SLOT_HOST_BRIDGE)
			host_bridge_init(&slot->config);
		if (slot->kind != SLOT_PORT)
			continue;
		slot->setup.slot = (uint8_t)i;
		slot->setup.secondary = topology->chips ? 0 : secondary++;
		slot->setup.hotplug = topology->hotplug;
		slot->setup.room_low = slot->room_low;
		slot->setup.room_high = slot->room_high;
		slot_describe(slot);
		root_port_init(&slot->config, &slot->setup);
	}
}

/* The firmware places everything. Of a port it is only told whether it can have a window of I/O ports. */
static void leave_unplaced(struct topology *topology)
{
	struct cursors cursors = {.dry = true, .io = PORT_WINDOW};

	place_all(topology, &cursors);
	topology->has_io = cursors.io > PORT_WINDOW;
	for (unsigned i = 0; i < PCI_SLOTS; i++) {
		struct port_setup *setup = &topology->slots[i].setup;

		setup->unplaced = true;
		setup->memory_length = setup->prefetch_length = 0;
	}
	topology->cf8 = 0;
	init_bridges(topology);
}

int topology_assign(struct topology *topology, const struct layout *layout, struct lend_error *error)
{
	struct cursors cursors = {.io = PORT_WINDOW};

	if (topology->chips) {
		leave_unplaced(topology);
		return 0;
	}
	cursors.low = layout->low_start;
	cursors.high = layout->high_start;
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
