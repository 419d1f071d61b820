/* SPDX-License-Identifier: MIT */
/*
 * Trapped accesses by page of a BAR: what tells why a guest is slow. A fixed
 * table without a lock; pages beyond its room are counted together.
 */
#ifndef LIB_PCI_BARS_PAGES_H
#define LIB_PCI_BARS_PAGES_H

#include <stdbool.h>
#include <stdint.h>

enum { PAGES_MAX = 64, PAGE_REST = PAGES_MAX };

struct page_count {   /* atomics */
	uint64_t key; /* 0: free; else the page's number and BAR, and a bit that makes it not 0 */
	uint64_t reads, writes;
};

struct pages {
	struct page_count at[PAGES_MAX + 1]; /* the last one: all that found no room */
};

/** One access at `offset` of a BAR. Any thread. */
void pages_count(struct pages *pages, unsigned bar, uint64_t offset, bool write);

#endif
