/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stddef.h>

#include "vmm/subpages.h"

enum { PAGE = 4096 };

void subpages_init(struct subpages *subpages)
{
	*subpages = (struct subpages){0};
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
	struct subpage *at = find(subpages, NULL);
	int slot;

	if (find(subpages, owner))
		return 0;
	if (!at)
		return -ENOSPC;
	if (bus_overlaps(bus, address + size, PAGE - size))
		return -EBUSY;
	slot = slots_add(slots, gpa(address), PAGE, va);
	if (slot >= 0)
		*at = (struct subpage){owner, address, slot};
	return slot < 0 ? slot : 0;
}

static int unmap(struct slots *slots, struct subpage *at)
{
	int ret = slots_remove(slots, at->slot);

	if (!ret)
		at->owner = NULL;
	return ret;
}

int subpages_remove(struct subpages *subpages, struct slots *slots, const void *owner)
{
	struct subpage *at = find(subpages, owner);

	return at ? unmap(slots, at) : 0;
}

int subpages_evict(struct subpages *subpages, struct slots *slots, const void *owner, uint64_t start,
		   uint64_t length)
{
	int ret = 0;

	for (unsigned i = 0; i < SUBPAGES_MAX && !ret; i++) {
		struct subpage *at = &subpages->at[i];

		if (at->owner && at->owner != owner && start < at->address + PAGE &&
		    start + (length - 1) >= at->address)
			ret = unmap(slots, at);
	}
	return ret;
}
