/* SPDX-License-Identifier: MIT */
/*
 * What the kernel tells of a device while it runs (spec/vfio-pci.md, section
 * 11): an uncorrectable error, and that the host wants it back. Either ends the
 * function's work: it is stopped, and answers all ones from then on.
 */
#ifndef LIB_PCI_LIFE_NOTIFY_H
#define LIB_PCI_LIFE_NOTIFY_H

#include "lib/pci/function.h"

/** Listens, as far as the device can tell; a failure is a line of log. Before the function is in use. */
void notify_start(struct lend_function *function);
/** The kernel told of `kind`. With the lock (ledger/bell.h). */
void notify_rings(struct lend_function *function, unsigned kind);
/** Closes the eventfds, when no callback can run any more. */
void notify_destroy(struct lend_function *function);

#endif
