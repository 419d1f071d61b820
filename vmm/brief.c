/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/mman.h>

#include "vmm/brief.h"

/* The first pages stay without access: a stack that grows too far ends the process, and overwrites nothing.
 */
enum { STACK_SIZE = 1 << 20, GUARD = 64 << 10 };

static int start(struct brief *brief, pthread_attr_t *attributes, void *(*run)(void *opaque), void *opaque)
{
	char *low = (char *)brief->stack + GUARD;
	int ret = mprotect(low, STACK_SIZE, PROT_READ | PROT_WRITE) ? errno : 0;

	ret = ret ? ret : pthread_attr_setstack(attributes, low, STACK_SIZE);
	return ret ? ret : pthread_create(&brief->thread, attributes, run, opaque);
}

int brief_start(struct brief *brief, pthread_attr_t *attributes, void *(*run)(void *opaque), void *opaque)
{
	pthread_attr_t own;
	int ret;

	brief->stack = mmap(NULL, GUARD + STACK_SIZE, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
	if (brief->stack == MAP_FAILED)
		return -errno;
	pthread_attr_init(&own);
	ret = start(brief, attributes ? attributes : &own, run, opaque);
	pthread_attr_destroy(&own);
	if (ret)
		munmap(brief->stack, GUARD + STACK_SIZE);
	return -ret;
}

void brief_join(struct brief *brief)
{
	pthread_join(brief->thread, NULL);
	munmap(brief->stack, GUARD + STACK_SIZE);
}
