/* SPDX-License-Identifier: MIT */
/*
 * A function's lock. It may be held as long as the device takes: a write that
 * resets it lasts a minute at worst. So a callback of the monitor's loop never
 * waits for it, but leaves a mark, and whoever holds the lock does what is
 * marked when he unlocks.
 */
#ifndef LIB_PCI_LEDGER_LOCK_H
#define LIB_PCI_LEDGER_LOCK_H

#include "lib/pci/function.h"

/** What a holder is to do. */
enum {
	MARK_BELLS = 1,   /* bells that rang (bell.h) */
	MARK_COMPANY = 2, /* another function came to the space, or went */
	MARK_EVENTS = 4,  /* function->events, which are sent without the lock */
};

/** Events for the monitor, and how to send them when the function may be gone. */
struct events {
	const struct lend_host_ops *ops;
	void *host, *peer;
	unsigned set; /* bit n: enum lend_event n */
};

static inline void function_lock(struct lend_function *function)
{
	pthread_mutex_lock(&function->lock);
}

static inline bool function_trylock(struct lend_function *function)
{
	return !pthread_mutex_trylock(&function->lock);
}

/** Does what is marked, if nobody else has the lock; adds the events that are to be sent. */
void function_serve(struct lend_function *function, struct events *out);
/** Unlocks, and serves. */
void function_leave(struct lend_function *function, struct events *out);
/** Leaves a mark, and serves it if nobody has the lock. */
void function_mark(struct lend_function *function, unsigned mark, struct events *out);
/** Without any lock. The function is not looked at. */
void events_send(const struct events *events);

/** Serves, and sends. */
void function_serve_and_send(struct lend_function *function);

/**
 * Unlocks; then does what was marked meanwhile. What adds 0 is there for its
 * order: either who marks sees the lock as free, or we see the mark.
 */
static inline void function_unlock(struct lend_function *function)
{
	pthread_mutex_unlock(&function->lock);
	if (__builtin_expect(__atomic_fetch_add(&function->marks, 0, __ATOMIC_ACQ_REL) != 0, 0))
		function_serve_and_send(function);
}

/** An event, to be sent when the lock is released. With the lock. */
void event_later(struct lend_function *function, enum lend_event event);

#endif
