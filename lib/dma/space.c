/* SPDX-License-Identifier: MIT */
/* The space: its life, and ranges coming and going. Locks: lib/dma/space_private.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dma/space_private.h"
#include "lib/error.h"
#include "lib/ops.h"

enum { SLOW_NS = 1000000000 };

int lend_space_new(struct lend_context *context, const struct lend_host_ops *ops, void *host,
		   struct lend_space **out)
{
	struct lend_space *space = calloc(1, sizeof(*space));
	int ret;

	if (!space)
		return -ENOMEM;
	ret = ops_fill(&space->ops, ops);
	if (ret < 0) {
		free(space);
		return ret;
	}
	space->context = context;
	space->host = host;
	space->slow_ns = SLOW_NS;
	pthread_mutex_init(&space->lock, NULL);
	pthread_cond_init(&space->filled, NULL);
	log_bucket_init(&space->bucket);
	*out = space;
	return 0;
}

void lend_space_free(struct lend_space *space)
{
	if (!space)
		return;
	while (space->users)
		space_detach(space, space->users->user.fd);
	for (unsigned i = 0; i < DOMAINS_MAX; i++)
		if (space->domains[i].ops) /* kept without a user */
			space->domains[i].ops->close(space->domains[i].opaque);
	for (struct dma_map *map; (map = space->maps.root);) {
		map_tree_remove(&space->maps, map);
		free(map);
	}
	free(space->windows.at);
	pthread_cond_destroy(&space->filled);
	pthread_mutex_destroy(&space->lock);
	log_bucket_destroy(&space->bucket);
	free(space);
}

void lend_space_keep(struct lend_space *space)
{
	space->keeps = true;
	__atomic_store_n(&context_iommufd(space->context)->keeps, true, __ATOMIC_RELAXED);
}

struct lend_context *space_context(const struct lend_space *space)
{
	return space->context;
}

const struct lend_host_ops *space_ops(const struct lend_space *space)
{
	return &space->ops;
}

void *space_host(const struct lend_space *space)
{
	return space->host;
}

void space_await_fill(struct lend_space *space)
{
	while (space->filling)
		pthread_cond_wait(&space->filled, &space->lock);
}

static bool has_memory(const struct dma_map *list)
{
	while (list && list->kind == LEND_RANGE_BAR)
		list = list->next;
	return list;
}

/* Before a domain is asked: none of the list lies on what the space has. */
static int check_free(struct lend_space *space, const struct dma_map *list, struct lend_error *error)
{
	for (const struct dma_map *map = list; map; map = map->next) {
		const struct dma_map *found = map_tree_find(&space->maps, map->iova);

		if (found && found->iova <= map_last(map))
			return error_say(error, -EEXIST,
					 "guest memory [0x%llx, +0x%llx) overlaps what is mapped",
					 (unsigned long long)map->iova, (unsigned long long)map->length);
	}
	return 0;
}

static uint64_t counted(const struct dma_map *map)
{
	return map->kind == LEND_RANGE_BAR ? 0 : map->length;
}

/* All of the list into the domains and then into the tree, or nothing. */
static int add(struct lend_space *space, struct dma_map *list, struct lend_error *error)
{
	struct dma_map *map;

	for (map = list; map; map = map->next) {
		int ret = space_map_all(space, map);

		if (ret < 0) {
			ret = space_say_map(space, map, ret, error);
			for (struct dma_map *done = list; done != map; done = done->next)
				space_drop(space, done);
			return ret;
		}
	}
	for (map = list; map; map = map->next) {
		map_tree_insert(&space->maps, map);
		space->mapped += counted(map);
	}
	return 0;
}

int lend_space_map(struct lend_space *space, const struct lend_range *ranges, size_t count,
		   struct lend_error *error)
{
	struct dma_map *list;
	int ret = maps_make(ranges, count, &list, error);

	if (ret < 0)
		return ret;
	space_lock(space);
	if (has_memory(list))
		space_await_fill(space);
	ret = check_free(space, list, error);
	if (!ret)
		ret = add(space, list, error);
	space_unlock(space);
	if (ret < 0)
		maps_free(list);
	return ret;
}

/* Names one range as leaving; its map comes to the list with the first of them. */
static int name_leaving(struct lend_space *space, const struct lend_range *range, struct dma_map **list,
			struct lend_error *error)
{
	struct dma_map *map = map_tree_find(&space->maps, range->iova);
	struct map_range *found = map && map->iova <= range->iova ? map_range_at(map, range->iova) : NULL;

	if (!found || found->range.iova != range->iova || found->range.length != range->length)
		return error_say(error, -ENOENT, "no guest memory was added as [0x%llx, +0x%llx)",
				 (unsigned long long)range->iova, (unsigned long long)range->length);
	if (found->leaving)
		return error_say(error, -EINVAL, "guest memory [0x%llx, +0x%llx) is given twice",
				 (unsigned long long)range->iova, (unsigned long long)range->length);
	found->leaving = true;
	if (!map->leaving++) {
		map->next = *list;
		*list = map;
	}
	return 0;
}

/* What was merged can only leave as a whole: a domain cannot cut a map while devices use it. */
static int check_whole(const struct dma_map *list, struct lend_error *error)
{
	for (const struct dma_map *map = list; map; map = map->next)
		if (map->leaving < map->count)
			return error_say(
				error, -EBUSY,
				"guest memory [0x%llx, +0x%llx) is one map of %zu merged ranges, which "
				"only leave together",
				(unsigned long long)map->iova, (unsigned long long)map->length, map->count);
	return 0;
}

/* Out of all domains, or the same as before. */
static int take_out(struct lend_space *space, struct dma_map *list, struct lend_error *error)
{
	for (struct dma_map *map = list; map; map = map->next) {
		int ret;

		map->before = map->domains;
		ret = space_unmap_all(space, map);
		if (ret < 0) {
			for (struct dma_map *done = list; done != map; done = done->next)
				space_map_back(space, done, done->before);
			return error_say(error, ret,
					 "the IOMMU does not remove guest memory [0x%llx, +0x%llx): %s",
					 (unsigned long long)map->iova, (unsigned long long)map->length,
					 strerror(-ret));
		}
	}
	return 0;
}

static void forget(struct lend_space *space, struct dma_map *list)
{
	for (struct dma_map *map = list; map; map = map->next) {
		map_tree_remove(&space->maps, map);
		space->mapped -= counted(map);
	}
	maps_free(list);
}

static void stay(struct dma_map *list)
{
	for (struct dma_map *map = list; map; map = map->next) {
		map->leaving = 0;
		for (size_t i = 0; i < map->count; i++)
			map->ranges[i].leaving = false;
	}
}

/* Guest memory cannot leave while a domain is filling. BARs can. */
static void await_fill_of(struct lend_space *space, const struct lend_range *ranges, size_t count)
{
	for (size_t i = 0; i < count && space->filling; i++) {
		const struct dma_map *map = map_tree_find(&space->maps, ranges[i].iova);

		if (map && map->kind != LEND_RANGE_BAR)
			space_await_fill(space);
	}
}

int lend_space_unmap_ranges(struct lend_space *space, const struct lend_range *ranges, size_t count,
			    struct lend_error *error)
{
	struct dma_map *list = NULL;
	int ret = 0;

	space_lock(space);
	await_fill_of(space, ranges, count);
	for (size_t i = 0; i < count && !ret; i++)
		ret = name_leaving(space, &ranges[i], &list, error);
	if (!ret)
		ret = check_whole(list, error);
	if (!ret)
		ret = take_out(space, list, error);
	if (ret < 0)
		stay(list);
	else
		forget(space, list);
	space_unlock(space);
	return ret;
}

int lend_space_unmap(struct lend_space *space, lend_iova_t iova, uint64_t length)
{
	const struct lend_range range = {.iova = iova, .length = length};

	return lend_space_unmap_ranges(space, &range, 1, NULL);
}

int lend_space_find(struct lend_space *space, lend_iova_t iova, struct lend_range *out)
{
	struct dma_map *map;

	space_lock(space);
	map = map_tree_find(&space->maps, iova);
	if (map)
		*out = map_range_at(map, iova)->range;
	space_unlock(space);
	return map ? 0 : -ENOENT;
}

bool space_reaches(struct lend_space *space, lend_iova_t iova)
{
	const struct dma_map *map;
	bool reaches;

	space_lock(space);
	map = map_tree_find(&space->maps, iova);
	reaches = map && map->iova <= iova && map->domains;
	space_unlock(space);
	return reaches;
}

uint64_t lend_space_mapped(struct lend_space *space)
{
	uint64_t mapped;

	space_lock(space);
	mapped = space->mapped;
	space_unlock(space);
	return mapped;
}

size_t lend_space_windows(struct lend_space *space, struct lend_iova_window *out, size_t max)
{
	size_t count = 0;

	space_lock(space);
	if (!space_windows(space))
		count = space->windows.count;
	for (size_t i = 0; i < count && i < max; i++)
		out[i] = space->windows.at[i];
	space_unlock(space);
	return count;
}
