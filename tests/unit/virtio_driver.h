/* SPDX-License-Identifier: MIT */
/*
 * A driver of virtqueues that does each thing in the plainest way that virtio 1.2
 * allows, and the guest memory that it works in. It shares no code with the device.
 * Chains are used in the order in which they were added.
 */
#ifndef TESTS_UNIT_VIRTIO_DRIVER_H
#define TESTS_UNIT_VIRTIO_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

enum { GUEST_BASE = 0x100000, GUEST_SIZE = 0x200000, DRIVER_SIZE_MAX = 256 };

extern uint8_t guest[GUEST_SIZE];

struct driver_buffer {
	uint64_t address;
	uint32_t length;
	bool write;
};

struct driver {
	bool packed, event_index;
	uint16_t size;
	uint64_t descriptors, driver, device; /* addresses */
	uint16_t next, free, added, seen;
	bool next_wrap, seen_wrap;
	uint16_t slots[DRIVER_SIZE_MAX]; /* by id */
};

/** Guest memory at an address. */
void *driver_at(uint64_t address);
void driver_put16(uint64_t address, uint16_t value);
void driver_put32(uint64_t address, uint32_t value);
void driver_put64(uint64_t address, uint64_t value);
uint16_t driver_get16(uint64_t address);
uint32_t driver_get32(uint64_t address);

/** A new ring of `size` at `address`, all zero. */
void driver_start(struct driver *driver, uint64_t address, uint16_t size, bool packed, bool event_index);

/**
 * Makes a chain available, and returns its id. `table`: where to put an indirect table
 * with the buffers from `direct` on; 0: none.
 */
uint16_t driver_add(struct driver *driver, const struct driver_buffer *buffers, unsigned count,
		    unsigned direct, uint64_t table);

/** Takes the next used chain, if there is one. */
bool driver_used(struct driver *driver, uint16_t *id, uint32_t *length);

/** Whether the device wants to be notified of the last `count` chains, of one descriptor each. */
bool driver_notifies(const struct driver *driver, unsigned count);

/** Asks for an interrupt at each chain (0), at none (1), or at the chain `ahead` of the next to be seen (2).
 */
void driver_asks(struct driver *driver, int how, unsigned ahead);

/** Writes a descriptor as it is. */
void driver_descriptor(uint64_t at, uint64_t address, uint32_t length, uint16_t third, uint16_t fourth);

#endif
