/* SPDX-License-Identifier: MIT */
/*
 * Where the BARs of all slots go before the guest boots, and what the ports' windows are.
 *
 * Sizing and placing are one walk over the same code: with addresses from 0 the
 * cursors' ends are what is needed.
 *
 * A slot keeps its windows from the first boot on, so that a device that left before a reboot can
 * come back after it. What came to a port since then is placed inside of them.
 */
#include <errno.h>

#include "vmm/error.h"
#include "vmm/pci/areas.h"

enum { PORT_GRAIN = 1 << 20, IO_GRAIN = 4096 };

struct cursors {
	uint64_t low, high, io;
	uint64_t low_align, high_align; /* largest alignment seen below and above 4 GiB */
	bool dry;                       /* only count */
	const struct layout *kept;      /* slots have windows of the boot before; NULL: they have none */
};

/* [start, end) */
struct span {
	uint64_t start, end;
};

static uint64_t *cursor_of(struct cursors *cursors, enum area area)
{
	return area == AREA_LOW ? &cursors->low : area == AREA_HIGH ? &cursors->high : &cursors->io;
}

static void note_alignment(struct cursors *cursors, enum area area, uint64_t align)
{
	if (area == AREA_HIGH && align > cursors->high_align)
		cursors->high_align = align;
	if (area == AREA_LOW && align > cursors->low_align)
		cursors->low_align = align;
}

static uint64_t grain_of(const struct pci_slot *slot, enum area area)
{
	if (slot->kind != SLOT_PORT)
		return 1;
	return area == AREA_IO ? IO_GRAIN : PORT_GRAIN;
}

/* A port's window covers what is below it, in grains of the bridge's registers. */
static void set_window(struct port_setup *setup, enum area area, const struct span *window)
{
	uint64_t length = window->end - window->start;

	if (area == AREA_LOW) {
		setup->memory_start = window->start;
		setup->memory_length = length;
	} else if (area == AREA_HIGH) {
		setup->prefetch_start = window->start;
		setup->prefetch_length = length;
	} else {
		setup->io_start = (uint32_t)window->start;
		setup->io_length = (uint32_t)length;
	}
}

static struct span window_of(const struct port_setup *setup, enum area area)
{
	if (area == AREA_LOW)
		return (struct span){setup->memory_start, setup->memory_start + setup->memory_length};
	if (area == AREA_HIGH)
		return (struct span){setup->prefetch_start, setup->prefetch_start + setup->prefetch_length};
	return (struct span){setup->io_start, setup->io_start + setup->io_length};
}

static uint64_t end_of(const struct layout *layout, enum area area)
{
	return area == AREA_LOW    ? layout->low_end
	       : area == AREA_HIGH ? layout->high_end
				   : PORT_WINDOW_END + 1;
}

/* What the slot needs, from the cursor on. */
static struct span new_window(const struct pci_slot *slot, enum area area, uint64_t cursor)
{
	uint64_t grain = grain_of(slot, area), room = area_room(slot, area);
	uint64_t start = align_up(cursor, room ? power_in(room) : grain);
	uint64_t end = align_up(area_place(slot, area, start, area_ascends(slot, area, start), 0), grain);

	return (struct span){start, end < start + room ? start + room : end};
}

static void place_slot(struct pci_slot *slot, enum area area, struct cursors *cursors)
{
	uint64_t *cursor = cursor_of(cursors, area);
	struct span window = window_of(&slot->setup, area);
	bool ascending;

	if (!cursors->kept || window.start == window.end) {
		window = new_window(slot, area, *cursor);
		/* Of a device that came later: it does without what has no place. */
		if (cursors->kept && window.end > end_of(cursors->kept, area))
			window.end = window.start;
		*cursor = window.end;
	}
	set_window(&slot->setup, area, &window);
	note_alignment(cursors, area, area_largest(slot, area));
	if (cursors->dry)
		return;
	ascending = area_ascends(slot, area, window.start) &&
		    area_place(slot, area, window.start, true, 0) <= window.end;
	area_place(slot, area, window.start, ascending, window.end);
}

/* One kind in all slots, those with the largest BAR first, so that alignment wastes little. */
static void place_kind(struct topology *topology, enum area area, struct cursors *cursors)
{
	for (unsigned step = 0; step <= 64; step++) { /* at last the slots that have none */
		uint64_t align = step < 64 ? 1ULL << (63 - step) : 0;

		for (unsigned i = 1; i < PCI_SLOTS; i++) {
			struct pci_slot *slot = &topology->slots[i];

			if ((slot->kind == SLOT_PORT || slot->kind == SLOT_DEVICE) &&
			    area_largest(slot, area) == align)
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
	if (topology->moved)
		topology->moved(topology->opaque);
}

/* Behind all windows that there are. */
static void skip_kept(const struct topology *topology, struct cursors *cursors)
{
	for (unsigned i = 1; i < PCI_SLOTS; i++)
		for (enum area area = AREA_LOW; area <= AREA_IO; area++) {
			struct span window = window_of(&topology->slots[i].setup, area);
			uint64_t *cursor = cursor_of(cursors, area);

			if (window.start != window.end && window.end > *cursor)
				*cursor = window.end;
		}
}

static void place(struct topology *topology, const struct layout *layout, struct cursors *cursors)
{
	if (topology->placed) {
		cursors->kept = layout;
		skip_kept(topology, cursors);
	}
	place_all(topology, cursors);
	topology->placed = true;
	topology->has_io = cursors->io > PORT_WINDOW;
}

/* What the BARs below a port need where a window may begin anywhere, as the firmware keeps it. */
static uint64_t kept_room(const struct pci_slot *slot, enum area area)
{
	uint64_t bytes = align_up(area_place(slot, area, 0, false, 0), PORT_GRAIN);

	return bytes ? power_in(2 * bytes - 1) : 0;
}

/*
 * Ports whose devices may leave ask the firmware for as much room as they need now, so that these can
 * come back. Where the layout has not so much, the firmware has what is there alone, and they cannot.
 */
static void keep_room(struct topology *topology, const struct layout *layout)
{
	struct topology copy = *topology;
	struct layout_needs needs = {0};

	for (unsigned i = 1; i < PCI_SLOTS; i++) {
		struct pci_slot *slot = &copy.slots[i];

		if (slot->kind != SLOT_PORT || slot->room_low || slot->room_high)
			continue;
		slot->room_low = kept_room(slot, AREA_LOW);
		slot->room_high = kept_room(slot, AREA_HIGH);
	}
	topology_needs(&copy, &needs);
	if (needs.low > layout->low_end - layout->low_start ||
	    needs.high > layout->high_end - layout->high_start)
		return;
	for (unsigned i = 1; i < PCI_SLOTS; i++) {
		topology->slots[i].room_low = copy.slots[i].room_low;
		topology->slots[i].room_high = copy.slots[i].room_high;
	}
}

/* The firmware places everything. Of a port it is only told whether it can have a window of I/O ports. */
static void leave_unplaced(struct topology *topology, const struct layout *layout)
{
	struct cursors cursors = {.dry = true, .io = PORT_WINDOW};

	if (topology->hotplug && !topology->placed)
		keep_room(topology, layout);
	place(topology, layout, &cursors);
	for (unsigned i = 0; i < PCI_SLOTS; i++) {
		struct port_setup *setup = &topology->slots[i].setup;

		setup->unplaced = true;
		setup->memory_start = setup->memory_length = 0;
		setup->prefetch_start = setup->prefetch_length = 0;
	}
	topology->cf8 = 0;
	init_bridges(topology);
}

int topology_assign(struct topology *topology, const struct layout *layout, struct lend_error *error)
{
	struct cursors cursors = {.low = layout->low_start, .high = layout->high_start, .io = PORT_WINDOW};

	if (topology->chips) {
		leave_unplaced(topology, layout);
		return 0;
	}
	place(topology, layout, &cursors);
	if (cursors.low > layout->low_end || cursors.high > layout->high_end ||
	    cursors.io > PORT_WINDOW_END + 1)
		return fail(error, -ENOSPC,
			    "the devices' BARs do not fit into the machine's windows: hand over fewer "
			    "devices");
	init_bridges(topology);
	return 0;
}
