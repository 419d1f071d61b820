/* SPDX-License-Identifier: MIT */
/*
 * An image that the kernel itself writes to, as a loop device (mount -o loop): it heeds no
 * lock of a file, and two writers destroy a file system.
 */
#ifndef TOOL_SERVE_NVME_ATTACHED_H
#define TOOL_SERVE_NVME_ATTACHED_H

#include <stdbool.h>
#include <sys/stat.h>

enum { NVME_ATTACHED_NAME = 32 };

/**
 * Whether a loop device that can be written to stands on the file; `name`: its node.
 * `folder` has the block devices: /sys/block.
 */
bool nvme_attached_find(const char *folder, const struct stat *file, char name[NVME_ATTACHED_NAME]);

#endif
