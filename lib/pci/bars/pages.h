/* SPDX-License-Identifier: MIT */
/*
 * Counts of trapped accesses by page of a BAR. They tell why a guest is slow.
 * The table has a fixed size and no lock; pages that find no room in it are
 * counted together.
 */
#ifndef LIB_PCI_BARS_PAGES_H
#define LIB_PCI_BARS_PAGES_H

#include <stdbool.h>
#include <stdint.h>

enum { PAGES_MAX = 64, PAGE_REST = PAGES_MAX };

struct page_count {   /* atomics */
	uint64_t key; /* 0: free; else the number of the page, the BAR, and a bit that is always set */
	uint64_t reads, writes;
};

struct pages {
	struct page_count at[PAGES_MAX + 1]; /* the last one: all pages that found no room */
};

/** Counts one access at `offset` of a BAR. Any thread. */
void pages_count(struct pages *pages, unsigned bar, uint64_t offset, bool write);

#endif
