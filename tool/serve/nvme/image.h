/* SPDX-License-Identifier: MIT */
/* The image behind the namespace: a raw file or a block device, through one io_uring. */
#ifndef TOOL_SERVE_NVME_IMAGE_H
#define TOOL_SERVE_NVME_IMAGE_H

#include <liburing.h>

#include "lend/types.h"
#include "tool/serve/nvme/disk.h"

struct nvme_image {
	struct nvme_disk disk; /* for the controller; `opaque` is this image */
	int fd;
	const struct nvme_format *format; /* that its bytes look like, though it is served as raw; or NULL */
	struct io_uring ring;
	struct __kernel_timespec time; /* of the one timer */
	uint64_t call_ns;              /* what a call of the kernel's costs */
};

/**
 * Opens and locks an image, and fills in `image`, which must not move then. `serial`
 * NULL: one that comes from the path. Errors, each with a sentence: -EBUSY: another
 * process has it locked, or the kernel uses it; -EEXIST: a loop device writes to it;
 * -EINVAL: it cannot be a disk; else what the kernel said.
 */
int nvme_image_open(struct nvme_image *image, const char *path, bool readonly, const char *serial,
		    struct lend_error *error);
/** Does nothing if it is not open: its fd is -1. */
void nvme_image_close(struct nvme_image *image);

/** Readable when a request is done. */
int nvme_image_fd(const struct nvme_image *image);
/** Makes it readable once. */
void nvme_image_wake(struct nvme_image *image);

/* uring.c */
int nvme_uring_open(struct nvme_image *image);
extern const struct nvme_disk_ops nvme_uring_ops;

#endif
