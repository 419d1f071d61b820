/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "vmm/bus.h"

void bus_init(struct bus *bus)
{
	pthread_rwlock_init(&bus->lock, NULL);
	bus->count = 0;
	bus->changes = 0;
}

/* Index of the first range that ends behind `address`. */
static unsigned position(const struct bus *bus, uint64_t address)
{
	unsigned low = 0, high = bus->count;

	while (low < high) {
		unsigned middle = (low + high) / 2;
		const struct bus_range *range = &bus->ranges[middle];

		if (address >= range->start && address - range->start >= range->length)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* With the lock held, after the change. */
static void tell_change(struct bus *bus)
{
	__atomic_store_n(&bus->changes, bus->changes + 1, __ATOMIC_RELEASE);
}

int bus_add(struct bus *bus, const struct bus_range *range)
{
	unsigned at;
	int ret = 0;

	if (!range->length || range->start + (range->length - 1) < range->start)
		return -EINVAL;
	pthread_rwlock_wrlock(&bus->lock);
	at = position(bus, range->start);
	if (bus->count == BUS_RANGES_MAX) {
		ret = -ENOSPC;
	} else if (at < bus->count && bus->ranges[at].start <= range->start + (range->length - 1)) {
		ret = -EEXIST;
	} else {
		memmove(&bus->ranges[at + 1], &bus->ranges[at], (bus->count - at) * sizeof(*range));
		bus->ranges[at] = *range;
		bus->count++;
		tell_change(bus);
	}
	pthread_rwlock_unlock(&bus->lock);
	return ret;
}

bool bus_overlaps(struct bus *bus, uint64_t start, uint64_t length)
{
	bool overlaps;
	unsigned at;

	pthread_rwlock_rdlock(&bus->lock);
	at = position(bus, start);
	overlaps = length && at < bus->count && bus->ranges[at].start <= start + (length - 1);
	pthread_rwlock_unlock(&bus->lock);
	return overlaps;
}

void bus_remove(struct bus *bus, const void *opaque, uint64_t tag)
{
	unsigned kept = 0;

	pthread_rwlock_wrlock(&bus->lock);
	for (unsigned i = 0; i < bus->count; i++)
		if (bus->ranges[i].opaque != opaque || bus->ranges[i].tag != tag)
			bus->ranges[kept++] = bus->ranges[i];
	bus->count = kept;
	tell_change(bus);
	pthread_rwlock_unlock(&bus->lock);
}

/* The range of the address becomes the hint's. */
static bool find(struct bus *bus, struct bus_hint *hint, uint64_t address)
{
	unsigned at;
	bool found;

	if (address - hint->range.start < hint->range.length &&
	    hint->changes == __atomic_load_n(&bus->changes, __ATOMIC_ACQUIRE))
		return true;
	pthread_rwlock_rdlock(&bus->lock);
	at = position(bus, address);
	found = at < bus->count && bus->ranges[at].start <= address;
	if (found)
		*hint = (struct bus_hint){bus->changes, bus->ranges[at]};
	pthread_rwlock_unlock(&bus->lock);
	return found;
}

int bus_read_again(struct bus *bus, struct bus_hint *hint, uint64_t address, unsigned length, uint64_t *value)
{
	const struct bus_range *range = &hint->range;

	*value = UINT64_MAX;
	if (!find(bus, hint, address))
		return -ENXIO;
	*value = range->ops->read(range->opaque, address - range->start, length);
	return 0;
}

int bus_write_again(struct bus *bus, struct bus_hint *hint, uint64_t address, unsigned length, uint64_t value)
{
	const struct bus_range *range = &hint->range;

	if (!find(bus, hint, address))
		return -ENXIO;
	range->ops->write(range->opaque, address - range->start, length, value);
	return 0;
}

int bus_read(struct bus *bus, uint64_t address, unsigned length, uint64_t *value)
{
	return bus_read_again(bus, &(struct bus_hint){0}, address, length, value);
}

int bus_write(struct bus *bus, uint64_t address, unsigned length, uint64_t value)
{
	return bus_write_again(bus, &(struct bus_hint){0}, address, length, value);
}
