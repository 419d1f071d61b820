/* SPDX-License-Identifier: MIT */
/*
 * A space: one guest physical address space as devices see it. It holds
 * ranges, and behind it stand domains (a type1 container today), one for each
 * group of devices that the host's IOMMU can treat alike. Every RAM and ROM
 * range is in every domain or in none.
 *
 * Lock order: function, then space. The lock of a space is a leaf: with it held
 * neither the monitor is called nor another lock of the library taken.
 */
#ifndef LEND_SPACE_H
#define LEND_SPACE_H

#include "context.h"
#include "host_ops.h"

#ifdef __cplusplus
extern "C" {
#endif

struct lend_space;

enum lend_range_kind {
	LEND_RANGE_RAM, /* must be mappable, else the call fails */
	LEND_RANGE_ROM, /* as RAM, read-only for devices */
	LEND_RANGE_BAR, /* peer-to-peer: failure to map is one message, no error */
};

/** A piece of guest memory: host bytes [va, va + length) at [iova, iova + length). */
struct lend_range {
	lend_iova_t iova; /* multiple of the page size */
	uint64_t length;  /* multiple of the page size, not 0 */
	void *va;
	int fd;          /* file behind the bytes, or -1; borrowed, never closed */
	uint64_t offset; /* of the first byte in fd */
	enum lend_range_kind kind;
};

/** Addresses that devices of the space can use, [start, last] both inclusive. */
struct lend_iova_window {
	lend_iova_t start;
	lend_iova_t last;
};

/**
 * Makes a space. `ops` is what the monitor offers to the library (host_ops.h);
 * it is copied, and `host` is handed back in every call of it.
 * -EINVAL: ops->size is 0. -ENOMEM. Any thread.
 */
LEND_API int lend_space_new(struct lend_context *context, const struct lend_host_ops *ops, void *host,
			    struct lend_space **out);

/** Unmaps what is left and frees the space; every device in it must be closed. */
LEND_API void lend_space_free(struct lend_space *space);

/**
 * Adds ranges, all or none. They go to every domain that there is now and to
 * each that comes later. Adjacent ranges are merged into one map where host
 * and guest addresses both continue. Any thread; may block for long (pinning).
 * -EINVAL: misaligned, empty or wrapping; -EEXIST: overlaps a range of the
 * space; -ENOSPC: the kernel's limit of maps; -ENOMEM: memlock limit or
 * memory; -ERANGE: outside what the IOMMU can address.
 */
LEND_API int lend_space_map(struct lend_space *space, const struct lend_range *ranges, size_t count,
			    struct lend_error *error);

/**
 * Removes the one range that was added as exactly {iova, length}. When it
 * returns, no device of the space reaches that memory through the IOMMU.
 * -ENOENT: no such range. Any thread.
 */
LEND_API int lend_space_unmap(struct lend_space *space, lend_iova_t iova, uint64_t length);

/**
 * What the devices that are in the space now can address: the intersection
 * over its domains, ascending. Without any domain: one window of everything.
 * Writes at most `max` windows and returns how many there are. Any thread.
 */
LEND_API size_t lend_space_windows(struct lend_space *space, struct lend_iova_window *out, size_t max);

/** Bytes that are mapped as RAM or ROM now. Any thread. */
LEND_API uint64_t lend_space_mapped(struct lend_space *space);

#ifdef __cplusplus
}
#endif
#endif
