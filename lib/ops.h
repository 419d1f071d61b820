/* SPDX-License-Identifier: MIT */
/* The monitor's operations as the library keeps them: a full table, no slot NULL. */
#ifndef LIB_OPS_H
#define LIB_OPS_H

#include "lend/host_ops.h"

/**
 * Copies what the monitor gave; slots that are absent or beyond its `size`
 * answer -EOPNOTSUPP. -EINVAL: NULL, or a size that holds no slot.
 */
int ops_fill(struct lend_host_ops *out, const struct lend_host_ops *given);

#endif
