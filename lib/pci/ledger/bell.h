/* SPDX-License-Identifier: MIT */
/*
 * Bells: what a callback of the monitor's loop gets as `opaque`, in place of the
 * function. A bell lies in memory of the context and outlives its function: the
 * next function uses it again. So a callback that comes too late reads memory
 * that is ours, finds no function, and does nothing.
 *
 * A callback does not wait for the function's lock: it runs on the loop that
 * serves the whole machine, and the holder of the lock may wait for the device
 * for a minute. It drains the eventfd, marks the bell, and returns. The holder
 * serves marked bells when it unlocks (lock.h).
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
 * What is done when a bell rings. With the lock; bell_take() tells what the
 * eventfd has counted. `number` is that of the vector, notice or write.
 */
struct rings {
	void (*served)(struct lend_function *function); /* no bell: the guest serves the line. No lock */
	void (*line)(struct lend_function *function);
	void (*timer)(struct lend_function *function);
	void (*notice)(struct lend_function *function, unsigned number);
	void (*ack)(struct lend_function *function, unsigned number);
	void (*vector)(struct lend_function *function, unsigned number);
	void (*company)(struct lend_function *function); /* MARK_COMPANY (lock.h) */
	void (*places)(struct lend_function *function);  /* MARK_PLACES */
	void (*fail)(struct lend_function *function);    /* MARK_FAIL */
};

/** Gives the function its bells. After vectors_init(). -ENOMEM. */
int bells_open(struct lend_function *function);
/**
 * Takes the bells away, and waits for a callback that runs: after it no callback
 * is in the function, nor will be. To be called after the monitor's settle,
 * without the function's lock, and not from a callback.
 */
void bells_close(struct lend_function *function);

/** The callback of all bells; `opaque` comes from bell_hand_out(). */
void bell_rings(void *opaque);
/** The `opaque` for a bell. Callbacks with one that was handed out before do nothing from now on. */
void *bell_hand_out(struct lend_function *function, unsigned bell);
/** Makes callbacks with the `opaque` that was handed out do nothing. */
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
/** Takes what the bell's eventfd `fd` has counted, with what was read of it before. With the lock. */
uint64_t bell_take(struct lend_function *function, unsigned bell, int fd);
/** Takes only what was read of it before. */
uint64_t bell_read_before(struct lend_function *function, unsigned bell);

/** Whether another function is in the same space. */
bool has_company(struct lend_function *function);
/** A function came to a space, or left it: each function there looks at its peers. Without any lock. */
void company_changed(struct lend_context *context, const struct lend_space *space);

/** Serves all bells that are marked. With the lock. */
void bells_serve(struct lend_function *function);

#endif
