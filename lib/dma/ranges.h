/* SPDX-License-Identifier: MIT */
/*
 * Sorted arrays of address ranges: what was asked for (struct lend_range) and
 * what stands in the domains for it (struct dma_map, in which neighbours are
 * merged). Pure: no locks, no calls.
 */
#ifndef LIB_DMA_RANGES_H
#define LIB_DMA_RANGES_H

#include "lend/space.h"

/** One map as the domains have it. */
struct dma_map {
	lend_iova_t iova;
	uint64_t length;
	uint8_t *va;
	int fd; /* -1: none, or the pieces that were merged are not one piece of a file */
	uint64_t offset;
	enum lend_range_kind kind;
	uint64_t domains; /* bit n: mapped in domain n of the space */
};

struct range_list {
	struct lend_range *at;
	size_t count, room;
};

struct map_list {
	struct dma_map *at;
	size_t count, room;
};

/** 0, -EINVAL: misaligned, empty, or wraps around the end of the address space. */
int range_check(const struct lend_range *range, uint64_t page);

/** The index of the first range that ends behind `iova`. */
size_t ranges_find(const struct range_list *list, lend_iova_t iova);
bool ranges_overlap(const struct range_list *list, lend_iova_t iova, uint64_t length);
/** -ENOMEM; keeps order. The range overlaps none of the list. */
int ranges_insert(struct range_list *list, const struct lend_range *range);
void ranges_remove(struct range_list *list, size_t index);

size_t maps_find(const struct map_list *list, lend_iova_t iova);
int maps_insert(struct map_list *list, const struct dma_map *map);
void maps_remove(struct map_list *list, size_t index);
/** Makes room for `more` maps, so that as many inserts cannot fail. */
int maps_reserve(struct map_list *list, size_t more);

/** Merges neighbours of RAM or ROM that continue in guest and host addresses and are mapped nowhere. */
void maps_merge(struct map_list *list);

#endif
