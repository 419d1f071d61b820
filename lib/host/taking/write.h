/* SPDX-License-Identifier: MIT */
/*
 * Changing the host: each access to an attribute that may wait for a driver is
 * made by a helper process, which is left behind when it takes too long. The
 * kernel cannot be told to give up, and whoever waits with it cannot be ended.
 */
#ifndef LIB_HOST_TAKING_WRITE_H
#define LIB_HOST_TAKING_WRITE_H

#include "lib/host/sysfs.h"

/**
 * Writes `text` to an attribute. -ETIMEDOUT: the kernel did not come back
 * within the limit, and may still do it later.
 */
int host_write(struct lend_context *context, const char *path, const char *text, unsigned limit_ms);

/** Makes a node a user's; its group and mode stay. */
int host_own(struct lend_context *context, const char *path, uid_t owner);

/** Reads an attribute, as sysfs_read() does. -ETIMEDOUT as above. */
int host_read(const char *dir, const char *name, char *out, size_t size, unsigned limit_ms);

#endif
