/* SPDX-License-Identifier: MIT */
/*
 * MSI-X (spec/vfio-pci.md, section 4).
 *
 * An interrupt goes device, VFIO, eventfd, hypervisor, guest; none of our code
 * runs. A vector's eventfd is made at its first unmask and kept until the
 * function is freed. Unmasked, it is attached to the vector's route. Masked, it
 * is detached and what the device signals stays counted in it: the monitor's
 * loop, or an unmask, or a read of the PBA drains it into the pending bit.
 * VFIO's side does not change when a vector is masked or unmasked again.
 *
 * Watched is a vector only while it is masked: a watch on an attached eventfd
 * would wake the loop's thread at each interrupt. A callback may come late,
 * when the vector is attached again: what is counted then is the hypervisor's.
 */
#ifndef LIB_PCI_MSIX_H
#define LIB_PCI_MSIX_H

#include "lib/pci/capabilities.h"
#include "lib/pci/function.h"

/** The capability's setup (capabilities.h), before BARs are mapped. */
int msix_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error);
/** Closes the eventfds; without the function's lock, when nobody is in the function. */
void msix_destroy(struct lend_function *function);

/** Hooks of the message control register. */
int msix_quiet(struct lend_function *function);
void msix_live(struct lend_function *function);

/** Whether a vector may not signal now: MSI-X off, all masked, or its own mask bit. */
bool msix_masked(const struct lend_function *function, unsigned vector);

/** Brings vectors [first, last] in line with their masks (vector.c). */
void vectors_sync(struct lend_function *function, unsigned first, unsigned last);
/** Detaches all, turns VFIO's side off, frees the routes, forgets what is pending (vector.c). */
void vectors_off(struct lend_function *function);
/** Writes to the vector's eventfd, as the device would. */
void vector_signal(const struct vector *vector);

/** Turns what the eventfds of detached vectors [first, last] have counted into pending bits (pending.c). */
void pending_collect(struct lend_function *function, unsigned first, unsigned last);
/** Clears the vector's pending bit; whether it was set. */
bool pending_clear(struct lend_function *function, unsigned vector);
/** MSI-X is off: nothing is pending any more. */
void pending_forget(struct lend_function *function);
/** Withdraws the device's own PBA from the direct areas while a bit of ours is set, and shows it again. */
void pending_show(struct lend_function *function);

/** Turns VFIO's MSI-X on without any vector (trigger.c). */
void trigger_start(struct lend_function *function);
/** Makes VFIO signal those vectors of [first, last] that are attached and that it does not signal yet. */
void trigger_add(struct lend_function *function, unsigned first, unsigned last);
void trigger_off(struct lend_function *function);

/** The virtual table and PBA inside a BAR (msix_table.c). */
enum overlay { OVERLAY_NONE, OVERLAY_TABLE, OVERLAY_PBA };
/** What is at `offset` of a BAR; `*end`: where that ends. */
enum overlay msix_overlay(const struct lend_function *function, unsigned bar, uint64_t offset, uint64_t *end);
/** `length` bytes, all of them inside the table or the PBA; `offset` is the BAR's. */
void msix_table_read(struct lend_function *function, uint64_t offset, uint8_t *bytes, unsigned length);
void msix_table_write(struct lend_function *function, uint64_t offset, const uint8_t *bytes, unsigned length);
/** Adds our pending bits to the device's, which `bytes` has. */
void msix_pba_read(struct lend_function *function, uint64_t offset, uint8_t *bytes, unsigned length);

#endif
