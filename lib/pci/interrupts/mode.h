/* SPDX-License-Identifier: MIT */
/*
 * The interrupt mode: none, INTx, MSI or MSI-X, one at a time (spec 6). If the
 * guest turns on a second one, it replaces the first. When the guest turns
 * message interrupts off, INTx is on again.
 */
#ifndef LIB_PCI_INTERRUPTS_MODE_H
#define LIB_PCI_INTERRUPTS_MODE_H

#include "lib/pci/function.h"

/**
 * Leaves the mode that is on and enters another. It becomes MODE_NONE if the
 * function is not on (LIFE_ON), if INTx has no pin, or if the kernel refuses.
 * With the lock.
 */
void mode_enter(struct lend_function *function, enum mode mode);

/** Hooks of the registers of MSI and MSI-X, and of interrupt disable in COMMAND (struct hooks). */
int msi_disable(struct lend_function *function);
void msi_enable(struct lend_function *function);
int msix_disable(struct lend_function *function);
void msix_enable(struct lend_function *function);
int intx_disable(struct lend_function *function);
void intx_enable(struct lend_function *function);

#endif
