/* SPDX-License-Identifier: MIT */
/*
 * What the machine tells its keeper. Nobody waits for a keeper that does not read: what the socket has
 * no room for is kept here, in its order, and goes out when there is room. All functions but
 * outbox_init(), outbox_drain() and outbox_free() are for any thread.
 */
#ifndef TOOL_RUN_OUTBOX_H
#define TOOL_RUN_OUTBOX_H

#include <pthread.h>

#include "tool/run/control.h"

/* What becomes of a message that cannot go at once. */
enum outbox_rule {
	OUTBOX_LINE,  /* it is left out and counted */
	OUTBOX_STATE, /* it takes the place of the one of its type that waits: the last one counts */
	OUTBOX_EVENT, /* it waits, if fewer than OUTBOX_EVENTS do: a guest may make them; else as a line */
	OUTBOX_ROW,   /* it waits, if fewer than OUTBOX_ROWS messages do; else it is refused */
	OUTBOX_LAST,  /* it waits: the keeper asked for it, or it comes once for each device */
};

enum { OUTBOX_EVENTS = 1024, OUTBOX_ROWS = 8192 };

struct outbox_entry;

struct outbox {
	int fd, room;         /* the socket; an epoll descriptor, readable when the socket has room again */
	pthread_mutex_t lock; /* guards what is below */
	struct outbox_entry *first, **last;
	unsigned count, events; /* that wait, and those of OUTBOX_EVENT among them */
	unsigned long lost;     /* that were left out */
};

/** `fd` stays the caller's. 0 or negative errno; outbox_free() is to be called in any case. */
int outbox_init(struct outbox *outbox, int fd);
void outbox_free(struct outbox *outbox);

/**
 * Tells the keeper. Never blocks. 0: it is sent or waits; -EAGAIN: neither, and it counts as lost unless
 * it is a row; another negative errno: the keeper is gone.
 */
int outbox_put(struct outbox *outbox, enum outbox_rule rule, const struct control_message *message);

/** The descriptor to poll for reading, and what to do then. */
int outbox_fd(const struct outbox *outbox);
void outbox_serve(struct outbox *outbox);

/** Waits until all is sent, or the keeper is gone. */
void outbox_drain(struct outbox *outbox);

/** How many messages were left out. */
unsigned long outbox_lost(struct outbox *outbox);

#endif
