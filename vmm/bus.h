/* SPDX-License-Identifier: MIT */
/*
 * A bus: who answers a trapped access. One for memory, one for I/O ports.
 *
 * A range's handlers may be called by several vCPUs at once, and still once or
 * twice after bus_remove() by an access that was on its way: what stands
 * behind a range lives until all vCPUs have stopped.
 */
#ifndef VMM_BUS_H
#define VMM_BUS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct bus_ops {
	/** `length` is 1 to 8; what lies beyond the device reads as ones. */
	uint64_t (*read)(void *opaque, uint64_t offset, unsigned length);
	void (*write)(void *opaque, uint64_t offset, unsigned length, uint64_t value);
};

struct bus_range {
	uint64_t start, length;
	const struct bus_ops *ops;
	void *opaque;
	uint64_t tag; /* the owner's; bus_remove() takes all ranges of {opaque, tag} */
};

enum { BUS_RANGES_MAX = 512 };

struct bus {
	pthread_rwlock_t lock; /* guards the table; never held while a handler runs */
	uint64_t changes;      /* how often the table was changed; read without the lock, too */
	unsigned count;
	struct bus_range ranges[BUS_RANGES_MAX]; /* ascending */
};

/**
 * Who answered last, for one thread: an access of the same range takes no lock, as long as the table
 * is not changed. Firmware reads its PM timer a million times. All zero: nobody yet.
 */
struct bus_hint {
	uint64_t changes;
	struct bus_range range;
};

void bus_init(struct bus *bus);

/** -EEXIST: overlaps another range; -ENOSPC; -EINVAL: empty or wraps. */
int bus_add(struct bus *bus, const struct bus_range *range);

/** Whether anybody answers in [start, start + length). */
bool bus_overlaps(struct bus *bus, uint64_t start, uint64_t length);

void bus_remove(struct bus *bus, const void *opaque, uint64_t tag);

/** An access goes to the range that holds its first byte. Returns 0, or -ENXIO when nobody answers. */
int bus_read(struct bus *bus, uint64_t address, unsigned length, uint64_t *value);
int bus_write(struct bus *bus, uint64_t address, unsigned length, uint64_t value);

/** The same for a thread with a hint of its own for this bus. */
int bus_read_again(struct bus *bus, struct bus_hint *hint, uint64_t address, unsigned length,
		   uint64_t *value);
int bus_write_again(struct bus *bus, struct bus_hint *hint, uint64_t address, unsigned length,
		    uint64_t value);

#endif
