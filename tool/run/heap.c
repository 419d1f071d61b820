/* SPDX-License-Identifier: MIT */
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tool/run/heap.h"

/* LARGE is more than the buffer of opendir(), which is used often and for a short time. */
enum { LARGE = 48 << 10, MORE = 16 << 10, STACK = 1 << 20, OWN_FRAMES = 8 << 10 };

void heap_begin(void)
{
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, LARGE);
	mallopt(M_TRIM_THRESHOLD, LARGE);
	mallopt(M_TOP_PAD, MORE);
}

/* Nothing else is mapped so near below a process's stack: the kernel keeps more room than that free for it.
 */
static void trim_stack(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t end = ((uintptr_t)__builtin_frame_address(0) - OWN_FRAMES) & ~(page - 1);

	/* ENOMEM: the stack did not grow that far. */
	(void)madvise((void *)(end - STACK), STACK, MADV_DONTNEED);
}

void heap_trim(void)
{
	malloc_trim(0);
	trim_stack();
}
