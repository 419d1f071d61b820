/* SPDX-License-Identifier: MIT */
/*
 * A space: a guest physical address space as devices see it. It has ranges of guest
 * memory, and domains that devices are in: a domain is a VFIO container, or an
 * address space of iommufd, for a set of devices that the host's IOMMU treats alike.
 * Each range of RAM and ROM is in all domains or in none.
 *
 * Memory that comes and goes. A range is one map of the IOMMU, and a map is made and
 * removed as a whole. So while a range comes or goes, DMA to all other ranges works.
 * Ranges with `merge` become fewer and larger maps, and can only be removed
 * together: that is right for memory that stays. The kernel limits the maps of a
 * container to 65,535, unless dma_entry_limit of vfio_iommu_type1 is set. A call
 * takes a time that grows with the logarithm of the number of ranges, and the time
 * of the kernel's work: pinning for a map, flushing for a removal.
 *
 * A monitor with a virtual IOMMU has a space for each of its guest's address spaces,
 * and a range for each of the guest's mappings, with `access`. lend_space_find()
 * tells what is mapped, and where the next range is. The space does not track which
 * pages a device wrote (dirty tracking).
 *
 * Locks. The order is function, then space. The lock of a space is a leaf: while it
 * is held, neither is the monitor called nor another lock of the library taken; lines
 * of log are written after it is released. No call takes the locks of two spaces. A
 * call waits for another one of the same space for as long as that one blocks. One thing
 * is done without the lock: mapping all of guest memory for the first device of an IOMMU
 * domain, which takes seconds. Meanwhile BARs come and go; calls that change guest memory
 * or bring another device wait.
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
	LEND_RANGE_RAM, /* if it cannot be mapped, the call fails */
	LEND_RANGE_ROM, /* as RAM, but devices can only read it */
	LEND_RANGE_BAR, /* peer-to-peer: if it cannot be mapped, that is a line of log and no error */
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
	unsigned access; /* a set of enum lend_access; 0: all that the kind allows: READ for a ROM, else both
			  */
	/*
	 * The range may become one map with neighbours of the same call that have this
	 * set too, if guest and host addresses continue and kind and access are the
	 * same. Such ranges can only be removed together. Not for BARs.
	 */
	bool merge;
};

/** Addresses that devices of the space can use: [start, last], both inclusive. */
struct lend_iova_window {
	lend_iova_t start;
	lend_iova_t last;
};

/**
 * Makes a space, which the caller frees. `ops` is the monitor's table of host
 * operations (host_ops.h), which is copied; `host` is handed to each of them.
 * -EINVAL: ops->size is 0; -E2BIG: a slot is set that this library does not know;
 * -ENOMEM. Any thread; does not block.
 */
LEND_API int lend_space_new(struct lend_context *context, const struct lend_host_ops *ops, void *host,
			    struct lend_space **out);

/**
 * For a space to which devices come again after the last one has gone: an address
 * space of iommufd stays, with its maps, and so does the context's iommufd. No device
 * reaches the memory meanwhile, and the kernel does not keep it pinned. A container
 * of type1 goes with its last group all the same. Before the space's first device;
 * does not block.
 */
LEND_API void lend_space_keep(struct lend_space *space);

/** Unmaps what is left and frees the space. All its devices must be closed before. One thread; may block. */
LEND_API void lend_space_free(struct lend_space *space);

/**
 * Adds `count` ranges, in any order, all or none. They are mapped in each domain
 * that there is, and in each that comes later. Any thread; may block for long,
 * because memory is pinned. A map that took more than a second is a line of log.
 *
 * -EINVAL: a range is not a multiple of the page size, empty or wraps, its kind or
 * access is unknown, or a ROM is to be written; -EEXIST: it overlaps a range of the
 * space or of the call; -ENOSPC: the kernel's limit of maps; -ENOMEM: the limit of
 * locked memory, or memory; -ERANGE: the IOMMU cannot address it; else what the
 * kernel returned. Each with a sentence.
 */
LEND_API int lend_space_map(struct lend_space *space, const struct lend_range *ranges, size_t count,
			    struct lend_error *error);

/**
 * Removes `count` ranges, all or none. Only `iova` and `length` of each are used; they
 * must be those that it was added with. When it returns 0, no device of the space
 * reaches that memory through the IOMMU. On an error all ranges are still in the
 * space and counted by lend_space_mapped(): the memory must not be freed, and the
 * call may be repeated. DMA to other ranges works meanwhile. Any thread; may block.
 *
 * -ENOENT: there is no such range; -EINVAL: one is given twice; -EBUSY: one is merged
 * with others that are not given; else why the kernel does not remove it. Each with a
 * sentence. What was removed from some domains is mapped there again; if even that
 * fails, it is a line of log, and DMA to these ranges fails in those domains.
 */
LEND_API int lend_space_unmap_ranges(struct lend_space *space, const struct lend_range *ranges, size_t count,
				     struct lend_error *error);

/** Calls lend_space_unmap_ranges() for the one range that was added as {iova, length}. */
LEND_API int lend_space_unmap(struct lend_space *space, lend_iova_t iova, uint64_t length);

/**
 * Finds the range that contains `iova`, as it was added; if none does, the first one
 * above it. Going on from out->iova + out->length, a caller finds all ranges. -ENOENT:
 * there is none. Any thread; waits for another call of the space that runs.
 */
LEND_API int lend_space_find(struct lend_space *space, lend_iova_t iova, struct lend_range *out);

/**
 * The addresses that all devices now in the space can use: the windows that are in
 * each of its domains, ascending. Without a domain it is one window of all addresses.
 * Writes at most `max` windows and returns how many there are: a caller asks with 0,
 * makes room, and asks again. 0: there is none, or memory ran out. Any thread; waits
 * for another call of the space that runs.
 */
LEND_API size_t lend_space_windows(struct lend_space *space, struct lend_iova_window *out, size_t max);

/** How many bytes of RAM and ROM ranges the space has. Any thread; waits as lend_space_windows() does. */
LEND_API uint64_t lend_space_mapped(struct lend_space *space);

#ifdef __cplusplus
}
#endif
#endif
