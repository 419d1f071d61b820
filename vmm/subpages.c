/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stddef.h>

#include "vmm/subpages.h"

enum { PAGE = 4096 };

void subpages_init(struct subpages *subpages)
{
	*subpages = (struct subpages){0};
	pthread_mutex_init(&subpages->lock, NULL);
}

static struct subpage *find(struct subpages *subpages, const void *owner)
{
	for (unsigned i = 0; i < SUBPAGES_MAX; i++)
		if (subpages->at[i].owner == owner)
			return &subpages->at[i];
	return NULL;
}

int subpages_add(struct subpages *subpages, struct slots *slots, struct bus *bus, const void *owner,
		 uint64_t address, uint64_t size, void *va)
{
	struct subpage *at;
	int ret = -ENOSPC;

	pthread_mutex_lock(&subpages->lock);
	at = find(subpages, NULL);
	if (at)
		ret = bus_overlaps(bus, address + size, PAGE - size)
			      ? -EBUSY
			      : slots_add(slots, gpa(address), PAGE, va);
	if (ret >= 0)
		*at = (struct subpage){owner, address, ret};
	pthread_mutex_unlock(&subpages->lock);
	return ret < 0 ? ret : 0;
}

void subpages_remove(struct subpages *subpages, struct slots *slots, const void *owner)
{
	struct subpage *at;

	pthread_mutex_lock(&subpages->lock);
	at = find(subpages, owner);
	if (at) {
		slots_remove(slots, at->slot);
		at->owner = NULL;
	}
	pthread_mutex_unlock(&subpages->lock);
}

void subpages_evict(struct subpages *subpages, struct slots *slots, const void *owner, uint64_t start,
		    uint64_t length)
{
	pthread_mutex_lock(&subpages->lock);
	for (unsigned i = 0; i < SUBPAGES_MAX; i++) {
		struct subpage *at = &subpages->at[i];

		if (!at->owner || at->owner == owner || start >= at->address + PAGE ||
		    start + length <= at->address)
			continue;
		slots_remove(slots, at->slot);
		at->owner = NULL;
	}
	pthread_mutex_unlock(&subpages->lock);
}
