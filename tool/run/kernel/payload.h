/* SPDX-License-Identifier: MIT */
/* What a bzImage holds: the compressed kernel, and how it is unpacked. */
#ifndef TOOL_RUN_KERNEL_PAYLOAD_H
#define TOOL_RUN_KERNEL_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PAYLOAD_MAX = 256 << 20, UNPACKED_MAX = 512 << 20 };

struct payload {
	uint64_t at, size; /* in the bzImage */
	uint64_t unpacked; /* bytes, as the image says */
};

/**
 * Finds the payload by the boot protocol's header. 0, or -ENOEXEC: the file is no bzImage, or none with a
 * payload whose sizes can be.
 */
int payload_find(int fd, struct payload *out);

/** Whether the format of these bytes is known. */
bool payload_is_known(const uint8_t *bytes, size_t length);

/**
 * Unpacks `size` bytes into exactly `room` bytes. 0; -EOPNOTSUPP: the format is not known, or its library is
 * not installed; -EBADMSG: the bytes are damaged, or of another size. `ready` is called when the library is
 * loaded, before it sees a byte; what it returns ends all.
 */
int payload_unpack(const uint8_t *bytes, size_t size, uint8_t *out, size_t room, int (*ready)(void));

#endif
