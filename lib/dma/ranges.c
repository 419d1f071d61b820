/* SPDX-License-Identifier: MIT */
/* Sorted arrays of ranges and maps. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dma/ranges.h"

int range_check(const struct lend_range *range, uint64_t page)
{
	uint64_t mask = page - 1;

	if (!range->length || (range->iova & mask) || (range->length & mask) || ((uintptr_t)range->va & mask))
		return -EINVAL;
	if (range->length - 1 > UINT64_MAX - range->iova ||
	    range->length - 1 > UINTPTR_MAX - (uintptr_t)range->va)
		return -EINVAL;
	return 0;
}

/* Grows an array of `size` byte members to room for `want`. */
static int grow(void **at, size_t *room, size_t want, size_t size)
{
	size_t next = *room ? *room : 16;
	void *more;

	while (next < want)
		next *= 2;
	if (next == *room)
		return 0;
	more = realloc(*at, next * size);
	if (!more)
		return -ENOMEM;
	*at = more;
	*room = next;
	return 0;
}

size_t ranges_find(const struct range_list *list, lend_iova_t iova)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		/* The last byte, because the end may be 2^64. */
		if (list->at[middle].iova + (list->at[middle].length - 1) < iova)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool ranges_overlap(const struct range_list *list, lend_iova_t iova, uint64_t length)
{
	size_t index = ranges_find(list, iova);

	return index < list->count && list->at[index].iova <= iova + (length - 1);
}

int ranges_insert(struct range_list *list, const struct lend_range *range)
{
	size_t index = ranges_find(list, range->iova);
	void *at = list->at;
	int ret = grow(&at, &list->room, list->count + 1, sizeof(*list->at));

	if (ret < 0)
		return ret;
	list->at = at;
	memmove(list->at + index + 1, list->at + index, (list->count - index) * sizeof(*list->at));
	list->at[index] = *range;
	list->count++;
	return 0;
}

void ranges_remove(struct range_list *list, size_t index)
{
	list->count--;
	memmove(list->at + index, list->at + index + 1, (list->count - index) * sizeof(*list->at));
}

size_t maps_find(const struct map_list *list, lend_iova_t iova)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (list->at[middle].iova + (list->at[middle].length - 1) < iova)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int maps_reserve(struct map_list *list, size_t more)
{
	void *at = list->at;
	int ret = grow(&at, &list->room, list->count + more, sizeof(*list->at));

	if (!ret)
		list->at = at;
	return ret;
}

int maps_insert(struct map_list *list, const struct dma_map *map)
{
	size_t index = maps_find(list, map->iova);
	int ret = maps_reserve(list, 1);

	if (ret < 0)
		return ret;
	memmove(list->at + index + 1, list->at + index, (list->count - index) * sizeof(*list->at));
	list->at[index] = *map;
	list->count++;
	return 0;
}

void maps_remove(struct map_list *list, size_t index)
{
	list->count--;
	memmove(list->at + index, list->at + index + 1, (list->count - index) * sizeof(*list->at));
}

static bool continues(const struct dma_map *a, const struct dma_map *b)
{
	return a->kind == b->kind && a->kind != LEND_RANGE_BAR && !a->domains && !b->domains &&
	       a->iova + a->length == b->iova && a->va + a->length == b->va;
}

/* One map by address is worth more than several by file. */
static void append(struct dma_map *map, const struct dma_map *next)
{
	if (map->fd != next->fd || map->offset + map->length != next->offset)
		map->fd = -1;
	map->length += next->length;
}

void maps_merge(struct map_list *list)
{
	size_t used = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (used && continues(&list->at[used - 1], &list->at[i]))
			append(&list->at[used - 1], &list->at[i]);
		else
			list->at[used++] = list->at[i];
	}
	list->count = used;
}
