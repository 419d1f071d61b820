/* SPDX-License-Identifier: MIT */
/*
 * Bells: what the monitor's loop calls us by. A watch, or the timer, is given a
 * bell and never the function. Bells lie in memory of the context: those of a
 * function that was freed are there for the next one, so that a call that comes
 * too late reads memory that is ours, and finds nobody.
 *
 * A function whose lock is taken is not waited for: the caller may be the loop
 * of the whole machine, and the holder may wait for the device for a minute.
 * The bell is drained and marked then, and the holder serves it when it unlocks
 * (lock.h).
 */
#ifndef LIB_PCI_LEDGER_BELL_H
#define LIB_PCI_LEDGER_BELL_H

#include "lib/pci/function.h"

/** The numbers of a function's bells. */
enum {
	BELL_LINE,
	BELL_TIMER,
	BELL_NOTICE,                                        /* + NOTIFY_ERROR, NOTIFY_REQUEST */
	BELL_ACK = BELL_NOTICE + NOTIFY_COUNT,              /* + number of the learned write */
	BELL_VECTOR = BELL_ACK + LEARN_MIRRORS * LEARN_MAX, /* + vector */
};

/**
 * What is done when a bell rings, with the lock; what its eventfd counted is
 * bell_take()'s to tell. `number` is that of the vector, notice or write.
 */
struct rings {
	void (*served)(struct lend_function *function); /* without the lock: the guest serves its line */
	void (*line)(struct lend_function *function);
	void (*timer)(struct lend_function *function);
	void (*notice)(struct lend_function *function, unsigned number);
	void (*ack)(struct lend_function *function, unsigned number);
	void (*vector)(struct lend_function *function, unsigned number);
	void (*company)(struct lend_function *function); /* MARK_COMPANY (lock.h) */
};

/** Bells for the function, whose vectors are known by now: -ENOMEM. */
int bells_open(struct lend_function *function);
/**
 * Nobody is called any more; waits for one that is. The monitor has settled,
 * and the function's lock is not held. Not from within a callback of it.
 */
void bells_close(struct lend_function *function);

/** The callback for all of them; `opaque` is bell_hand_out()'s. */
void bell_rings(void *opaque);
/** What a monitor's operation is given for the bell: calls with what was given before find nobody. */
void *bell_hand_out(struct lend_function *function, unsigned bell);
/** The same, with nothing in its place. */
void bell_silence(struct lend_function *function, unsigned bell);

/** The bell's eventfd; -1: it has none. */
static inline int bell_fd(struct lend_function *function, unsigned bell)
{
	/* A board has room for more vectors than its function may have. */
	if (bell >= BELL_VECTOR)
		return bell - BELL_VECTOR < function->messages.room
			       ? function->messages.vectors[bell - BELL_VECTOR].fd
			       : -1;
	if (bell == BELL_LINE)
		return function->intx.fd;
	if (bell == BELL_TIMER)
		return -1;
	if (bell < BELL_ACK)
		return function->notify[bell - BELL_NOTICE];
	return learned_at(&function->quirks, bell - BELL_ACK)->fd;
}
/** What the bell's eventfd, `fd`, has counted, and what was read of it before: taken. With the lock. */
uint64_t bell_take(struct lend_function *function, unsigned bell, int fd);
/** Only what was read of it before. */
uint64_t bell_read_before(struct lend_function *function, unsigned bell);

/** Whether there is another function in its space. */
bool has_company(struct lend_function *function);
/** A function came to a space, or went: each that is there now looks at its peers. Without any lock. */
void company_changed(struct lend_context *context, const struct lend_space *space);

/** Serves all bells that are marked. With the lock. */
void bells_serve(struct lend_function *function);

#endif
