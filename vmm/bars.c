/* SPDX-License-Identifier: MIT */
/*
 * liblend's host operations for BARs. A BAR is a range of a bus. Memory slots
 * lie on top of the range, for the parts that need no trap; where KVM gives no
 * slot, the access traps and works all the same.
 *
 * The guest may place a BAR where another one answers. The first one goes on
 * answering; the second one waits, and is tried again each time that a range
 * leaves a bus. So a guest can move one BAR onto the place of another and then
 * move the other one away: both answer where the guest put them.
 */
#include <errno.h>
#include <string.h>

#include "vmm/machine.h"

static uint64_t bar_read(void *opaque, uint64_t offset, unsigned length)
{
	struct assigned_bar *bar = opaque;

	return lend_function_bar_read(bar->owner->function, bar->index, offset, length);
}

static void bar_write(void *opaque, uint64_t offset, unsigned length, uint64_t value)
{
	struct assigned_bar *bar = opaque;

	lend_function_bar_write(bar->owner->function, bar->index, offset, length, value);
}

static const struct bus_ops bar_ops = {.read = bar_read, .write = bar_write};

void assigned_bar_begin(void *host, void *peer)
{
	struct assigned *assigned = peer;

	(void)host;
	for (unsigned i = 0; i < LEND_BARS; i++)
		assigned->bars[i].add = assigned->bars[i].remove = false;
}

int assigned_bar_map(void *host, void *peer, const struct lend_bar_map *map)
{
	struct assigned *assigned = peer;
	struct assigned_bar *bar;

	(void)host;
	if (map->bar >= LEND_BARS || map->direct_count > BAR_SLOTS)
		return -EINVAL;
	bar = &assigned->bars[map->bar];
	bar->next.map = *map;
	memcpy(bar->next.direct, map->direct, map->direct_count * sizeof(bar->next.direct[0]));
	bar->remove = bar->add = true;
	return 0;
}

int assigned_bar_unmap(void *host, void *peer, unsigned index)
{
	struct assigned *assigned = peer;

	(void)host;
	if (index >= LEND_BARS)
		return -EINVAL;
	assigned->bars[index].remove = true;
	assigned->bars[index].add = false;
	return 0;
}

/* -errno: KVM did not remove a slot. It stays in the list, and the next change tries again. */
static int remove_slots(struct vmm *vmm, struct assigned_bar *bar)
{
	int ret = 0;

	while (bar->slot_count && !ret) {
		ret = slots_remove(&vmm->slots, bar->slots[bar->slot_count - 1]);
		if (!ret)
			bar->slot_count--;
	}
	return ret ? ret : subpages_remove(&vmm->subpages, &vmm->slots, bar);
}

/* A BAR does not answer where RAM or an interrupt controller is. */
static bool is_taken(struct vmm *vmm, const struct lend_bar_map *map)
{
	if (map->io)
		return map->address + map->size > 0x10000;
	if (memory_overlaps(&vmm->memory, gpa(map->address), map->size))
		return true;
	return map->address < ADDR_4GIB && map->address + map->size > ADDR_IOAPIC;
}

/* A BAR smaller than a page traps as long as something else of the guest is in its page. */
static void add_page(struct vmm *vmm, struct assigned_bar *bar)
{
	const struct lend_bar_map *map = &bar->at.map;

	if (map->direct_count && bar->at.direct[0].shares_page)
		subpages_add(&vmm->subpages, &vmm->slots, bar->bus, bar, map->address, map->size,
			     bar->at.direct[0].va);
}

static int add_slot(struct vmm *vmm, gpa_t at, const struct lend_bar_direct *direct)
{
	return direct->read_only ? slots_add_readonly(&vmm->slots, at, direct->length, direct->va)
				 : slots_add(&vmm->slots, at, direct->length, direct->va);
}

static void add_slots(struct vmm *vmm, struct assigned_bar *bar)
{
	const struct lend_bar_map *map = &bar->at.map;

	if (map->io)
		return;
	add_page(vmm, bar);
	for (size_t i = 0; i < map->direct_count; i++) {
		const struct lend_bar_direct *direct = &bar->at.direct[i];
		int slot;

		if (direct->shares_page || bar->slot_count == BAR_SLOTS)
			continue;
		slot = add_slot(vmm, gpa(map->address + direct->offset), direct);
		if (slot >= 0)
			bar->slots[bar->slot_count++] = slot;
		else if (vmm_may_log(vmm))
			vmm_log(vmm, LEND_LOG_WARNING,
				"%s: BAR %u traps at %#llx, KVM takes no memory slot for it: %s",
				bar->owner->name, bar->index, (unsigned long long)map->address,
				strerror(-slot));
	}
}

/* Puts a BAR on its bus, unless something else answers there. */
static void show(struct vmm *vmm, struct assigned_bar *bar)
{
	const struct lend_bar_map *map = &bar->at.map;
	struct bus *bus = map->io ? &vmm->port_bus : &vmm->memory_bus;
	const struct bus_range range = {
		.start = map->address, .length = map->size, .ops = &bar_ops, .opaque = bar};

	if (is_taken(vmm, map) || bus_add(bus, &range))
		return;
	/* If KVM keeps another BAR's page here, that page would answer. */
	if (!map->io && subpages_evict(&vmm->subpages, &vmm->slots, bar, map->address, map->size)) {
		bus_remove(bus, bar, 0);
		return;
	}
	bar->bus = bus;
	add_slots(vmm, bar);
}

/* The library may not be called from here, with a function's lock held: the loop tells it (devices_shown()).
 */
static void show_late(struct vmm *vmm, struct assigned_bar *bar)
{
	show(vmm, bar);
	if (!bar->bus)
		return;
	__atomic_store_n(&bar->owner->shown, true, __ATOMIC_RELEASE);
	vmm_wake(vmm);
}

void bars_retry(struct vmm *vmm)
{
	vga_retry(vmm);
	for (struct assigned *at = NULL; (at = assigned_next(vmm, at));)
		for (unsigned i = 0; i < LEND_BARS; i++)
			if (at->bars[i].wanted && !at->bars[i].bus)
				show_late(vmm, &at->bars[i]);
	for (struct assigned *at = NULL; (at = assigned_next(vmm, at));)
		for (unsigned i = 0; i < LEND_BARS; i++)
			if (at->bars[i].bus)
				add_page(vmm, &at->bars[i]);
}

/*
 * Whether only the direct parts change. The range then stays on the bus, so
 * that an access of another processor traps meanwhile.
 */
static bool stays(const struct assigned_bar *bar)
{
	const struct lend_bar_map *a = &bar->at.map, *b = &bar->next.map;

	return bar->add && bar->bus && a->io == b->io && a->address == b->address && a->size == b->size;
}

/*
 * Removes all slots of the BARs that change. If KVM does not remove one, those
 * that were removed are added again.
 */
static int strip(struct vmm *vmm, struct assigned *assigned)
{
	int ret = 0;

	for (unsigned i = 0; i < LEND_BARS && !ret; i++)
		if (assigned->bars[i].remove)
			ret = remove_slots(vmm, &assigned->bars[i]);
	for (unsigned i = 0; i < LEND_BARS && ret; i++)
		if (assigned->bars[i].remove && assigned->bars[i].bus && !assigned->bars[i].slot_count)
			add_slots(vmm, &assigned->bars[i]);
	return ret;
}

/*
 * Takes BARs off their bus before any is added, so that two BARs can change
 * places. True: one was on a bus.
 */
static bool leave(struct assigned *assigned)
{
	bool any = false;

	for (unsigned i = 0; i < LEND_BARS; i++) {
		struct assigned_bar *bar = &assigned->bars[i];

		if (!bar->remove || stays(bar))
			continue;
		any |= bar->bus != NULL;
		if (bar->bus)
			bus_remove(bar->bus, bar, 0);
		bar->bus = NULL;
		bar->wanted = false;
	}
	posts_look(assigned);
	return any;
}

static void come(struct vmm *vmm, struct assigned *assigned)
{
	for (unsigned i = 0; i < LEND_BARS; i++) {
		struct assigned_bar *bar = &assigned->bars[i];
		bool stay = stays(bar);

		if (!bar->add)
			continue;
		bar->at = bar->next;
		bar->wanted = true;
		if (stay)
			add_slots(vmm, bar);
		else
			show(vmm, bar);
	}
}

/* A bit for each BAR that was to be added and answers nowhere. */
static int hidden_of(const struct assigned *assigned)
{
	int hidden = 0;

	for (unsigned i = 0; i < LEND_BARS; i++)
		if (assigned->bars[i].add && !assigned->bars[i].bus)
			hidden |= 1 << i;
	return hidden;
}

int assigned_bar_commit(void *host, void *peer)
{
	struct assigned *assigned = peer;
	struct vmm *vmm = host;
	int ret;

	for (unsigned i = 0; i < LEND_BARS; i++)
		if (assigned->bars[i].add)
			mark_device(assigned, MARK_MEMORY);
	pthread_mutex_lock(&vmm->places);
	ret = strip(vmm, assigned);
	if (!ret) {
		bool left = leave(assigned);

		come(vmm, assigned);
		if (left)
			bars_retry(vmm);
		ret = hidden_of(assigned);
	}
	pthread_mutex_unlock(&vmm->places);
	assigned_bar_begin(host, peer);
	return ret;
}
