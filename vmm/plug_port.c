/* SPDX-License-Identifier: MIT */
/*
 * See plug_port.h. The windows are those that the ports had before the guest; a guest may move them. Below
 * firmware they are what the ports ask it for.
 */
#include <errno.h>
#include <stdio.h>

#include "vmm/error.h"
#include "vmm/plug_moves.h"
#include "vmm/plug_port.h"

enum { PAGE = 4096 };

/* Bytes of BARs, and the largest of them, which is what they have to be aligned to. */
struct need {
	uint64_t bytes, largest;
};

static void add(struct need *need, uint64_t size)
{
	need->bytes += size < PAGE ? PAGE : size;
	if (size > need->largest)
		need->largest = size;
}

/* Behind a port, only prefetchable BARs of 64 bits are above 4 GiB (areas.h). A ROM can do without room. */
static void needs_of(const struct assigned *assigned, struct need *low, struct need *high)
{
	*low = *high = (struct need){0};
	for (unsigned i = 0; i < LEND_DEVICE_BARS; i++) {
		struct lend_bar bar;

		lend_function_bar(assigned->function, i, &bar, sizeof(bar));
		if (bar.size && !bar.io)
			add(bar.is_64 && bar.prefetchable ? high : low, bar.size);
	}
}

static bool fits(const struct need *need, uint64_t start, uint64_t length)
{
	uint64_t skipped = need->largest ? align_up(start, need->largest) - start : 0;

	return !need->bytes || (skipped <= length && need->bytes <= length - skipped);
}

static uint64_t above(const struct pci_slot *slot)
{
	return slot->setup.unplaced ? slot->room_high : slot->setup.prefetch_length;
}

static uint64_t below(const struct pci_slot *slot)
{
	return slot->setup.unplaced ? slot->room_low : slot->setup.memory_length;
}

static uint32_t empty_slots(const struct vmm *vmm)
{
	return topology_ports(&vmm->topology, false) & ~topology_ports(&vmm->topology, true);
}

unsigned ports_empty(const struct vmm *vmm)
{
	return (unsigned)__builtin_popcount(empty_slots(vmm));
}

static bool has_room(const struct pci_slot *slot, const struct need *low, const struct need *high)
{
	return fits(low, slot->setup.memory_start, below(slot)) &&
	       fits(high, slot->setup.prefetch_start, above(slot));
}

/* The one of these ports that has room, and the least above 4 GiB; -1: none has. */
static int smallest(const struct vmm *vmm, uint32_t slots, const struct need *low, const struct need *high)
{
	const struct pci_slot *all = vmm->topology.slots;
	int found = -1;

	for (int i = 0; i < PCI_SLOTS; i++)
		if (slots & 1u << i && has_room(&all[i], low, high) &&
		    (found < 0 || above(&all[i]) < above(&all[found])))
			found = i;
	return found;
}

/* What to do for a device that no empty port has room for. -ports sizes windows above 4 GiB alone. */
static void cure(const struct vmm *vmm, const struct need *low, const struct need *high, char out[160])
{
	int taken = smallest(vmm, topology_ports(&vmm->topology, true), low, high);
	const struct assigned *other = taken < 0 ? NULL : plug_next_in_slot(vmm, NULL, (unsigned)taken);

	if (other)
		snprintf(out, 160, "take %s away first, whose port (%d) has room for it", other->name, taken);
	else if (smallest(vmm, empty_slots(vmm), low, &(struct need){0}) >= 0)
		snprintf(out, 160, "start the machine with -ports %u,window=%lluM, or with the device",
			 vmm->config.ports, (unsigned long long)(align_up(high->bytes, MIB(1)) / MIB(1)));
	else
		snprintf(out, 160, "start the machine with the device");
}

static int refuse(const struct assigned *assigned, const struct need *low, const struct need *high,
		  struct lend_error *error)
{
	const struct vmm *vmm = assigned->vmm;
	uint32_t slots = empty_slots(vmm);
	uint64_t most = 0, most_below = 0;
	char what[160];

	if (!slots)
		return fail(error, -ENOSPC, "%s: no port is empty any more", assigned->name);
	for (unsigned i = 0; i < PCI_SLOTS; i++) {
		const struct pci_slot *slot = &vmm->topology.slots[i];

		if (!(slots & 1u << i))
			continue;
		most = above(slot) > most ? above(slot) : most;
		most_below = below(slot) > most_below ? below(slot) : most_below;
	}
	cure(vmm, low, high, what);
	return fail(
		error, -ENOSPC,
		"%s: its BARs need %llu MiB above 4 GiB and %llu MiB below, and the largest empty port has "
		"%llu MiB and %llu MiB: %s",
		assigned->name, (unsigned long long)(align_up(high->bytes, MIB(1)) / MIB(1)),
		(unsigned long long)(align_up(low->bytes, MIB(1)) / MIB(1)),
		(unsigned long long)(most / MIB(1)), (unsigned long long)(most_below / MIB(1)), what);
}

int port_for(const struct assigned *assigned, struct lend_error *error)
{
	const struct vmm *vmm = assigned->vmm;
	struct need low, high;
	int found;

	needs_of(assigned, &low, &high);
	found = smallest(vmm, empty_slots(vmm), &low, &high);
	return found < 0 ? refuse(assigned, &low, &high, error) : found;
}
