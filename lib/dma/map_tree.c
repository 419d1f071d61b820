/* SPDX-License-Identifier: MIT */
/*
 * The maps of a space as a height-balanced (AVL) tree: a guest with a virtual
 * IOMMU makes and removes hundreds of thousands of them. The recursion is as
 * deep as the tree is high, which is less than 1.45 * log2(count + 2).
 */
#include <stddef.h>

#include "lib/dma/maps.h"

static unsigned height(const struct dma_map *map)
{
	return map ? map->height : 0;
}

static void measure(struct dma_map *map)
{
	unsigned left = height(map->left), right = height(map->right);

	map->height = 1 + (left > right ? left : right);
}

static struct dma_map *left_up(struct dma_map *map)
{
	struct dma_map *up = map->left;

	map->left = up->right;
	up->right = map;
	measure(map);
	measure(up);
	return up;
}

static struct dma_map *right_up(struct dma_map *map)
{
	struct dma_map *up = map->right;

	map->right = up->left;
	up->left = map;
	measure(map);
	measure(up);
	return up;
}

/* What stands in the place of `map` when its sides, which are balanced, differ by two at the most. */
static struct dma_map *balance(struct dma_map *map)
{
	unsigned left = height(map->left), right = height(map->right);

	if (left > right + 1) {
		if (height(map->left->left) < height(map->left->right))
			map->left = right_up(map->left);
		return left_up(map);
	}
	if (right > left + 1) {
		if (height(map->right->right) < height(map->right->left))
			map->right = left_up(map->right);
		return right_up(map);
	}
	measure(map);
	return map;
}

static struct dma_map *insert(struct map_tree *tree, struct dma_map *at, struct dma_map *map)
{
	if (!at)
		return map;
	tree->steps++;
	if (map->iova < at->iova)
		at->left = insert(tree, at->left, map);
	else
		at->right = insert(tree, at->right, map);
	return balance(at);
}

/* Takes the first map below `at` out; what is left is returned. */
static struct dma_map *take_first(struct map_tree *tree, struct dma_map *at, struct dma_map **first)
{
	tree->steps++;
	if (!at->left) {
		*first = at;
		return at->right;
	}
	at->left = take_first(tree, at->left, first);
	return balance(at);
}

static struct dma_map *replace(struct map_tree *tree, struct dma_map *map)
{
	struct dma_map *right, *first;

	if (!map->right)
		return map->left;
	right = take_first(tree, map->right, &first);
	first->left = map->left;
	first->right = right;
	return balance(first);
}

static struct dma_map *take(struct map_tree *tree, struct dma_map *at, struct dma_map *map)
{
	tree->steps++;
	if (at == map)
		return replace(tree, map);
	if (map->iova < at->iova)
		at->left = take(tree, at->left, map);
	else
		at->right = take(tree, at->right, map);
	return balance(at);
}

void map_tree_insert(struct map_tree *tree, struct dma_map *map)
{
	map->left = map->right = NULL;
	map->height = 1;
	tree->root = insert(tree, tree->root, map);
	tree->count++;
}

void map_tree_remove(struct map_tree *tree, struct dma_map *map)
{
	tree->root = take(tree, tree->root, map);
	tree->count--;
}

struct dma_map *map_tree_find(struct map_tree *tree, lend_iova_t iova)
{
	struct dma_map *at = tree->root, *best = NULL;

	while (at) {
		tree->steps++;
		if (map_last(at) < iova) {
			at = at->right;
		} else {
			best = at;
			at = at->left;
		}
	}
	return best;
}

struct dma_map *map_tree_next(struct map_tree *tree, const struct dma_map *map)
{
	return map_last(map) == UINT64_MAX ? NULL : map_tree_find(tree, map_last(map) + 1);
}
