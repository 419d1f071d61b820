/* SPDX-License-Identifier: MIT */
/*
 * A file of the cache: the kernel, then the payload that it was unpacked from, then a trailer. The
 * payload is compared as a whole, so that no image can be made that gets the kernel of another one. The
 * kernel's own bytes have a checksum, against what disks and crashes do.
 */
#ifndef TOOL_RUN_KERNEL_ENTRY_H
#define TOOL_RUN_KERNEL_ENTRY_H

#include "tool/run/kernel/payload.h"

enum { ENTRY_NAME = 40 };

/** Whether nobody but this user can have written the open file or folder. */
bool entry_is_own(int fd, bool folder);

/** The name of the file for a payload, by what distinguishes most of them. 0 or a negative errno. */
int entry_name(int kernel, const struct payload *payload, char out[ENTRY_NAME]);

/** Whether a text of `length` bytes could be such a name. */
bool entry_is_name(const char *name, size_t length);

/** Whether the open file is a whole one for this payload. */
bool entry_is_right(int fd, int kernel, const struct payload *payload);

/** Unpacks into an empty file. As unpack(); -EBADMSG: what came of it is no kernel, or the image was cut. */
int entry_make(int fd, int kernel, const struct payload *payload);

/** The size of the file of a payload. */
uint64_t entry_size(const struct payload *payload);

#endif
