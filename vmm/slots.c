/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "vmm/kvm.h"
#include "vmm/slots.h"

void slots_init(struct slots *slots, int vm, unsigned limit)
{
	pthread_mutex_init(&slots->lock, NULL);
	slots->vm = vm;
	slots->limit = limit < SLOTS_MAX ? limit : SLOTS_MAX;
}

static int find_free(const struct slots *slots)
{
	for (unsigned i = 0; i < slots->limit; i++)
		if (!slots->taken[i])
			return (int)i;
	return -ENOSPC;
}

static int add(struct slots *slots, uint32_t flags, gpa_t at, uint64_t size, const void *va)
{
	int slot, ret;

	pthread_mutex_lock(&slots->lock);
	slot = find_free(slots);
	ret = slot < 0 ? slot : hv_set_slot(slots->vm, (uint32_t)slot, flags, at.a, size, va);
	if (!ret) {
		slots->taken[slot] = true;
		slots->used++;
	}
	pthread_mutex_unlock(&slots->lock);
	return ret ? ret : slot;
}

int slots_add(struct slots *slots, gpa_t at, uint64_t size, const void *va)
{
	return add(slots, 0, at, size, va);
}

int slots_add_readonly(struct slots *slots, gpa_t at, uint64_t size, const void *va)
{
	return add(slots, KVM_MEM_READONLY, at, size, va);
}

int slots_remove(struct slots *slots, int slot)
{
	int ret;

	pthread_mutex_lock(&slots->lock);
	ret = hv_set_slot(slots->vm, (uint32_t)slot, 0, 0, 0, NULL);
	if (!ret) {
		slots->taken[slot] = false;
		slots->used--;
	}
	pthread_mutex_unlock(&slots->lock);
	return ret;
}
