/* SPDX-License-Identifier: MIT */
/*
 * The legacy VGA ranges on the buses. One device has them at a time, the first
 * that decodes them, because real bridges too can route them to one device
 * alone. A second one waits, as a BAR does (bars.c). RAM has a hole for the
 * memory (x86/map.c), so the bus answers there.
 */
#include "vmm/machine.h"

/* Of bus ranges; a BAR's are 0. */
enum { TAG_VGA_MEMORY = 1, TAG_VGA_PORTS };

static uint64_t read_from(void *opaque, uint64_t start, uint64_t offset, unsigned length)
{
	struct assigned *assigned = opaque;

	return lend_function_vga_read(assigned->function, (uint32_t)(start + offset), length);
}

static void write_to(void *opaque, uint64_t start, uint64_t offset, unsigned length, uint64_t value)
{
	struct assigned *assigned = opaque;

	lend_function_vga_write(assigned->function, (uint32_t)(start + offset), length, value);
}

/* A handler gets only the offset in its range, so each range has a pair of its own. */
#define HANDLERS(name, start)                                                                                \
	static uint64_t name##_read(void *opaque, uint64_t offset, unsigned length)                          \
	{                                                                                                    \
		return read_from(opaque, start, offset, length);                                             \
	}                                                                                                    \
	static void name##_write(void *opaque, uint64_t offset, unsigned length, uint64_t value)             \
	{                                                                                                    \
		write_to(opaque, start, offset, length, value);                                              \
	}                                                                                                    \
	static const struct bus_ops name##_ops = {.read = name##_read, .write = name##_write};

HANDLERS(memory, ADDR_VGA)
HANDLERS(mono, 0x3b0)
HANDLERS(color, 0x3c0)

static const struct bus_range memory_range = {
	.start = ADDR_VGA, .length = ADDR_VGA_END - ADDR_VGA, .ops = &memory_ops, .tag = TAG_VGA_MEMORY};
static const struct bus_range port_ranges[] = {
	{.start = 0x3b0, .length = 12, .ops = &mono_ops, .tag = TAG_VGA_PORTS},
	{.start = 0x3c0, .length = 32, .ops = &color_ops, .tag = TAG_VGA_PORTS},
};

static int add(struct bus *bus, const struct bus_range *ranges, unsigned count, struct assigned *owner)
{
	int ret = 0;

	for (unsigned i = 0; i < count && !ret; i++) {
		struct bus_range range = ranges[i];

		range.opaque = owner;
		ret = bus_add(bus, &range);
	}
	if (ret)
		bus_remove(bus, owner, ranges->tag);
	return ret;
}

/*
 * Adds or removes one kind of range. One that is already as wanted is not
 * touched, so that no access is lost.
 */
static int set(struct bus *bus, const struct bus_range *ranges, unsigned count, struct assigned *owner,
	       bool *is, bool on)
{
	int ret = 0;

	if (on && !*is)
		ret = add(bus, ranges, count, owner);
	else if (!on && *is)
		bus_remove(bus, owner, ranges->tag);
	if (!ret)
		*is = on;
	return ret;
}

/* Puts on the buses what is wanted and can be there now. */
static void show(struct vmm *vmm, struct assigned *owner)
{
	if (vmm->vga && vmm->vga != owner)
		return;
	set(&vmm->memory_bus, &memory_range, 1, owner, &owner->vga_memory, owner->vga_wants_memory);
	set(&vmm->port_bus, port_ranges, 2, owner, &owner->vga_ports, owner->vga_wants_ports);
	vmm->vga = owner->vga_memory || owner->vga_ports ? owner : NULL;
}

void vga_retry(struct vmm *vmm)
{
	for (struct assigned *at = NULL; (at = assigned_next(vmm, at));)
		if (at->vga_wants_memory || at->vga_wants_ports)
			show(vmm, at);
}

int assigned_vga(void *host, void *peer, bool memory, bool ports)
{
	struct assigned *owner = peer;
	struct vmm *vmm = host;
	bool waits;

	pthread_mutex_lock(&vmm->places);
	owner->vga_wants_memory = memory;
	owner->vga_wants_ports = ports;
	show(vmm, owner);
	bars_retry(vmm); /* a range may have left */
	waits = memory != owner->vga_memory || ports != owner->vga_ports;
	pthread_mutex_unlock(&vmm->places);
	if (waits && vmm_may_log(vmm))
		vmm_log(vmm, LEND_LOG_WARNING,
			"%s: its legacy VGA ranges do not answer as long as another device is there",
			owner->name);
	return waits;
}

bool machine_has_vga(const struct vmm *vmm)
{
	for (unsigned i = 0; i < vmm->config.device_count; i++)
		if (vmm->config.devices[i].function.vga)
			return true;
	return false;
}
