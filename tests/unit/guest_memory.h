/* SPDX-License-Identifier: MIT */
/* Memory of a guest for tests that write to it and have no machine. */
#ifndef TESTS_UNIT_GUEST_MEMORY_H
#define TESTS_UNIT_GUEST_MEMORY_H

#include "vmm/memory.h"

enum { RAM = 64 << 20 };

/** One piece of memory from address 0 on, all zero. */
struct memory *guest_memory(uint64_t size);
void guest_memory_free(struct memory *memory);

#endif
