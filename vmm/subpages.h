/* SPDX-License-Identifier: MIT */
/*
 * BARs smaller than a page that are mapped by a page of the device all the
 * same. The rest of that page must answer to nobody, so the map goes as soon as
 * something else of the guest comes into the page; the BAR traps while it is
 * there.
 *
 * No lock: the caller's guards them, and whatever comes to the bus.
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
 * Maps the page at `address`, of which the BAR takes `size` bytes, unless it is
 * mapped; -EBUSY: somebody else is in it.
 */
int subpages_add(struct subpages *subpages, struct slots *slots, struct bus *bus, const void *owner,
		 uint64_t address, uint64_t size, void *va);

/** -errno: KVM keeps the page; it is still the owner's. */
int subpages_remove(struct subpages *subpages, struct slots *slots, const void *owner);

/** A range has come to the bus: the pages that it lies in are unmapped. -errno: KVM keeps one. */
int subpages_evict(struct subpages *subpages, struct slots *slots, const void *owner, uint64_t start,
		   uint64_t length);

#endif
