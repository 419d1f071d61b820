/* SPDX-License-Identifier: MIT */
/* Formats of images that are no raw ones. */
#ifndef TOOL_SERVE_NVME_FORMAT_H
#define TOOL_SERVE_NVME_FORMAT_H

#include <stdint.h>

/** What the bytes of a file look like, and what makes a raw image of it. */
struct nvme_format {
	const char *name, *cure;
};

/** NULL: they look like none that is known. `size`: that of the file, in bytes. */
const struct nvme_format *nvme_format_find(int fd, uint64_t size);

#endif
