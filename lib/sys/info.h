/* SPDX-License-Identifier: MIT */
/* Info ioctls whose answer grows with a capability chain. For lib/sys alone. */
#ifndef LIB_SYS_INFO_H
#define LIB_SYS_INFO_H

#include <stddef.h>
#include <stdint.h>

/**
 * Asks with the `size` bytes at `ask` (argsz first, set here), and again with as
 * much room as the answer says it needs. `*out` is the answer, to be freed, and
 * `*out_size` the bytes of it that are valid. -EPROTO: the need keeps growing
 * or passes 1 MiB.
 */
int sys_info(int fd, unsigned long request, const void *ask, size_t size, void **out, size_t *out_size);

#endif
