/* SPDX-License-Identifier: MIT */
/*
 * What the kernel tells of a device while it is in use (spec 11): that it had an
 * uncorrectable error, or that the host wants it back. In both cases the function
 * is stopped, and the guest reads all ones from then on.
 */
#ifndef LIB_PCI_LIFE_NOTIFY_H
#define LIB_PCI_LIFE_NOTIFY_H

#include "lib/pci/function.h"

/** Asks for the notices that the device has; a failure is only a line of log. With the lock. */
void notify_start(struct lend_function *function);
/** Serves the bell of notice `kind`. With the lock (ledger/bell.h). */
void notify_rings(struct lend_function *function, unsigned kind);
/** Serves lend_function_fail(). With the lock. */
void notify_fail(struct lend_function *function);
/** Closes the eventfds. No callback may run any more. */
void notify_destroy(struct lend_function *function);

#endif
