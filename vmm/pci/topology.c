/* SPDX-License-Identifier: MIT */
/* Placement and config accesses: PCIe Base 6.0, 7.2.2 (ECAM); PCI Local Bus 3.0, 3.2.2.3.2 (0xcf8). */
#include <errno.h>
#include <linux/pci_regs.h>

#include "vmm/pci/topology.h"

static struct pci_slot *free_slot(struct topology *topology)
{
	for (unsigned i = 1; i < PCI_SLOTS; i++)
		if (topology->slots[i].kind == SLOT_EMPTY)
			return &topology->slots[i];
	return NULL;
}

static bool same_slot(const struct placement *a, const struct placement *b)
{
	return !a->alone && !b->alone && a->place == b->place && a->host.domain == b->host.domain &&
	       a->host.bus == b->host.bus && a->host.device == b->host.device;
}

/* A slot needs a function 0: without one, guests look at no other function of it. */
static void fill_slot(struct pci_slot *slot, const struct placement *placements, unsigned count,
		      unsigned first)
{
	unsigned lowest = placements[first].host.function;
	bool has_zero = placements[first].alone;

	for (unsigned i = first; i < count; i++) {
		if (i != first && !same_slot(&placements[first], &placements[i]))
			continue;
		if (placements[i].host.function == 0)
			has_zero = true;
		if (placements[i].host.function < lowest)
			lowest = placements[i].host.function;
	}
	for (unsigned i = first; i < count; i++) {
		unsigned number = placements[i].host.function;

		if (i != first && !same_slot(&placements[first], &placements[i]))
			continue;
		if (placements[i].alone || (!has_zero && number == lowest))
			number = 0;
		slot->functions[number] = placements[i].function;
	}
}

int topology_place(struct topology *topology, const struct placement *placements, unsigned count)
{
	topology->slots[0].kind = SLOT_HOST_BRIDGE;
	if (topology->chips)
		topology->slots[SLOT_LPC].kind = SLOT_CHIP;
	for (unsigned i = 0; i < count; i++) {
		struct pci_slot *slot;
		bool placed = false;

		for (unsigned j = 0; j < i; j++)
			placed |= same_slot(&placements[j], &placements[i]);
		if (placed)
			continue;
		slot = free_slot(topology);
		if (!slot)
			return -ENOSPC;
		slot->kind = placements[i].place == LEND_PLACE_PORT ? SLOT_PORT : SLOT_DEVICE;
		fill_slot(slot, placements, count, i);
	}
	return 0;
}

unsigned topology_slot(const struct topology *topology, const struct lend_function *function)
{
	for (unsigned i = 1; i < PCI_SLOTS; i++)
		for (unsigned f = 0; f < PCI_FUNCTIONS; f++)
			if (topology->slots[i].functions[f] == function)
				return i;
	return 0;
}

int topology_add_ports(struct topology *topology, unsigned count, uint64_t window)
{
	topology->hotplug |= count > 0;
	while (count--) {
		struct pci_slot *slot = free_slot(topology);

		if (!slot)
			return -ENOSPC;
		slot->kind = SLOT_PORT;
		slot->room_low = PORT_ROOM_LOW;
		slot->room_high = window;
	}
	return 0;
}

uint32_t topology_ports(const struct topology *topology, bool filled)
{
	uint32_t slots = 0;

	for (unsigned i = 1; i < PCI_SLOTS; i++) {
		const struct pci_slot *slot = &topology->slots[i];
		bool has = false;

		for (unsigned f = 0; f < PCI_FUNCTIONS; f++)
			has |= slot->functions[f] != NULL;
		if (slot->kind == SLOT_PORT && (has || !filled))
			slots |= 1u << i;
	}
	return slots;
}

static void tell_moved(const struct topology *topology)
{
	if (topology->moved)
		topology->moved(topology->opaque);
}

static void update_port(struct pci_slot *slot)
{
	slot_describe(slot);
	root_port_update(&slot->config, &slot->setup);
}

void topology_insert(struct topology *topology, unsigned slot, struct lend_function *function)
{
	topology->slots[slot].functions[0] = function;
	update_port(&topology->slots[slot]);
	tell_moved(topology);
}

uint16_t topology_requester(const struct topology *topology, const struct lend_function *function)
{
	unsigned number = topology_slot(topology, function), f = 0;
	const struct pci_slot *slot = &topology->slots[number];

	while (f < PCI_FUNCTIONS - 1 && slot->functions[f] != function)
		f++;
	if (slot->kind != SLOT_PORT)
		return (uint16_t)(number << 3 | f);
	return (uint16_t)(bridge_config_read(&slot->config, PCI_SECONDARY_BUS, 1) << 8 | f);
}

void topology_remove(struct topology *topology, const struct lend_function *function)
{
	for (unsigned i = 1; i < PCI_SLOTS; i++)
		for (unsigned f = 0; f < PCI_FUNCTIONS; f++)
			if (topology->slots[i].functions[f] == function) {
				topology->slots[i].functions[f] = NULL;
				if (topology->slots[i].kind == SLOT_PORT)
					update_port(&topology->slots[i]);
				tell_moved(topology);
			}
}

static unsigned below(const struct pci_slot *slot)
{
	return bridge_config_read(&slot->config, PCI_SECONDARY_BUS, 1);
}

unsigned topology_port(const struct topology *topology, unsigned bus)
{
	for (unsigned i = 1; i < PCI_SLOTS; i++) {
		const struct pci_slot *slot = &topology->slots[i];

		if (slot->kind == SLOT_PORT && below(slot) == bus)
			return i;
	}
	return 0;
}

struct target {
	struct pci_slot *slot;          /* of one of ours */
	struct lend_function *function; /* or an assigned one */
};

static struct target find(struct topology *topology, unsigned bus, unsigned device, unsigned function)
{
	unsigned number = bus == 0 ? device : topology_port(topology, bus);
	struct pci_slot *slot = &topology->slots[number];

	if (slot->kind == SLOT_EMPTY || (bus && (device || !number)))
		return (struct target){0};
	if (bus || slot->kind == SLOT_DEVICE)
		return (struct target){.function = slot->functions[function]};
	return (struct target){.slot = function ? NULL : slot};
}

static struct target find_ecam(struct topology *topology, uint64_t offset)
{
	return find(topology, (unsigned)(offset >> 20), (offset >> 15) & 31, (offset >> 12) & 7);
}

static uint32_t read_target(struct topology *topology, struct target target, unsigned reg, unsigned length)
{
	__atomic_fetch_add(&topology->accesses, 1, __ATOMIC_RELAXED);
	if (target.function)
		return lend_function_config_read(target.function, reg, length);
	if (target.slot)
		return bridge_config_read(&target.slot->config, reg, length);
	return UINT32_MAX;
}

static bool in_reset(const struct pci_slot *slot)
{
	return bridge_config_read(&slot->config, PCI_BRIDGE_CONTROL, 2) & PCI_BRIDGE_CTL_BUS_RESET;
}

/* A reset begins when its bit is set, and what is below is ready when it has ended. */
static void write_port(struct topology *topology, struct pci_slot *slot, unsigned reg, unsigned length,
		       uint32_t value)
{
	bool before = in_reset(slot);

	bridge_config_write(&slot->config, reg, length, value);
	/* Also where the number stays: between two looks at it, another processor may change it and back. */
	if (reg <= PCI_SECONDARY_BUS && reg + length > PCI_SECONDARY_BUS)
		tell_moved(topology);
	if (!before && in_reset(slot) && topology->bus_reset)
		topology->bus_reset(topology->opaque, (unsigned)(slot - topology->slots));
}

static void write_target(struct topology *topology, struct target target, unsigned reg, unsigned length,
			 uint32_t value)
{
	__atomic_fetch_add(&topology->accesses, 1, __ATOMIC_RELAXED);
	if (target.function) {
		lend_function_config_write(target.function, reg, length, value);
		if (topology->configured)
			topology->configured(topology->opaque, target.function);
		if (reg <= PCI_COMMAND && reg + length > PCI_COMMAND && topology->commanded)
			topology->commanded(topology->opaque);
	}
	if (!target.slot)
		return;
	if (target.slot->kind == SLOT_PORT)
		write_port(topology, target.slot, reg, length, value);
	else
		bridge_config_write(&target.slot->config, reg, length, value);
	if (topology->chips && target.slot->kind != SLOT_PORT)
		topology->chips->written(topology->chips->opaque, (unsigned)(target.slot - topology->slots),
					 reg, length);
}

/* An access of 8 bytes, or of an odd width, is split into accesses of 4, 2 and 1 bytes. */
static unsigned piece(uint64_t offset, unsigned length)
{
	if (length >= 4 && !(offset & 3))
		return 4;
	return length >= 2 && !(offset & 1) ? 2 : 1;
}

static uint64_t ecam_read(void *opaque, uint64_t offset, unsigned length)
{
	uint64_t value = 0;

	for (unsigned done = 0, step; done < length; done += step) {
		uint64_t at = offset + done;
		uint32_t part;

		step = piece(at, length - done);
		part = read_target(opaque, find_ecam(opaque, at), at & 0xfff, step);
		value |= (uint64_t)(step == 4 ? part : part & ((1u << (8 * step)) - 1)) << (8 * done);
	}
	return value;
}

static void ecam_write(void *opaque, uint64_t offset, unsigned length, uint64_t value)
{
	for (unsigned done = 0, step; done < length; done += step) {
		uint64_t at = offset + done;

		step = piece(at, length - done);
		write_target(opaque, find_ecam(opaque, at), at & 0xfff, step,
			     (uint32_t)(value >> (8 * done)));
	}
}

const struct bus_ops ecam_ops = {.read = ecam_read, .write = ecam_write};

/* 0xcf8: enable, bus, device, function and dword; 0xcfc to 0xcff: its bytes. */
#define CF8_ENABLE 0x80000000u

static struct target find_cf8(struct topology *topology, uint32_t latch)
{
	if (!(latch & CF8_ENABLE))
		return (struct target){0};
	return find(topology, (latch >> 16) & 0xff, (latch >> 11) & 31, (latch >> 8) & 7);
}

static uint64_t cf8_address_read(void *opaque, uint64_t offset, unsigned length)
{
	const struct topology *topology = opaque;

	(void)offset;
	return length == 4 ? __atomic_load_n(&topology->cf8, __ATOMIC_RELAXED) : UINT64_MAX;
}

static void cf8_address_write(void *opaque, uint64_t offset, unsigned length, uint64_t value)
{
	struct topology *topology = opaque;

	(void)offset;
	if (length == 4)
		__atomic_store_n(&topology->cf8, (uint32_t)value & 0x80fffffc, __ATOMIC_RELAXED);
}

const struct bus_ops cf8_address_ops = {.read = cf8_address_read, .write = cf8_address_write};

/* 0xcfc to 0xcff are the bytes of one dword: what an access has beyond them is at other ports. */
static unsigned in_dword(uint64_t offset, unsigned length)
{
	return length > 4 - offset ? (unsigned)(4 - offset) : length;
}

static uint64_t cf8_data_read(void *opaque, uint64_t offset, unsigned length)
{
	struct topology *topology = opaque;
	uint32_t latch = __atomic_load_n(&topology->cf8, __ATOMIC_RELAXED);
	uint64_t value = UINT64_MAX;

	length = in_dword(offset, length);
	for (unsigned done = 0, step; done < length; done += step) {
		uint64_t at = offset + done, mask;

		step = piece(at, length - done);
		mask = ((1ull << (8 * step)) - 1) << (8 * done);
		value &= ~mask;
		value |= (uint64_t)read_target(topology, find_cf8(topology, latch),
					       (latch & 0xfc) + (unsigned)at, step)
				 << (8 * done) &
			 mask;
	}
	return value;
}

static void cf8_data_write(void *opaque, uint64_t offset, unsigned length, uint64_t value)
{
	struct topology *topology = opaque;
	uint32_t latch = __atomic_load_n(&topology->cf8, __ATOMIC_RELAXED);

	length = in_dword(offset, length);
	for (unsigned done = 0, step; done < length; done += step) {
		uint64_t at = offset + done;

		step = piece(at, length - done);
		write_target(topology, find_cf8(topology, latch), (latch & 0xfc) + (unsigned)at, step,
			     (uint32_t)(value >> (8 * done)));
	}
}

const struct bus_ops cf8_data_ops = {.read = cf8_data_read, .write = cf8_data_write};
