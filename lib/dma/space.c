/* SPDX-License-Identifier: MIT */
/* The space: its life, and ranges coming and going. Locks: lib/dma/space_private.h. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/dma/space_private.h"
#include "lib/error.h"
#include "lib/ops.h"

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
	pthread_mutex_init(&space->lock, NULL);
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
	free(space->ranges.at);
	free(space->maps.at);
	pthread_mutex_destroy(&space->lock);
	log_bucket_destroy(&space->bucket);
	free(space);
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

static int check(struct lend_space *space, const struct lend_range *ranges, size_t count,
		 struct lend_error *error)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	for (size_t i = 0; i < count; i++) {
		int ret = range_check(&ranges[i], page);

		if (ret < 0)
			return error_say(error, ret,
					 "guest memory [0x%llx, +0x%llx) at %p is not whole pages",
					 (unsigned long long)ranges[i].iova,
					 (unsigned long long)ranges[i].length, ranges[i].va);
		if (ranges_overlap(&space->ranges, ranges[i].iova, ranges[i].length))
			return error_say(
				error, -EEXIST, "guest memory [0x%llx, +0x%llx) overlaps what is mapped",
				(unsigned long long)ranges[i].iova, (unsigned long long)ranges[i].length);
	}
	return 0;
}

/* Makes one map a range, in order, merged. */
static int make_maps(const struct lend_range *ranges, size_t count, struct map_list *out,
		     struct lend_error *error)
{
	for (size_t i = 0; i < count; i++) {
		struct dma_map map = {
			.iova = ranges[i].iova,
			.length = ranges[i].length,
			.va = ranges[i].va,
			.fd = ranges[i].fd,
			.offset = ranges[i].offset,
			.kind = ranges[i].kind,
		};
		size_t index = maps_find(out, map.iova);
		int ret;

		if (index < out->count && out->at[index].iova <= map.iova + (map.length - 1))
			return error_say(error, -EEXIST, "guest memory [0x%llx, +0x%llx) is given twice",
					 (unsigned long long)map.iova, (unsigned long long)map.length);
		ret = maps_insert(out, &map);
		if (ret < 0)
			return error_say(error, ret, "out of memory");
	}
	maps_merge(out);
	return 0;
}

static bool has_domain(const struct lend_space *space)
{
	for (unsigned i = 0; i < DOMAINS_MAX; i++)
		if (space->domains[i].ops)
			return true;
	return false;
}

/* All of `maps` into the domains, then all of it into the lists, or nothing. */
static int add(struct lend_space *space, const struct lend_range *ranges, size_t count, struct map_list *maps,
	       struct lend_error *error)
{
	size_t done = 0, kept = 0;
	int ret = maps_reserve(&space->maps, maps->count);

	if (ret < 0)
		return error_say(error, ret, "out of memory");
	for (; kept < count; kept++) {
		ret = ranges_insert(&space->ranges, &ranges[kept]);
		if (ret < 0) {
			error_say(error, ret, "out of memory");
			goto remove_ranges;
		}
	}
	for (; done < maps->count; done++) {
		ret = space_map_all(space, &maps->at[done]);
		if (ret < 0) {
			ret = space_say_map(space, &maps->at[done], ret, error);
			goto unmap;
		}
	}
	for (size_t i = 0; i < maps->count; i++)
		maps_insert(&space->maps, &maps->at[i]); /* cannot fail: reserved above */
	if (!has_domain(space))
		maps_merge(&space->maps);
	for (size_t i = 0; i < count; i++)
		space->mapped += ranges[i].kind == LEND_RANGE_BAR ? 0 : ranges[i].length;
	return 0;

unmap:
	while (done--)
		space_unmap_all(space, &maps->at[done]);
remove_ranges:
	while (kept--)
		ranges_remove(&space->ranges, ranges_find(&space->ranges, ranges[kept].iova));
	return ret;
}

int lend_space_map(struct lend_space *space, const struct lend_range *ranges, size_t count,
		   struct lend_error *error)
{
	struct map_list maps = {0};
	int ret;

	pthread_mutex_lock(&space->lock);
	ret = check(space, ranges, count, error);
	if (!ret)
		ret = make_maps(ranges, count, &maps, error);
	if (!ret)
		ret = add(space, ranges, count, &maps, error);
	pthread_mutex_unlock(&space->lock);
	free(maps.at);
	return ret;
}

/*
 * A range that was merged with neighbours: type1v2 unmaps whole maps alone, so
 * the map goes and what is left of it comes back. For that moment devices fault
 * on the rest; whoever takes part of a merged map out stops them first. The
 * list has room for the two halves already.
 */
static int split(struct lend_space *space, size_t index, lend_iova_t iova, uint64_t length)
{
	struct dma_map whole = space->maps.at[index];
	struct dma_map left = whole, right = whole;
	int ret = space_unmap_all(space, &whole), again;

	maps_remove(&space->maps, index);
	left.length = iova - whole.iova;
	right.length = whole.length - left.length - length;
	right.iova = iova + length;
	right.va = whole.va + left.length + length;
	right.offset = whole.offset + left.length + length;
	left.domains = right.domains = 0;
	if (left.length) {
		again = space_map_all(space, &left);
		ret = ret ? ret : again;
		maps_insert(&space->maps, &left);
	}
	if (right.length) {
		again = space_map_all(space, &right);
		ret = ret ? ret : again;
		maps_insert(&space->maps, &right);
	}
	return ret;
}

int lend_space_unmap(struct lend_space *space, lend_iova_t iova, uint64_t length)
{
	struct lend_range range;
	size_t index, map;
	int ret = -ENOENT;

	pthread_mutex_lock(&space->lock);
	index = ranges_find(&space->ranges, iova);
	if (index == space->ranges.count)
		goto unlock;
	range = space->ranges.at[index];
	if (range.iova != iova || range.length != length)
		goto unlock;
	ret = maps_reserve(&space->maps, 2);
	if (ret < 0)
		goto unlock;
	map = maps_find(&space->maps, iova);
	if (space->maps.at[map].length == length) {
		ret = space_unmap_all(space, &space->maps.at[map]);
		maps_remove(&space->maps, map);
	} else {
		ret = split(space, map, iova, length);
	}
	ranges_remove(&space->ranges, index);
	space->mapped -= range.kind == LEND_RANGE_BAR ? 0 : length;
unlock:
	pthread_mutex_unlock(&space->lock);
	return ret;
}

uint64_t lend_space_mapped(struct lend_space *space)
{
	uint64_t mapped;

	pthread_mutex_lock(&space->lock);
	mapped = space->mapped;
	pthread_mutex_unlock(&space->lock);
	return mapped;
}

size_t lend_space_windows(struct lend_space *space, struct lend_iova_window *out, size_t max)
{
	size_t count;

	pthread_mutex_lock(&space->lock);
	count = space_windows(space, out, max);
	pthread_mutex_unlock(&space->lock);
	return count;
}
