/* SPDX-License-Identifier: MIT */
/* Areas of a region (spec 1.6 and 4.2). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/backend/areas.h"

static int by_offset(const void *a, const void *b)
{
	const struct lend_area *left = a, *right = b;

	return left->offset < right->offset ? -1 : left->offset > right->offset;
}

int areas_store(struct lend_region *region, struct lend_area *out, unsigned max, struct lend_area *areas,
		size_t count)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++)
		if (areas[i].length)
			areas[used++] = areas[i];
	if (used)
		qsort(areas, used, sizeof(*areas), by_offset);
	for (size_t i = 0; i < used; i++) {
		if (areas[i].length > UINT64_MAX - areas[i].offset)
			return -EPROTO;
		if (i && areas[i - 1].offset + areas[i - 1].length > areas[i].offset)
			return -EPROTO;
	}
	region->area_count = used < max ? (unsigned)used : max;
	if (used)
		memmove(out, areas, region->area_count * sizeof(*areas));
	return (int)(used - region->area_count);
}

void areas_clip(struct lend_region *region, struct lend_area *areas, uint64_t page)
{
	unsigned used = 0;

	for (unsigned i = 0; i < region->area_count; i++) {
		uint64_t start = areas[i].offset;
		uint64_t end = start + areas[i].length;

		if (start > UINT64_MAX - page)
			continue;
		if (end > region->size)
			end = region->size;
		start = (start + page - 1) & ~(page - 1);
		end &= ~(page - 1);
		if (start < end)
			areas[used++] = (struct lend_area){start, end - start};
	}
	region->area_count = used;
}

unsigned areas_cut(struct lend_area *areas, unsigned count, uint64_t start, uint64_t end)
{
	struct lend_area left[AREAS_ROOM];
	unsigned used = 0;

	for (unsigned i = 0; i < count; i++) {
		uint64_t from = areas[i].offset, to = from + areas[i].length;
		uint64_t before = to < start ? to : start, behind = from > end ? from : end;

		if (from < before && used < AREAS_ROOM)
			left[used++] = (struct lend_area){from, before - from};
		if (behind < to && used < AREAS_ROOM)
			left[used++] = (struct lend_area){behind, to - behind};
	}
	/* static: nothing is copied where nothing was left */
	memcpy(areas, left, used * sizeof(*areas));
	return used;
}
