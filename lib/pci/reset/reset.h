/* SPDX-License-Identifier: MIT */
/* For the reset of one function: which ways are good, and whether it worked. */
#ifndef LIB_PCI_RESET_RESET_H
#define LIB_PCI_RESET_RESET_H

#include "lend/reset.h"
#include "lib/error.h"
#include "lib/pci/function.h"

/**
 * Decides whether the kernel's reset of the function is a good one (flr), or only
 * a change of the power state (pm_reset). Once, when the function is made.
 */
void reset_judge(struct lend_function *function);
/** Something beside the function has used the device: the kernel's reset at open is good no more. Any thread.
 */
void reset_is_due(struct lend_function *function);
/** Brings the device to D0: only then can it be reset and read. With the lock. */
void reset_wake(struct lend_function *function);

/**
 * Waits until no device of the set says that it is not ready yet: a second for
 * all of them together, which is what each has (PCI Express Base, 6.6.1).
 * Without any function's lock.
 */
void reset_wait_ready(struct lend_function **functions, size_t count);

/** Results of reset_check(): the device is as it should be; it does not answer. */
extern const char reset_good[];
extern const char reset_dead[];
/** Looks at the device after a reset: returns one of these two, or a sentence that says what is wrong. */
const char *reset_check(struct lend_function *function);

#endif
