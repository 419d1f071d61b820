/* SPDX-License-Identifier: MIT */
/*
 * A function's lock. It may be held for as long as the device takes: a write that
 * resets the device lasts up to a minute. So a callback of the monitor's loop
 * does not wait for it. It leaves a mark, and the holder of the lock does the
 * marked work when it unlocks.
 */
#ifndef LIB_PCI_LEDGER_LOCK_H
#define LIB_PCI_LEDGER_LOCK_H

#include "lib/pci/function.h"

/** Marks: work for the holder of the lock. */
enum {
	MARK_BELLS = 1,   /* serve the bells that rang (bell.h) */
	MARK_COMPANY = 2, /* another function came to the space, or left it */
	MARK_EVENTS = 4,  /* send function->events, without the lock */
	MARK_PLACES = 8,  /* a BAR that was hidden may have its place now */
	MARK_FAIL = 16,   /* the monitor stops the function as an error does */
};

/** Events for the monitor, with all that sending them needs: the function may be freed by then. */
struct events {
	const struct lend_host_ops *ops;
	void *host, *peer;
	unsigned set; /* bit n: enum lend_event n */
	bool served;  /* the device is behind a socket */
};

static inline void function_lock(struct lend_function *function)
{
	pthread_mutex_lock(&function->lock);
}

static inline bool function_trylock(struct lend_function *function)
{
	return !pthread_mutex_trylock(&function->lock);
}

/** Does the marked work, unless somebody else has the lock, and adds the events to be sent to `out`. */
void function_serve(struct lend_function *function, struct events *out);
/** Unlocks, and then does the same. */
void function_leave(struct lend_function *function, struct events *out);
/** Leaves a mark, and then does the same. */
void function_mark(struct lend_function *function, unsigned mark, struct events *out);
/** Sends the events. Without any lock; the function is not looked at. */
void events_send(const struct events *events);

/** function_serve() and events_send(). */
void function_serve_and_send(struct lend_function *function);

/**
 * Unlocks, and then does the work that was marked meanwhile. The marks are read
 * by adding 0, for the order of memory: either the one who left a mark finds the
 * lock free, or we find the mark.
 */
static inline void function_unlock(struct lend_function *function)
{
	pthread_mutex_unlock(&function->lock);
	if (__builtin_expect(__atomic_fetch_add(&function->marks, 0, __ATOMIC_ACQ_REL) != 0, 0))
		function_serve_and_send(function);
}

/** Notes an event that is sent when the lock is released. With the lock. */
void event_later(struct lend_function *function, enum lend_event event);

#endif
