/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "tests/unit/virtio_driver.h"

enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };

_Alignas(4096) uint8_t guest[GUEST_SIZE];

void *driver_at(uint64_t address)
{
	return guest + (address - GUEST_BASE);
}

void driver_put16(uint64_t address, uint16_t value)
{
	memcpy(driver_at(address), &value, 2);
}

void driver_put32(uint64_t address, uint32_t value)
{
	memcpy(driver_at(address), &value, 4);
}

void driver_put64(uint64_t address, uint64_t value)
{
	memcpy(driver_at(address), &value, 8);
}

uint16_t driver_get16(uint64_t address)
{
	uint16_t value;

	memcpy(&value, driver_at(address), 2);
	return value;
}

uint32_t driver_get32(uint64_t address)
{
	uint32_t value;

	memcpy(&value, driver_at(address), 4);
	return value;
}

void driver_descriptor(uint64_t at, uint64_t address, uint32_t length, uint16_t third, uint16_t fourth)
{
	driver_put64(at, address);
	driver_put32(at + 8, length);
	driver_put16(at + 12, third);
	driver_put16(at + 14, fourth);
}

void driver_start(struct driver *driver, uint64_t address, uint16_t size, bool packed, bool event_index)
{
	*driver = (struct driver){.packed = packed,
				  .event_index = event_index,
				  .size = size,
				  .free = size,
				  .next_wrap = true,
				  .seen_wrap = true,
				  .descriptors = address,
				  .driver = address + 16u * size,
				  .device = address + 16u * size + 1024};
	memset(driver_at(address), 0, 16u * size + 4096);
}

static uint16_t packed_mark(bool wrap)
{
	return wrap ? 1 << 7 : 1 << 15;
}

/* A descriptor of the ring; `first` of a packed chain is marked as available by driver_add(). */
static void put(struct driver *driver, const struct driver_buffer *buffer, uint16_t flags, uint16_t id,
		bool first)
{
	uint64_t at = driver->descriptors + 16u * driver->next;
	uint16_t following = (uint16_t)((driver->next + 1) % driver->size);

	if (driver->packed)
		driver_descriptor(at, buffer->address, buffer->length, id,
				  (uint16_t)(flags | (first ? 0 : packed_mark(driver->next_wrap))));
	else
		driver_descriptor(at, buffer->address, buffer->length, flags, following);
	driver->next = following;
	if (!following)
		driver->next_wrap = !driver->next_wrap;
	driver->free--;
}

static void put_table(const struct driver *driver, const struct driver_buffer *buffers, unsigned count,
		      uint64_t table)
{
	for (unsigned i = 0; i < count; i++) {
		uint16_t write = buffers[i].write ? WRITE : 0, more = i + 1 < count ? NEXT : 0;

		if (driver->packed)
			driver_descriptor(table + 16 * i, buffers[i].address, buffers[i].length, 0, write);
		else
			driver_descriptor(table + 16 * i, buffers[i].address, buffers[i].length, write | more,
					  (uint16_t)(i + 1));
	}
}

uint16_t driver_add(struct driver *driver, const struct driver_buffer *buffers, unsigned count,
		    unsigned direct, uint64_t table)
{
	const uint16_t id = driver->next, before = driver->free;
	const bool wrap = driver->next_wrap;
	const uint64_t flags_at = driver->descriptors + 16u * id + 14;
	uint16_t first = 0;

	direct = table ? direct : count;
	for (unsigned i = 0; i < direct; i++) {
		uint16_t flags =
			(uint16_t)((buffers[i].write ? WRITE : 0) | (i + 1 < direct || table ? NEXT : 0));

		first = i ? first : flags;
		put(driver, &buffers[i], flags, id, !i);
	}
	if (table) {
		struct driver_buffer all = {.address = table, .length = 16 * (count - direct)};

		first = direct ? first : INDIRECT;
		put_table(driver, buffers + direct, count - direct, table);
		put(driver, &all, INDIRECT, id, !direct);
	}
	driver->slots[id] = (uint16_t)(before - driver->free);
	if (driver->packed) {
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		driver_put16(flags_at, first | packed_mark(wrap));
	} else {
		driver_put16(driver->driver + 4 + 2u * (driver->added % driver->size), id);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		driver_put16(driver->driver + 2, (uint16_t)(driver->added + 1));
	}
	driver->added++;
	return id;
}

bool driver_used(struct driver *driver, uint16_t *id, uint32_t *length)
{
	if (driver->packed) {
		uint64_t at = driver->descriptors + 16u * driver->seen;
		uint16_t both = 1 << 7 | 1 << 15, flags = driver_get16(at + 14) & both;

		if (flags != (driver->seen_wrap ? both : 0))
			return false;
		*length = driver_get32(at + 8);
		*id = driver_get16(at + 12);
		driver->seen = (uint16_t)(driver->seen + driver->slots[*id % DRIVER_SIZE_MAX]);
		if (driver->seen >= driver->size) {
			driver->seen = (uint16_t)(driver->seen - driver->size);
			driver->seen_wrap = !driver->seen_wrap;
		}
	} else {
		uint64_t at = driver->device + 4 + 8u * (driver->seen % driver->size);

		if (driver_get16(driver->device + 2) == driver->seen)
			return false;
		*id = (uint16_t)driver_get32(at);
		*length = driver_get32(at + 4);
		driver->seen++;
	}
	driver->free = (uint16_t)(driver->free + driver->slots[*id % DRIVER_SIZE_MAX]);
	return true;
}

/* Goes through the last `count` places one by one. */
bool driver_notifies(const struct driver *driver, unsigned count)
{
	uint16_t place = driver->packed ? driver_get16(driver->device) : 0;
	uint16_t how = driver_get16(driver->device + (driver->packed ? 2 : 0));
	uint16_t at = driver->packed ? driver->next : driver->added;
	bool wrap = driver->next_wrap;

	if (driver->packed ? how != 2 : !driver->event_index)
		return !how;
	if (!driver->packed)
		place = driver_get16(driver->device + 4 + 8u * driver->size);
	for (unsigned i = 0; i < count; i++) {
		if (driver->packed && !at) {
			at = driver->size;
			wrap = !wrap;
		}
		at--;
		if (driver->packed ? (place & 0x7fff) == at && place >> 15 == wrap : place == at)
			return true;
	}
	return false;
}

void driver_asks(struct driver *driver, int how, unsigned ahead)
{
	unsigned place = driver->seen + ahead;
	bool wrap = driver->seen_wrap;

	if (!driver->packed) {
		driver_put16(driver->driver, how == 1);
		driver_put16(driver->driver + 4 + 2u * driver->size, (uint16_t)place);
		return;
	}
	if (place >= driver->size) {
		place -= driver->size;
		wrap = !wrap;
	}
	driver_put16(driver->driver, (uint16_t)(place | (unsigned)wrap << 15));
	driver_put16(driver->driver + 2, (uint16_t)how);
}
