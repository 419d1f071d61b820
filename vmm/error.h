/* SPDX-License-Identifier: MIT */
/* Leaves the sentence for a person in an error, and hands the errno on. */
#ifndef VMM_ERROR_H
#define VMM_ERROR_H

#include "lend/types.h"

LEND_PRINTF(3, 4) int fail(struct lend_error *error, int ret, const char *format, ...);

#endif
