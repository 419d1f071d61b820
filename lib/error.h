/* SPDX-License-Identifier: MIT */
/*
 * The sentence of an error. It is written where it is known what went wrong with which
 * thing, and handed up with the negative errno. All of the library writes it by
 * error_say(). The machine and the command stand on the public headers alone and have
 * a function of their own (vmm/error.h).
 */
#ifndef LIB_ERROR_H
#define LIB_ERROR_H

#include "lend/types.h"

/** Writes a sentence to `error`, unless that is NULL, and returns `code`. */
LEND_PRINTF(3, 4) int error_say(struct lend_error *error, int code, const char *format, ...);

#endif
