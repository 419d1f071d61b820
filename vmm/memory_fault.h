/* SPDX-License-Identifier: MIT */
/*
 * SIGBUS: a page under the guest has failed. The computer's memory has an
 * uncorrectable error there (BUS_MCEERR_AR: somebody read it, BUS_MCEERR_AO: it
 * was found in passing), or the file behind it has become shorter (BUS_ADRERR).
 *
 * A thread that only runs the guest, or waits, goes on after the signal: a note
 * is made, and the thread's owner ends the machine in order. Code of ours that
 * touches guest memory runs inside of memory_fault_guard(), which ends it at
 * the touch. Any other SIGBUS ends the process, as if there were no handler.
 */
#ifndef VMM_MEMORY_FAULT_H
#define VMM_MEMORY_FAULT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/** What one thread was told. Written by its signal handler. */
struct memory_note {
	volatile sig_atomic_t code; /* of the siginfo; 0: nothing happened */
	volatile sig_atomic_t
		inside; /* the thread is inside KVM_RUN, where a signal interrupts nothing of ours */
	void *volatile address;
	volatile uint8_t *stop; /* set to 1, so that the guest is not entered again; NULL: none */
	int wake;               /* an eventfd that is written to; -1: none */
};

/** Takes SIGBUS for the whole process. May be called again. */
void memory_fault_catch(void);

/** From now on the calling thread makes its notes in `note`; NULL: none any more. */
void memory_fault_watch(struct memory_note *note);

/**
 * Runs fn(opaque) and returns what it returns. If fn touches a page that
 * failed it is left there: -EFAULT, with `failed` filled. So fn must hold no
 * lock while it touches guest memory.
 */
int memory_fault_guard(int (*fn)(void *opaque), void *opaque, struct memory_note *failed);

/** What the signal's code means, for a sentence: "an uncorrectable error of the computer's memory". */
const char *memory_fault_text(int code);

#endif
