/* SPDX-License-Identifier: MIT */
/*
 * BARs smaller than a page, mapped by a whole page of the device. The rest of
 * the page must be used by nothing else: the map is removed as soon as
 * something else of the guest comes into the page, and the BAR traps while
 * that is there.
 *
 * No lock of its own: the caller's lock guards the table and all changes of
 * the bus.
 */
#ifndef VMM_SUBPAGES_H
#define VMM_SUBPAGES_H

#include "vmm/bus.h"
#include "vmm/slots.h"

enum { SUBPAGES_MAX = 32 * 7 };

struct subpage {
	const void *owner; /* NULL: free */
	uint64_t address;  /* of the page */
	int slot;
};

struct subpages {
	struct subpage at[SUBPAGES_MAX];
};

void subpages_init(struct subpages *subpages);

/**
 * Maps the page at `address`, of which the BAR takes `size` bytes, unless it
 * is mapped. -EBUSY: something else is in the page.
 */
int subpages_add(struct subpages *subpages, struct slots *slots, struct bus *bus, const void *owner,
		 uint64_t address, uint64_t size, void *va);

/** -errno: KVM keeps the page; it is still the owner's. */
int subpages_remove(struct subpages *subpages, struct slots *slots, const void *owner);

/** A range has come to the bus: the pages that it lies in are unmapped. -errno: KVM keeps one. */
int subpages_evict(struct subpages *subpages, struct slots *slots, const void *owner, uint64_t start,
		   uint64_t length);

#endif
