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
/** No more calls of ours from the monitor's loop. Without the function's lock. */
void notify_stop(struct lend_function *function);

/** Whether the function still is what it was; any thread, no lock. */
static inline bool is_gone(const struct lend_function *function)
{
	return __atomic_load_n(&function->gone, __ATOMIC_ACQUIRE) != GONE_NOT;
}

#endif
