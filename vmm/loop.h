/* SPDX-License-Identifier: MIT */
/*
 * The event loop of the machine: descriptors and their callbacks, on one
 * thread. Callbacks run one at a time, without any lock but `dispatch`.
 */
#ifndef VMM_LOOP_H
#define VMM_LOOP_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

typedef void (*loop_fn)(void *opaque);

struct loop_watch {
	struct loop_watch *next;
	uint64_t id; /* never used twice: an event of a watch that is gone finds nobody */
	int fd;
	loop_fn fn;
	void *opaque;
};

struct loop {
	int epoll;
	pthread_t thread; /* the one that runs the loop */
	bool running;
	pthread_mutex_t dispatch; /* held while a callback runs */
	pthread_mutex_t lock;     /* guards what is below; taken inside dispatch */
	uint64_t last_id;
	struct loop_watch *watches;
};

int loop_init(struct loop *loop);
void loop_free(struct loop *loop);

/** Watches fd for `events` (EPOLLIN, …; 0: hang-up alone). Any thread. -EEXIST: is watched. */
int loop_add(struct loop *loop, int fd, uint32_t events, loop_fn fn, void *opaque);
int loop_modify(struct loop *loop, int fd, uint32_t events);
/** No callbacks from now on, without waiting for one that runs: with locks held that it takes. */
void loop_mute(struct loop *loop, int fd);
/** No new calls of the callback, without waiting for one that runs. -ENOENT. */
int loop_forget(struct loop *loop, int fd);
/** Returns when no callback is running, or when a callback is the caller. */
void loop_settle(struct loop *loop);
/** Both: when it returns, the callback is not running, unless it is the caller. -ENOENT. */
int loop_remove(struct loop *loop, int fd);

/** Waits for one event and runs its callback. */
int loop_once(struct loop *loop);

#endif
