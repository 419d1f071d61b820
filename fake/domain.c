/* SPDX-License-Identifier: MIT */
/* What the device reaches of guest memory: a list of maps, and DMA through it. */
#include <errno.h>
#include <string.h>

#include "fake/fake.h"

static int fake_map(void *domain, const struct lend_domain_map *map)
{
	struct lend_fake *fake = domain;
	int ret = fake_call(fake);

	pthread_mutex_lock(&fake->lock);
	if (!ret && fake->map_count == FAKE_MAPS)
		ret = -ENOSPC;
	for (unsigned i = 0; i < fake->map_count && !ret; i++)
		if (map->iova < fake->maps[i].iova + fake->maps[i].length &&
		    fake->maps[i].iova < map->iova + map->length)
			ret = -EEXIST;
	if (!ret)
		fake->maps[fake->map_count++] = *map;
	pthread_mutex_unlock(&fake->lock);
	return ret;
}

static int fake_unmap(void *domain, lend_iova_t iova, uint64_t length)
{
	struct lend_fake *fake = domain;
	int ret = -ENOENT;

	pthread_mutex_lock(&fake->lock);
	for (unsigned i = 0; i < fake->map_count && ret; i++) {
		if (fake->maps[i].iova != iova || fake->maps[i].length != length)
			continue;
		fake->maps[i] = fake->maps[--fake->map_count];
		ret = 0;
	}
	pthread_mutex_unlock(&fake->lock);
	return ret;
}

static void fake_close(void *domain)
{
	struct lend_fake *fake = domain;

	fake->left += fake->map_count;
	fake->map_count = 0;
}

const struct lend_domain_ops fake_dma_ops = {
	.size = sizeof(fake_dma_ops), .map = fake_map, .unmap = fake_unmap, .close = fake_close};

/* The byte at an address, and how many follow it in its map; NULL: it is not reached that way. */
static uint8_t *reach(struct lend_fake *fake, lend_iova_t at, unsigned access, size_t *room)
{
	for (unsigned i = 0; i < fake->map_count; i++) {
		const struct lend_domain_map *map = &fake->maps[i];

		if (at < map->iova || at - map->iova >= map->length || (map->access & access) != access)
			continue;
		*room = map->length - (at - map->iova);
		return (uint8_t *)map->va + (at - map->iova);
	}
	return NULL;
}

static int dma(struct lend_fake *fake, lend_iova_t at, void *out, const void *in, size_t length)
{
	int ret = 0;

	pthread_mutex_lock(&fake->lock);
	for (size_t done = 0, room; done < length && !ret; done += room) {
		uint8_t *bytes = reach(fake, at + done, in ? LEND_ACCESS_WRITE : LEND_ACCESS_READ, &room);

		if (!bytes) {
			ret = -EFAULT;
			break;
		}
		room = room < length - done ? room : length - done;
		if (in)
			memcpy(bytes, (const uint8_t *)in + done, room);
		else
			/* static: one of `in` and `out` is given */
			memcpy((uint8_t *)out + done, bytes, room);
	}
	pthread_mutex_unlock(&fake->lock);
	return ret;
}

int lend_fake_dma_read(struct lend_fake *fake, lend_iova_t from, void *data, size_t length)
{
	return dma(fake, from, data, NULL, length);
}

int lend_fake_dma_write(struct lend_fake *fake, lend_iova_t to, const void *data, size_t length)
{
	return dma(fake, to, NULL, data, length);
}

uint64_t lend_fake_mapped(const struct lend_fake *fake)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < fake->map_count; i++)
		sum += fake->maps[i].length;
	return sum;
}
