/* SPDX-License-Identifier: MIT */
/*
 * Which way the function interrupts: exactly one of none, INTx, MSI and MSI-X
 * (spec/vfio-pci.md, section 6). What the guest turns on last wins; when it
 * turns message interrupts off, the line is there again.
 */
#ifndef LIB_PCI_INTERRUPTS_MODE_H
#define LIB_PCI_INTERRUPTS_MODE_H

#include "lib/pci/function.h"

/** Leaves the mode that is on and enters another; MODE_INTX without a pin is MODE_NONE,
 * and so is any mode of a function that is not on. */
void mode_enter(struct lend_function *function, enum mode mode);

/** Hooks of MSI's and MSI-X's registers, and of COMMAND's interrupt disable bit (config.c). */
int msi_disable(struct lend_function *function);
void msi_enable(struct lend_function *function);
int msix_disable(struct lend_function *function);
void msix_enable(struct lend_function *function);
int intx_disable(struct lend_function *function);
void intx_enable(struct lend_function *function);

#endif
