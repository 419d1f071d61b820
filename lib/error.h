/* SPDX-License-Identifier: MIT */
/* The sentence that goes with a negative errno, composed where the context is known. */
#ifndef LIB_ERROR_H
#define LIB_ERROR_H

#include "lend/types.h"

/** Writes the sentence into `error` (NULL: nowhere) and returns `code`. */
LEND_PRINTF(3, 4) int error_say(struct lend_error *error, int code, const char *format, ...);

#endif
