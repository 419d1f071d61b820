/* SPDX-License-Identifier: MIT */
#ifndef TOOL_RUN_READ_ALL_H
#define TOOL_RUN_READ_ALL_H

#include <stddef.h>
#include <stdint.h>

/**
 * Reads `length` bytes of a file from `at` on. Never mapped: another user may own the file, and change or
 * cut it meanwhile. 0, or a negative errno; -EBADMSG: the file ends before.
 */
int read_all(int fd, void *bytes, size_t length, uint64_t at);

#endif
