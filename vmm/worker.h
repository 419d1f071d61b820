/* SPDX-License-Identifier: MIT */
/*
 * One thread beside the event loop, for what takes as long as a device needs: opening one and closing
 * one. Jobs run one after the other, in the order in which they were given.
 */
#ifndef VMM_WORKER_H
#define VMM_WORKER_H

#include <pthread.h>
#include <stdbool.h>

#include "vmm/confine.h"

/** A job; its memory is the caller's, and may be freed by run(). */
struct job {
	void (*run)(void *opaque);
	void *opaque;
	struct job *next;
};

struct worker {
	pthread_t thread;
	bool started;
	const struct sock_fprog *calls; /* the system calls that the thread may make; NULL: all */
	pthread_mutex_t lock;           /* guards what is below */
	pthread_cond_t changed;
	bool running, ending;
	unsigned pending; /* jobs that were given and are not done */
	int unconfined;   /* why it could not be restricted to its calls */
	struct job *first, **last;
};

void worker_init(struct worker *worker);
/**
 * Starts the thread, unless it runs, and waits until it does, restricted to `calls`, which are not read
 * later. The sandbox lets none be made later. 0 or negative errno.
 */
int worker_start(struct worker *worker);
/** Gives a job; without a thread it runs at once. */
void worker_give(struct worker *worker, struct job *job);
/** Waits until all jobs are done that were given. As long as they take. */
void worker_settle(struct worker *worker);
/** Ends the thread when it has done all jobs. */
void worker_end(struct worker *worker);

#endif
