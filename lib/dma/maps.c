/* SPDX-License-Identifier: MIT */
/* The ranges of one call become maps. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/dma/maps.h"
#include "lib/error.h"

static const unsigned all_access = LEND_ACCESS_READ | LEND_ACCESS_WRITE;

static unsigned access_of(const struct lend_range *range)
{
	if (range->access)
		return range->access;
	return range->kind == LEND_RANGE_ROM ? LEND_ACCESS_READ : all_access;
}

static bool whole_pages(const struct lend_range *range, uint64_t page)
{
	uint64_t mask = page - 1;

	if (!range->length || (range->iova & mask) || (range->length & mask) || ((uintptr_t)range->va & mask))
		return false;
	return range->length - 1 <= UINT64_MAX - range->iova &&
	       range->length - 1 <= UINTPTR_MAX - (uintptr_t)range->va;
}

static int check(const struct lend_range *range, uint64_t page, struct lend_error *error)
{
	unsigned long long iova = range->iova, length = range->length;

	if (!whole_pages(range, page))
		return error_say(error, -EINVAL, "guest memory [0x%llx, +0x%llx) at %p is not whole pages",
				 iova, length, range->va);
	if (range->kind > LEND_RANGE_BAR || range->access & ~all_access)
		return error_say(error, -EINVAL,
				 "guest memory [0x%llx, +0x%llx): kind %u with access %u is not known", iova,
				 length, (unsigned)range->kind, range->access);
	if (range->kind == LEND_RANGE_ROM && range->access & LEND_ACCESS_WRITE)
		return error_say(error, -EINVAL,
				 "guest memory [0x%llx, +0x%llx) is a ROM, which devices cannot write", iova,
				 length);
	return 0;
}

static int by_iova(const void *a, const void *b)
{
	const struct lend_range *left = a, *right = b;

	return left->iova < right->iova ? -1 : left->iova > right->iova;
}

/* The sorted copy that the maps are made of, which the caller frees. */
static int sort(const struct lend_range *ranges, size_t count, struct lend_range **out,
		struct lend_error *error)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct lend_range *sorted = calloc(count, sizeof(*sorted));
	int ret = sorted ? 0 : error_say(error, -ENOMEM, "out of memory");

	for (size_t i = 0; i < count && !ret; i++) {
		/* static: a function that makes a sentence returns the error it was given, never 0 */
		sorted[i] = ranges[i];
		ret = check(&ranges[i], page, error);
	}
	if (!ret)
		/* static: a function that makes a sentence returns the error it was given, never 0 */
		qsort(sorted, count, sizeof(*sorted), by_iova);
	for (size_t i = 1; i < count && !ret; i++)
		if (sorted[i - 1].iova + (sorted[i - 1].length - 1) >= sorted[i].iova)
			ret = error_say(error, -EEXIST, "guest memory [0x%llx, +0x%llx) is given twice",
					(unsigned long long)sorted[i].iova,
					(unsigned long long)sorted[i].length);
	if (ret < 0)
		free(sorted);
	else
		*out = sorted;
	return ret;
}

/* A merged map is removed as a whole, so both must have agreed to that. A BAR moves by itself. */
static bool continues(const struct lend_range *a, const struct lend_range *b)
{
	/* static: there is a range at least, and sort() has failed without memory */
	return a->merge && b->merge && a->kind == b->kind && a->kind != LEND_RANGE_BAR &&
	       access_of(a) == access_of(b) && a->iova + a->length == b->iova &&
	       (uint8_t *)a->va + a->length == (uint8_t *)b->va;
}

/* One map of `count` ranges. Where they are not one piece of a file it is made by address: one map by
 * address is worth more than several by file. */
static struct dma_map *make(const struct lend_range *ranges, size_t count)
{
	struct dma_map *map = calloc(1, sizeof(*map) + count * sizeof(map->ranges[0]));

	if (!map)
		return NULL;
	/* static: there is a range at least, and sort() has failed without memory */
	map->iova = ranges->iova;
	map->va = ranges->va;
	map->fd = ranges->fd;
	map->offset = ranges->offset;
	map->kind = ranges->kind;
	map->access = access_of(ranges);
	map->count = count;
	for (size_t i = 0; i < count; i++) {
		if (map->fd != ranges[i].fd || map->offset + map->length != ranges[i].offset)
			map->fd = -1;
		map->length += ranges[i].length;
		map->ranges[i].range = ranges[i];
	}
	return map;
}

int maps_make(const struct lend_range *ranges, size_t count, struct dma_map **out, struct lend_error *error)
{
	struct dma_map **link = out;
	struct lend_range *sorted;
	size_t start = 0;
	int ret;

	*out = NULL;
	if (!count)
		return 0;
	ret = sort(ranges, count, &sorted, error);
	if (ret < 0)
		return ret;
	for (size_t end = 1; end <= count; end++) {
		if (end < count && continues(&sorted[end - 1], &sorted[end]))
			continue;
		*link = make(sorted + start, end - start);
		if (!*link) {
			ret = error_say(error, -ENOMEM, "out of memory");
			goto free_maps;
		}
		link = &(*link)->next;
		start = end;
	}
	free(sorted);
	return 0;

free_maps:
	maps_free(*out);
	*out = NULL;
	free(sorted);
	return ret;
}

void maps_free(struct dma_map *list)
{
	while (list) {
		struct dma_map *next = list->next;

		free(list);
		list = next;
	}
}

struct map_range *map_range_at(struct dma_map *map, lend_iova_t iova)
{
	size_t low = 0, high = map->count - 1;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct lend_range *range = &map->ranges[middle].range;

		if (range->iova + (range->length - 1) < iova)
			low = middle + 1;
		else
			high = middle;
	}
	return &map->ranges[low];
}
