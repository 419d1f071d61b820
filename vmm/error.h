/* SPDX-License-Identifier: MIT */
/*
 * The sentence of an error, for the machine and the command: they stand on the public
 * headers alone and cannot use the library's own error_say().
 */
#ifndef VMM_ERROR_H
#define VMM_ERROR_H

#include "lend/types.h"

/** Writes a sentence to `error`, unless that is NULL, and returns `ret`. */
LEND_PRINTF(3, 4) int fail(struct lend_error *error, int ret, const char *format, ...);

#endif
