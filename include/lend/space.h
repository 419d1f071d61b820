/* SPDX-License-Identifier: MIT */
/*
 * A space: one guest physical address space as devices see it. It holds
 * ranges, and behind it stand domains: VFIO containers, or address spaces of
 * iommufd, one for each set of devices that the host's IOMMU can treat alike.
 * Every range of RAM and ROM is in every domain or in none.
 *
 * Memory that comes and goes. A range is one map of the IOMMU, and a map is
 * only made and removed as a whole: whatever comes or goes, DMA to all other
 * ranges works meanwhile. Ranges with `merge` become fewer, larger maps, which
 * is right for memory that stays; they leave together. The kernel has a limit
 * of maps: 65,535 a container, unless dma_entry_limit of vfio_iommu_type1 says
 * otherwise. A call takes time in the logarithm of the ranges that there are,
 * and that of the kernel's work: pinning for a map, flushing for a removal.
 *
 * A virtual IOMMU is such a monitor: a space for each of its guest's address
 * spaces, a range for each of the guest's mappings, with `access`;
 * lend_space_find() answers what is mapped, and where the next range is.
 * Nothing here tracks which pages a device wrote (dirty tracking): it will be
 * calls of the space of their own, and slots of the domains behind them.
 *
 * Locks. Lock order: function, then space. The lock of a space is a leaf: with
 * it held neither the monitor is called nor another lock of the library taken;
 * lines of log come after it. No call takes the locks of two spaces. A call
 * waits for another one of the same space, as long as that one blocks.
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

/** What devices may do with a range: a set of bits. */
enum lend_access {
	LEND_ACCESS_READ = 1,
	LEND_ACCESS_WRITE = 2,
};

/** A piece of guest memory: host bytes [va, va + length) at [iova, iova + length). */
struct lend_range {
	lend_iova_t iova; /* multiple of the page size */
	uint64_t length;  /* multiple of the page size, not 0 */
	void *va;
	int fd;          /* file behind the bytes, or -1; borrowed, never closed */
	uint64_t offset; /* of the first byte in fd */
	enum lend_range_kind kind;
	unsigned access; /* enum lend_access; 0: what the kind allows, which is READ for a ROM, else both */
	/*
	 * Becomes one map with its neighbours of the same call that have this set,
	 * too, where guest and host addresses continue and kind and access are the
	 * same. These ranges are then removed together or not at all. Not for BARs.
	 */
	bool merge;
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
 * Adds ranges, in any order, all or none. They go to every domain that there
 * is now and to each that comes later. Any thread; may block for long
 * (pinning). A map that took over a second is a line of log.
 * -EINVAL: misaligned, empty, wrapping, of an unknown kind or access, or a ROM
 * that can be written; -EEXIST: overlaps a range of the space or of the call;
 * -ENOSPC: the kernel's limit of maps; -ENOMEM: memlock limit or memory;
 * -ERANGE: outside what the IOMMU can address; or what the kernel says.
 */
LEND_API int lend_space_map(struct lend_space *space, const struct lend_range *ranges, size_t count,
			    struct lend_error *error);

/**
 * Removes ranges, all or none; of each only `iova` and `length` are looked at,
 * as they were added. When it returns 0, no device of the space reaches that
 * memory through the IOMMU. With an error all of it is still there, and counted
 * by lend_space_mapped(): the memory must not be freed, and the call may be
 * repeated. DMA to other ranges never fails meanwhile. Any thread; may block.
 * -ENOENT: no such range; -EINVAL: one is given twice; -EBUSY: one was merged
 * with others that are not given; or what the kernel says that does not remove
 * it. What was removed from some domains is then mapped there again; should
 * even that fail, it is a line of log, and DMA to these ranges alone fails in
 * those domains.
 */
LEND_API int lend_space_unmap_ranges(struct lend_space *space, const struct lend_range *ranges, size_t count,
				     struct lend_error *error);

/** lend_space_unmap_ranges() for the one range that was added as exactly {iova, length}. */
LEND_API int lend_space_unmap(struct lend_space *space, lend_iova_t iova, uint64_t length);

/**
 * The range that contains `iova`, as it was added, else the first one behind
 * it: with out->iova + out->length all ranges can be gone through. -ENOENT:
 * there is none. The kernel is not asked. Any thread.
 */
LEND_API int lend_space_find(struct lend_space *space, lend_iova_t iova, struct lend_range *out);

/**
 * What the devices that are in the space now can address: the intersection
 * over its domains, ascending. Without any domain: one window of everything.
 * Writes at most `max` windows and returns how many there are; a caller asks
 * with 0, makes room, and asks again. 0: there is none, or memory ran out. Any
 * thread.
 */
LEND_API size_t lend_space_windows(struct lend_space *space, struct lend_iova_window *out, size_t max);

/** Bytes of the RAM and ROM ranges that the space has now. Any thread. */
LEND_API uint64_t lend_space_mapped(struct lend_space *space);

#ifdef __cplusplus
}
#endif
#endif
