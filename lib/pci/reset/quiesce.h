/* SPDX-License-Identifier: MIT */
/* Stopping a function. */
#ifndef LIB_PCI_RESET_QUIESCE_H
#define LIB_PCI_RESET_QUIESCE_H

#include "lib/pci/function.h"

/** lend_function_quiesce(), with the lock held. */
void function_quiet(struct lend_function *function);

#endif
