/* SPDX-License-Identifier: MIT */
/* Stopping a function, and what is known of resetting it. */
#ifndef LIB_PCI_QUIESCE_H
#define LIB_PCI_QUIESCE_H

#include "lib/pci/function.h"

/** lend_function_quiesce(), with the lock held. */
void function_quiet(struct lend_function *function);

/** Whether a reset that the kernel made when the device was opened is a good one (reset.c). */
void reset_judge(struct lend_function *function);

#endif
