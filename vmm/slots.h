/* SPDX-License-Identifier: MIT */
/* Memory slots of KVM: numbers given out, taken back and counted. */
#ifndef VMM_SLOTS_H
#define VMM_SLOTS_H

#include <pthread.h>
#include <stdbool.h>

#include "vmm/gpa.h"

enum { SLOTS_MAX = 4096 };

struct slots {
	pthread_mutex_t lock; /* guards what is below; held over the ioctl */
	int vm;
	unsigned limit, used;
	bool taken[SLOTS_MAX];
};

/** `limit` is what KVM says (KVM_CAP_NR_MEMSLOTS). */
void slots_init(struct slots *slots, int vm, unsigned limit);

/** Shows [va, va + size) to the guest at `at`. Returns the slot's number, -ENOSPC, -EEXIST (overlap), … */
int slots_add(struct slots *slots, gpa_t at, uint64_t size, const void *va);

/** As slots_add(); reads are those of memory, and a write leaves the guest. -EINVAL: KVM cannot do that. */
int slots_add_readonly(struct slots *slots, gpa_t at, uint64_t size, const void *va);

/** -errno: KVM keeps it, so the guest still has the memory there, and the number is not given out again. */
int slots_remove(struct slots *slots, int slot);

#endif
