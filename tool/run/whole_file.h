/* SPDX-License-Identifier: MIT */
/* A file of the user's that is read at once. */
#ifndef TOOL_RUN_WHOLE_FILE_H
#define TOOL_RUN_WHOLE_FILE_H

#include <stddef.h>

/**
 * Reads a regular file of `max` bytes at the most, into memory that the caller frees. 0 or a negative errno,
 * with nothing to free: -EFBIG: it is longer; -ENOEXEC: it is no regular file. A pipe or a device is not
 * waited for.
 */
int whole_file(const char *path, size_t max, void **bytes, size_t *length);

/** What a failure of whole_file() is called. */
const char *whole_file_text(int error);

#endif
