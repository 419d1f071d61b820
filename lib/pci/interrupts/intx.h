/* SPDX-License-Identifier: MIT */
/*
 * The line interrupt (spec 5). VFIO masks the line when it signals. Somebody has
 * to unmask it when the guest has served the device. There are two ways:
 *
 * The bypass. The hypervisor takes the signal. At the guest's end of interrupt
 * it signals the resample eventfd, by which VFIO unmasks the line. No code of
 * ours runs.
 *
 * The loop. It raises the line and withholds the direct areas of all BARs. The
 * guest's next access to a BAR then traps, and is the sign that the guest serves
 * the device: the line is lowered and unmasked. When no interrupt has come for a
 * while, a timer gives the direct areas back.
 */
#ifndef LIB_PCI_INTERRUPTS_INTX_H
#define LIB_PCI_INTERRUPTS_INTX_H

#include "lib/pci/function.h"

/** Reads the pin. Before the function is in use. */
void intx_setup(struct lend_function *function);
/** Turns the line on. Negative errno: there is no interrupt, and the mode is MODE_NONE. With the lock. */
int intx_on(struct lend_function *function);
/** Turns it off; the mode is MODE_NONE then. With the lock. */
void intx_off(struct lend_function *function);
/** Serves the line's bell: its eventfd can be read. With the lock (ledger/bell.h). */
void intx_rings(struct lend_function *function);
/** Serves the timer's bell: BARs were withheld for long enough. With the lock. */
void intx_held(struct lend_function *function);
/** Closes the eventfds. No callback may run any more. */
void intx_destroy(struct lend_function *function);
/** The guest accessed a BAR while a signal was pending, so it serves the device. Without the lock. */
void intx_served(struct lend_function *function);

#endif
