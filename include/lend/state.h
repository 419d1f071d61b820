/* SPDX-License-Identifier: MIT */
/*
 * The state of a function as bytes: what the guest programmed into it, and which
 * interrupts are pending. A monitor needs it to hand a function over to its
 * successor (a live update), or to write it to a file. The state of the device
 * itself is not in it.
 *
 * The bytes have the byte order of this computer, start with a version, and have no
 * pointers. A library reads the versions of all older libraries, and refuses newer
 * ones.
 */
#ifndef LEND_STATE_H
#define LEND_STATE_H

#include "function.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Bytes that lend_function_save() writes for any function. Any thread; does not block. */
LEND_API size_t lend_function_state_size(void);

/**
 * Writes the state to `buffer`, which has `size` bytes and any alignment. vCPUs must
 * be stopped. The device should not interrupt meanwhile: such an interrupt may be
 * missing in the state. Returns how many bytes were written. -ENOSPC: `size` is too
 * small; -ENODEV: the function is gone (lend_function_gone()); another error: the
 * device cannot be read. One thread for a function; time: see lend/function.h.
 */
LEND_API int lend_function_save(struct lend_function *function, void *buffer, size_t size);

/**
 * Makes the function what it was when `buffer` was saved: BARs are placed, interrupts
 * are on, and pending ones are delivered or stay pending as they were. The function is
 * quiesced before. The buffer is not trusted: bits that a guest cannot write are not
 * taken from it. vCPUs must be stopped. One thread for a function; time: see
 * lend/function.h.
 *
 * -EINVAL: it is no state, or cut short; -ENOTSUP: of a newer version;
 * -ENODEV: of another kind of device, or the function is gone
 * (lend_function_gone()), perhaps while it was loaded; each with a sentence. The
 * function is as it was, unless it is gone.
 */
LEND_API int lend_function_load(struct lend_function *function, const void *buffer, size_t size,
				struct lend_error *error);

#ifdef __cplusplus
}
#endif
#endif
