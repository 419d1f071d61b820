/* SPDX-License-Identifier: MIT */
/* SIGBUS in guest memory; see sigbus.h. */
#include <errno.h>
#include <sys/mman.h>

#include "lib/server/sigbus.h"
#include "lib/server/maps.h"
#include "lend/server.h"

static bool locked;
static struct sigbus_entry *first;

void sigbus_lock(void)
{
	while (__atomic_test_and_set(&locked, __ATOMIC_ACQUIRE))
		;
}

void sigbus_unlock(void)
{
	__atomic_clear(&locked, __ATOMIC_RELEASE);
}

void sigbus_add(struct sigbus_entry *entry, const struct server_maps *maps)
{
	sigbus_lock();
	entry->maps = maps;
	entry->next = first;
	first = entry;
	sigbus_unlock();
}

void sigbus_remove(struct sigbus_entry *entry)
{
	struct sigbus_entry **at = &first;

	sigbus_lock();
	while (*at && *at != entry)
		at = &(*at)->next;
	if (*at)
		*at = entry->next;
	sigbus_unlock();
}

/* All of it: a file that was cut is not guest memory any more, and huge pages have to go as a whole. */
static bool fill_with_zeros(struct server_map *map)
{
	void *at = mmap(map->base, map->span, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);

	__atomic_store_n(&map->broken, true, __ATOMIC_RELAXED);
	return at != MAP_FAILED;
}

static bool mend(const struct server_maps *maps, const uint8_t *address)
{
	for (unsigned i = 0; i < maps->count; i++) {
		struct server_map *map = maps->rows[i];

		if (map->base && address >= map->base && address < map->base + map->span)
			return fill_with_zeros(map);
	}
	return false;
}

bool lend_server_bus_error(void *address)
{
	int before = errno;
	bool mended = false;

	sigbus_lock();
	for (const struct sigbus_entry *at = first; at && !mended; at = at->next)
		mended = mend(at->maps, address);
	sigbus_unlock();
	errno = before;
	return mended;
}
