/* SPDX-License-Identifier: MIT */
#ifndef LIB_BDF_H
#define LIB_BDF_H

#include "lend/types.h"

static inline bool bdf_equal(const struct lend_bdf *a, const struct lend_bdf *b)
{
	return a->domain == b->domain && a->bus == b->bus && a->device == b->device &&
	       a->function == b->function;
}

#endif
