/* SPDX-License-Identifier: MIT */
/*
 * Message interrupts: MSI and MSI-X (spec 4 and 4b). They differ in where a
 * vector's message and mask are (message.c), and in how VFIO is told of the
 * vectors (trigger.c).
 *
 * An interrupt goes from the device by VFIO, an eventfd and the hypervisor to
 * the guest. None of our code runs. A vector's eventfd is made when the guest
 * first unmasks the vector, and kept until the function is freed.
 *
 *  - Unmasked, the eventfd is attached to the vector's route.
 *  - Masked, it is detached, and counts what the device signals. The monitor's
 *    loop, an unmask, or a read of the PBA moves that count into the pending bit.
 *
 * VFIO is not told when a vector is masked or unmasked again.
 *
 * The loop watches the eventfd only while the vector is masked: else it would
 * wake up at each interrupt. A callback may come late, when the vector is
 * attached again. It must not take the count then, which is the hypervisor's.
 */
#ifndef LIB_PCI_INTERRUPTS_MESSAGES_H
#define LIB_PCI_INTERRUPTS_MESSAGES_H

#include "lib/pci/ledger/ledger.h"

/** Makes as many vectors as the larger capability has. -ENOMEM. */
int vectors_init(struct lend_function *function);
/** Closes the eventfds. Without the function's lock; nobody may be in the function. */
void vectors_destroy(struct lend_function *function);

/** Whether a vector is masked: by its own bit, by the mask of all, or because its mode is off. */
bool message_masked(const struct lend_function *function, unsigned vector);
/** The vector's message as the guest wrote it. */
void message_read(const struct lend_function *function, unsigned vector, uint64_t *address, uint32_t *data);

/** Attaches or detaches vectors [first, last] as their masks and messages are now (vector.c). */
void vectors_sync(struct lend_function *function, unsigned first, unsigned last);
/** Detaches all vectors, turns messages off in VFIO, frees the routes, clears the pending bits (vector.c). */
void vectors_off(struct lend_function *function);
/** Whether the vector's interrupts are delivered, by the hypervisor or by the loop. */
static inline bool vector_attached(const struct lend_function *function, const struct vector *vector)
{
	return vector->loop || is_out(function, OUT_IRQFD, vector->number);
}
/** Serves a vector's bell: its eventfd can be read. With the lock (ledger/bell.h). */
void vector_rings(struct lend_function *function, unsigned number);
/** Makes the vector's eventfd if it has none. */
int vector_open(struct lend_function *function, struct vector *vector);
/** Lets the loop watch the eventfd of a vector that is not attached. */
void vector_watch(struct lend_function *function, struct vector *vector);
/** Writes to the vector's eventfd, as the device would. */
void vector_signal(const struct vector *vector);

/** Moves what the eventfds of detached vectors [first, last] have counted into pending bits (pending.c). */
void pending_collect(struct lend_function *function, unsigned first, unsigned last);
/** Clears the vector's pending bit; returns whether it was set. */
bool pending_clear(struct lend_function *function, unsigned vector);
/** Clears all pending bits, because the mode is off. */
void pending_forget(struct lend_function *function);
/** Shows the guest the pending bits: in MSI's register, or by letting reads of the PBA trap. */
void pending_show(struct lend_function *function);

/** Turns MSI-X on in VFIO without an eventfd for any vector (trigger.c). */
void trigger_start(struct lend_function *function);
/** Turns MSI on in VFIO with all vectors; returns how many it gives, or a negative errno. */
int trigger_all(struct lend_function *function);
/** Gives VFIO the eventfds of those vectors in [first, last] that are attached and that it has not yet. */
void trigger_add(struct lend_function *function, unsigned first, unsigned last);

#endif
