/* SPDX-License-Identifier: MIT */
/* The table of trapped accesses by page (pages.h): a hash table without deletion, read and written by
 * atomics. */
#include "lib/pci/function.h"
#include "lib/sized.h"

enum { SHIFT = 12, KEY_SHIFT = 4, KEY_USED = 8, KEY_BAR = 7 };

/* The page's row, or the last one if the table is full: a guest that walks a large BAR fills it. */
static struct page_count *find(struct pages *pages, uint64_t key)
{
	unsigned start = (unsigned)((key >> KEY_SHIFT) * 7 + key % 8) % PAGES_MAX;

	for (unsigned i = 0; i < PAGES_MAX; i++) {
		struct page_count *at = &pages->at[(start + i) % PAGES_MAX];
		uint64_t have = __atomic_load_n(&at->key, __ATOMIC_RELAXED);

		if (!have && __atomic_compare_exchange_n(&at->key, &have, key, false, __ATOMIC_RELAXED,
							 __ATOMIC_RELAXED))
			return at;
		if (have == key)
			return at;
	}
	return &pages->at[PAGE_REST];
}

void pages_count(struct pages *pages, unsigned bar, uint64_t offset, bool write)
{
	struct page_count *at = find(pages, offset >> SHIFT << KEY_SHIFT | KEY_USED | (bar & KEY_BAR));

	if (write)
		count_one(at->writes);
	else
		count_one(at->reads);
}

size_t lend_function_pages(const struct lend_function *function, struct lend_page_count *out, size_t max,
			   size_t stride)
{
	size_t count = 0;

	for (unsigned i = 0; i <= PAGE_REST; i++) {
		const struct page_count *at = &function->pages.at[i];
		uint64_t key = __atomic_load_n(&at->key, __ATOMIC_RELAXED);
		struct lend_page_count row = {
			.bar = i == PAGE_REST ? LEND_PAGE_REST : key & KEY_BAR,
			.offset = key >> KEY_SHIFT << SHIFT,
			.reads = __atomic_load_n(&at->reads, __ATOMIC_RELAXED),
			.writes = __atomic_load_n(&at->writes, __ATOMIC_RELAXED),
		};

		if (!row.reads && !row.writes)
			continue;
		if (count < max)
			sized_give_row(out, stride, count, &row, sizeof(row));
		count++;
	}
	return count;
}
