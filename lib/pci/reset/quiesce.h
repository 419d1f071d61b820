/* SPDX-License-Identifier: MIT */
/* Stopping a function. */
#ifndef LIB_PCI_RESET_QUIESCE_H
#define LIB_PCI_RESET_QUIESCE_H

#include "lib/pci/function.h"

/** The first pass, for one function: takes everything back, turns its bus master off. With the lock. */
void function_off(struct lend_function *function);
/** Both passes, for a set. Without any function's lock; waits at most 1 s. */
void functions_quiesce(struct lend_function **functions, size_t count);

#endif
