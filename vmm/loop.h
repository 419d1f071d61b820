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
	uint64_t id; /* never used twice, so that a late event of a removed watch finds none */
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
/**
 * No new calls of the callback; the watch stays. Does not wait for a call that
 * runs, so the caller may hold locks that the callback takes.
 */
void loop_mute(struct loop *loop, int fd);
/** Removes the watch: no new calls. Does not wait for a call that runs. -ENOENT: fd is not watched. */
int loop_forget(struct loop *loop, int fd);
/** Waits until no callback runs. On the loop's own thread it returns at once. */
void loop_settle(struct loop *loop);
/**
 * loop_forget(), then loop_settle(): the callback does not run any more,
 * unless it is the caller. -ENOENT.
 */
int loop_remove(struct loop *loop, int fd);

/** Waits for one event and runs its callback. */
int loop_once(struct loop *loop);

#endif
