/* SPDX-License-Identifier: MIT */
/* The MSI-X capability, and its table and PBA in a BAR (spec 4). */
#ifndef LIB_PCI_INTERRUPTS_MSIX_H
#define LIB_PCI_INTERRUPTS_MSIX_H

#include "lib/pci/caps/capabilities.h"
#include "lib/pci/interrupts/messages.h"

/** The capability's setup (capabilities.h), before BARs are mapped. */
int msix_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error);
/** Moves table and PBA to the BAR that msix.to names (msix_move.c). -EINVAL: they cannot be there. */
int msix_move(struct lend_function *function, struct lend_error *error);
/** A BAR that the device does not have, for msix_move(); LEND_DEVICE_BARS: it has all. */
unsigned msix_free_bar(const struct lend_function *function);
/** Whether table and PBA overlap. */
bool msix_overlaps(const struct msix *msix);
/** Adds the windows of table and PBA to their BARs (msix_table.c). After the capabilities are set up. */
void msix_windows(struct lend_function *function);
/** Read or write `length` bytes of the table, all inside it; `offset` counts from the BAR's start. */
void msix_table_read(struct lend_function *function, uint64_t offset, uint8_t *bytes, unsigned length);
void msix_table_write(struct lend_function *function, uint64_t offset, const uint8_t *bytes, unsigned length);

/** Stores the bits that the guest may write, and does nothing else; `at` counts from the table's start. */
void msix_table_store(struct lend_function *function, uint64_t at, const uint8_t *bytes, unsigned length);

#endif
