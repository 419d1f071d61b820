/* SPDX-License-Identifier: MIT */
/*
 * See plug_port.h. The windows are those that the ports had before the guest; a guest may move them. Below
 * firmware they are what the ports ask it for.
 */
#include <errno.h>

#include "vmm/error.h"
#include "vmm/machine.h"
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

/* Behind a port, only prefetchable BARs of 64 bits are above 4 GiB (windows.c). A ROM can do without room. */
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

int port_for(const struct assigned *assigned, struct lend_error *error)
{
	const struct vmm *vmm = assigned->vmm;
	uint32_t slots = empty_slots(vmm);
	uint64_t most = 0, most_below = 0;
	struct need low, high;
	int found = -1;

	needs_of(assigned, &low, &high);
	for (unsigned i = 0; i < PCI_SLOTS; i++) {
		const struct pci_slot *slot = &vmm->topology.slots[i];

		if (!(slots & 1u << i))
			continue;
		most = above(slot) > most ? above(slot) : most;
		most_below = below(slot) > most_below ? below(slot) : most_below;
		if (!fits(&low, slot->setup.memory_start, below(slot)) ||
		    !fits(&high, slot->setup.prefetch_start, above(slot)))
			continue;
		if (found < 0 || above(slot) < above(&vmm->topology.slots[found]))
			found = (int)i;
	}
	if (found >= 0)
		return found;
	if (!slots)
		return fail(error, -ENOSPC, "%s: no port is empty any more", assigned->name);
	return fail(
		error, -ENOSPC,
		"%s: its BARs need %llu MiB above 4 GiB and %llu MiB below, and the largest empty port has "
		"%llu MiB and %llu MiB: start the machine with it, or with -ports N,window=SIZE",
		assigned->name, (unsigned long long)(high.bytes >> 20), (unsigned long long)(low.bytes >> 20),
		(unsigned long long)(most >> 20), (unsigned long long)(most_below >> 20));
}
