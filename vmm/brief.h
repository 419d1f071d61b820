/* SPDX-License-Identifier: MIT */
/*
 * A thread that ends before the guest runs, and its stack with it. Stacks that glibc makes are kept
 * for later threads, with all that was written in them, and no thread comes later.
 */
#ifndef VMM_BRIEF_H
#define VMM_BRIEF_H

#include <pthread.h>

struct brief {
	pthread_t thread;
	void *stack;
};

/** With `attributes`, if they are not NULL, which get the stack. 0 or negative errno. */
int brief_start(struct brief *brief, pthread_attr_t *attributes, void *(*run)(void *opaque), void *opaque);

/** Waits for its end, as long as its work takes. Once for each that was started. */
void brief_join(struct brief *brief);

#endif
