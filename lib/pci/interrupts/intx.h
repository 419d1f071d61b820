/* SPDX-License-Identifier: MIT */
/*
 * The line interrupt (spec/vfio-pci.md, section 5). VFIO masks the line when it
 * signals, and somebody has to unmask it when the guest has served the device.
 *
 * Two ways. With the bypass the hypervisor takes the signal and, at the guest's
 * end of interrupt, signals the resample eventfd, which VFIO takes as unmask:
 * no code of ours runs. Without it our loop raises the line, withdraws the
 * direct areas of all BARs, and takes the guest's next trapped access as the
 * sign that the device is being served: lowers the line and unmasks. A timer
 * gives the direct areas back when the interrupts have stopped.
 */
#ifndef LIB_PCI_INTERRUPTS_INTX_H
#define LIB_PCI_INTERRUPTS_INTX_H

#include "lib/pci/function.h"

/** Reads the pin. */
void intx_setup(struct lend_function *function);
/** Enters the mode; negative errno: there is no interrupt. Leaves it. Both with the lock. */
int intx_on(struct lend_function *function);
void intx_off(struct lend_function *function);
/** The line's eventfd can be read; the hold is over. Both with the lock (ledger/bell.h). */
void intx_rings(struct lend_function *function);
void intx_held(struct lend_function *function);
/** Closes the eventfds, when no callback can run any more. */
void intx_destroy(struct lend_function *function);
/** After a trapped BAR access, while a signal is pending: the guest serves the device. Without the lock. */
void intx_served(struct lend_function *function);

#endif
