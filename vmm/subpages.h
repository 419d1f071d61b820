/* SPDX-License-Identifier: MIT */
/*
 * BARs smaller than a page that are mapped by a page of the device all the
 * same. The rest of that page must not answer to anybody else, so the map goes
 * as soon as something else of the guest comes into the page; the BAR traps
 * from then on, until it is placed anew.
 *
 * Lock order: a function's lock, then this one, then the buses' and the slots'.
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
	pthread_mutex_t lock; /* guards the rest */
	struct subpage at[SUBPAGES_MAX];
};

void subpages_init(struct subpages *subpages);

/** Maps the page at `address`, of which the BAR takes `size` bytes; -EBUSY: somebody else is in it. */
int subpages_add(struct subpages *subpages, struct slots *slots, struct bus *bus, const void *owner,
		 uint64_t address, uint64_t size, void *va);

void subpages_remove(struct subpages *subpages, struct slots *slots, const void *owner);

/** A range has come to the bus: the pages that it lies in are not mapped any more. */
void subpages_evict(struct subpages *subpages, struct slots *slots, const void *owner, uint64_t start,
		    uint64_t length);

#endif
