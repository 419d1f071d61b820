/* SPDX-License-Identifier: MIT */
/* The domains behind a space: a map goes to each of them or to none. Called with the space's lock held. */
#include <errno.h>
#include <time.h>

#include "lib/dma/space_private.h"

static uint64_t bit(unsigned domain)
{
	return UINT64_C(1) << domain;
}

static void note(struct space_note *note, const struct dma_map *map, int code)
{
	if (note->count++)
		return;
	note->iova = map->iova;
	note->length = map->length;
	note->kind = map->kind;
	note->code = code;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void space_note_slow(struct lend_space *space, const struct dma_map *map, uint64_t took, bool unmap)
{
	struct space_note *slow = &space->notes.slow;

	if (took <= space->slow_ns || took <= slow->slow_ns)
		return;
	*slow = (struct space_note){0};
	note(slow, map, 0);
	slow->slow_ns = took;
	slow->unmap = unmap;
}

int space_map_in(const struct space_domain *at, const struct dma_map *map, uint64_t *took)
{
	const struct domain_map want = {
		.iova = map->iova,
		.length = map->length,
		.va = map->va,
		.fd = map->fd,
		.offset = map->offset,
		.access = map->access,
		.peer = map->kind == LEND_RANGE_BAR,
	};
	uint64_t started = now_ns();
	int ret = at->ops->map(at->opaque, &want);

	*took = now_ns() - started;
	return ret;
}

int space_map_one(struct lend_space *space, struct dma_map *map, unsigned domain)
{
	uint64_t took;
	int ret = space_map_in(&space->domains[domain], map, &took);

	space_note_slow(space, map, took, false);
	if (!ret)
		map->domains |= bit(domain);
	if (ret < 0 && map->kind == LEND_RANGE_BAR) {
		note(&space->notes.peer, map, ret);
		return 0;
	}
	return ret;
}

/* That nothing is mapped there is as good as removed. */
static int unmap_one(struct lend_space *space, struct dma_map *map, unsigned domain)
{
	struct space_domain *at = &space->domains[domain];
	uint64_t started = now_ns();
	int ret = at->ops->unmap(at->opaque, map->iova, map->length);

	space_note_slow(space, map, now_ns() - started, true);
	if (ret < 0 && ret != -ENOENT) {
		note(&space->notes.stuck, map, ret);
		return ret;
	}
	map->domains &= ~bit(domain);
	return 0;
}

int space_map_all(struct lend_space *space, struct dma_map *map)
{
	for (unsigned i = 0; i < DOMAINS_MAX; i++) {
		int ret = space->domains[i].ops ? space_map_one(space, map, i) : 0;

		if (ret < 0) {
			space_drop(space, map);
			return ret;
		}
	}
	return 0;
}

int space_unmap_all(struct lend_space *space, struct dma_map *map)
{
	uint64_t before = map->domains;
	int ret = 0;

	for (unsigned i = 0; i < DOMAINS_MAX && !ret; i++)
		if (map->domains & bit(i))
			ret = unmap_one(space, map, i);
	if (ret < 0)
		space_map_back(space, map, before);
	return ret;
}

void space_map_back(struct lend_space *space, struct dma_map *map, uint64_t domains)
{
	for (unsigned i = 0; i < DOMAINS_MAX; i++) {
		int ret;

		if (!(domains & ~map->domains & bit(i)))
			continue;
		ret = space_map_one(space, map, i);
		if (ret < 0)
			note(&space->notes.lost, map, ret);
	}
}

void space_drop(struct lend_space *space, struct dma_map *map)
{
	for (unsigned i = 0; i < DOMAINS_MAX; i++)
		if (map->domains & bit(i))
			unmap_one(space, map, i);
	map->domains = 0;
}
