/* SPDX-License-Identifier: MIT */
/* The library's copy of the monitor's host operations: no slot of it is NULL. */
#ifndef LIB_OPS_H
#define LIB_OPS_H

#include "lend/host_ops.h"

/**
 * Copies the monitor's table. Slots that are NULL, or do not lie within its `size`,
 * return -EOPNOTSUPP in the copy. -EINVAL: `given` is NULL, or its size has room for no
 * slot; -E2BIG: a slot is set that this library does not know.
 */
int ops_fill(struct lend_host_ops *out, const struct lend_host_ops *given);

#endif
