/* SPDX-License-Identifier: MIT */
/* Common to answers of the kernel: how much room they need, and lists that ascend. For lib/sys alone. */
#ifndef LIB_SYS_INFO_H
#define LIB_SYS_INFO_H

#include <stddef.h>
#include <stdint.h>

#include "lib/sys/vfio.h"

/**
 * Asks with the `size` bytes at `ask` (argsz first, set here), and again with as
 * much room as the answer says it needs. `*out` is the answer, to be freed, and
 * `*out_size` the bytes of it that are valid. -EPROTO: the need keeps growing
 * or passes 1 MiB.
 */
int sys_info(int fd, unsigned long request, const void *ask, size_t size, void **out, size_t *out_size);

/** Checks ranges: each must end at its start or after it, and before the next one starts; else -EPROTO. */
int sys_iova_ranges_check(const struct sys_iova_range *ranges, size_t count);

#endif
