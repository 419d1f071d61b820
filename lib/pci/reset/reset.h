/* SPDX-License-Identifier: MIT */
/* What a reset needs to know of one function: which ways are good, and whether it worked. */
#ifndef LIB_PCI_RESET_RESET_H
#define LIB_PCI_RESET_RESET_H

#include "lend/reset.h"
#include "lib/error.h"
#include "lib/pci/function.h"

/** Decides, once, whether the kernel's reset of the function is a good one, or the power state alone. */
void reset_judge(struct lend_function *function);
/** Back to D0, in which alone a device can be reset and read. */
void reset_wake(struct lend_function *function);

/**
 * Waits until no device of the set says that it is not ready yet: a second for
 * all of them together, which is what each has (PCI Express Base, 6.6.1).
 * Without any function's lock.
 */
void reset_wait_ready(struct lend_function **functions, size_t count);

/** What is found after a reset: `reset_good`, or a sentence that says what is not. */
extern const char reset_good[];
/** All ones, or nothing: it is off its bus, or hangs. */
extern const char reset_dead[];
const char *reset_check(struct lend_function *function);

#endif
