/* SPDX-License-Identifier: MIT */
/*
 * Maps: what stands in the domains, each with the ranges that it was made of.
 * One call of lend_space_map() becomes a list of maps; the maps of a space are
 * a tree. No locks here, and no calls of a domain.
 */
#ifndef LIB_DMA_MAPS_H
#define LIB_DMA_MAPS_H

#include "lend/space.h"

/** A range as lend_space_map() was given it. */
struct map_range {
	struct lend_range range;
	bool leaving; /* named by the removal that is under way */
};

/** One map. A domain can only remove it as a whole, so its ranges leave together. */
struct dma_map {
	struct dma_map *left, *right; /* of the tree */
	unsigned height;
	struct dma_map *next; /* of a list: maps that come, or maps that leave */

	lend_iova_t iova;
	uint64_t length;
	uint8_t *va;
	int fd; /* -1: none, or its ranges are not one piece of a file */
	uint64_t offset;
	enum lend_range_kind kind;
	unsigned access;  /* enum lend_access, never 0 */
	uint64_t domains; /* bit n: mapped in domain n of the space */
	uint64_t before;  /* the same, when a removal began */

	size_t leaving; /* how many of its ranges have that set */
	size_t count;
	struct map_range ranges[]; /* ascending, without holes */
};

static inline lend_iova_t map_last(const struct dma_map *map)
{
	return map->iova + (map->length - 1); /* the end may be 2^64 */
}

/** All maps of a space, by address. They do not overlap. Zeroed: empty. */
struct map_tree {
	struct dma_map *root;
	size_t count;
	uint64_t steps; /* maps that were looked at so far; tests compare it with the logarithm of `count` */
};

/** The map that contains `iova`, else the first one behind it, else NULL. */
struct dma_map *map_tree_find(struct map_tree *tree, lend_iova_t iova);
/** The one behind `map`, NULL: it is the last one. */
struct dma_map *map_tree_next(struct map_tree *tree, const struct dma_map *map);
/** `map` overlaps none of the tree. Both take no memory and cannot fail. */
void map_tree_insert(struct map_tree *tree, struct dma_map *map);
void map_tree_remove(struct map_tree *tree, struct dma_map *map);

/**
 * Checks `ranges`, which may be in any order, and makes maps of them: a list
 * that ascends, to be freed. Neighbours of which each has `merge` set become
 * one map where guest and host addresses continue. -EINVAL, -EEXIST: two of
 * them overlap, -ENOMEM; with a sentence.
 */
int maps_make(const struct lend_range *ranges, size_t count, struct dma_map **out, struct lend_error *error);
void maps_free(struct dma_map *list);

/** The range of `map` that contains `iova`, which lies in the map. */
struct map_range *map_range_at(struct dma_map *map, lend_iova_t iova);

#endif
