/* SPDX-License-Identifier: MIT */
/* See guest_memory.h. */
#include <stdlib.h>
#include <sys/mman.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/guest_memory.h"

struct memory *guest_memory(uint64_t size)
{
	struct memory *memory = calloc(1, sizeof(*memory));

	assert_non_null(memory);
	memory->base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(memory->base != MAP_FAILED);
	memory->size = size;
	memory->piece_count = 1;
	memory->pieces[0].length = size;
	return memory;
}

void guest_memory_free(struct memory *memory)
{
	munmap(memory->base, memory->size);
	free(memory);
}
