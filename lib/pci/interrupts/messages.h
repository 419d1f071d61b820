/* SPDX-License-Identifier: MIT */
/*
 * Message interrupts, MSI and MSI-X alike (spec/vfio-pci.md, sections 4 and 4b):
 * they differ in where a vector's message and mask stand (message.c), and in
 * how VFIO is told (trigger.c).
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
#ifndef LIB_PCI_INTERRUPTS_MESSAGES_H
#define LIB_PCI_INTERRUPTS_MESSAGES_H

#include "lib/pci/ledger/ledger.h"

/** Makes the vectors that the capabilities name; -ENOMEM. */
int vectors_init(struct lend_function *function);
/** Closes the eventfds; without the function's lock, when nobody is in the function. */
void vectors_destroy(struct lend_function *function);

/** Whether a vector may not signal now: its mode off, all masked, or its own mask bit. */
bool message_masked(const struct lend_function *function, unsigned vector);
/** The vector's message, as the guest wrote it. */
void message_read(const struct lend_function *function, unsigned vector, uint64_t *address, uint32_t *data);

/** Brings vectors [first, last] in line with their masks and messages (vector.c). */
void vectors_sync(struct lend_function *function, unsigned first, unsigned last);
/** Detaches all, turns VFIO's side off, frees the routes, forgets what is pending (vector.c). */
void vectors_off(struct lend_function *function);
/** Whether an interrupt of the vector is delivered: by the hypervisor, or by our loop. */
static inline bool vector_attached(const struct lend_function *function, const struct vector *vector)
{
	return vector->loop || is_out(function, OUT_IRQFD, vector->number);
}
/** Vector `number`'s eventfd can be read. With the lock (ledger/bell.h). */
void vector_rings(struct lend_function *function, unsigned number);
/** Makes the vector's eventfd, if it has none. */
int vector_open(struct lend_function *function, struct vector *vector);
/** Lets the loop see what a vector that is not attached signals. */
void vector_watch(struct lend_function *function, struct vector *vector);
/** Writes to the vector's eventfd, as the device would. */
void vector_signal(const struct vector *vector);

/** Turns what the eventfds of detached vectors [first, last] have counted into pending bits (pending.c). */
void pending_collect(struct lend_function *function, unsigned first, unsigned last);
/** Clears the vector's pending bit; whether it was set. */
bool pending_clear(struct lend_function *function, unsigned vector);
/** The mode is off: nothing is pending any more. */
void pending_forget(struct lend_function *function);
/** Shows the guest the pending bits: in MSI's register, or by trapping the device's own PBA. */
void pending_show(struct lend_function *function);

/** Turns VFIO's MSI-X on without any vector (trigger.c). */
void trigger_start(struct lend_function *function);
/** Turns VFIO's MSI on with all vectors; returns how many it gives, or negative errno. */
int trigger_all(struct lend_function *function);
/** Makes VFIO signal those vectors of [first, last] that are attached and that it does not signal yet. */
void trigger_add(struct lend_function *function, unsigned first, unsigned last);

#endif
