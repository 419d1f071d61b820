/* SPDX-License-Identifier: MIT */
/* The MSI-X capability, and its table and PBA over a BAR (spec/vfio-pci.md, section 4). */
#ifndef LIB_PCI_INTERRUPTS_MSIX_H
#define LIB_PCI_INTERRUPTS_MSIX_H

#include "lib/pci/caps/capabilities.h"
#include "lib/pci/interrupts/messages.h"

/** The capability's setup (capabilities.h), before BARs are mapped. */
int msix_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error);
/** Puts the table where the user wants it (msix_move.c); -EINVAL: it cannot be there. */
int msix_move(struct lend_function *function, struct lend_error *error);
/** A BAR that the device has not, for msix_move(); LEND_DEVICE_BARS: there is none. */
unsigned msix_free_bar(const struct lend_function *function);
bool msix_overlaps(const struct msix *msix);
/** Puts table and PBA, where they are by now, over their BARs (window.h; msix_table.c). */
void msix_windows(struct lend_function *function);
/** `length` bytes, all of them inside the table or the PBA; `offset` is the BAR's. */
void msix_table_read(struct lend_function *function, uint64_t offset, uint8_t *bytes, unsigned length);
void msix_table_write(struct lend_function *function, uint64_t offset, const uint8_t *bytes, unsigned length);

/** Stores the bits of an entry that can be written; `at` counts from the table's start. */
void msix_table_store(struct lend_function *function, uint64_t at, const uint8_t *bytes, unsigned length);

#endif
