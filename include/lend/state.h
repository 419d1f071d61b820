/* SPDX-License-Identifier: MIT */
/*
 * The state of a function as bytes: what the guest programmed into it, and
 * what is pending. It is what a monitor needs to give a function to its
 * successor (a live update), or to write it to a file. The device's own state
 * is not in it.
 *
 * The bytes are of this computer's byte order, start with a version, and have
 * no pointers. A library reads the versions of all older ones; a newer version
 * than it knows is refused.
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
 * Writes the state into `buffer`, which has `size` bytes and any alignment.
 * vCPUs must be stopped; interrupts that come meanwhile may be missing, so the
 * device should be quiet too. Returns how many bytes were written; -ENOSPC:
 * `size` is too small; -ENODEV: the function is gone (lend_function_gone());
 * another error: the device cannot be read.
 */
LEND_API int lend_function_save(struct lend_function *function, void *buffer, size_t size);

/**
 * Makes the function what it was when `buffer` was saved: BARs are placed,
 * interrupts are on, pending ones are delivered or wait as they did. What it
 * was before is quiesced first. The buffer is not trusted: bits that a guest
 * cannot write are not taken from it. vCPUs must be stopped.
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
