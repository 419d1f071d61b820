/* SPDX-License-Identifier: MIT */
/*
 * Changing the host. An access to an attribute that may wait for a driver is made by a
 * helper process, which is left behind if it takes too long: the kernel cannot be told
 * to give up, and a process that waits in it cannot be ended.
 */
#ifndef LIB_HOST_TAKING_WRITE_H
#define LIB_HOST_TAKING_WRITE_H

#include "lib/host/sysfs.h"

/**
 * Writes `text` to an attribute. -ETIMEDOUT: the kernel did not return within the limit,
 * and may still carry the write out later.
 */
int host_write(struct lend_context *context, const char *path, const char *text, unsigned limit_ms);

/** Replaces a file as a whole: host_stage() and host_commit(). */
int host_replace(const char *path, const char *text);

/** Writes the file that is to replace another one beside it, as ".new". A failure leaves none. */
int host_stage(const char *path, const char *text);
/** Renames that file to the one that it replaces. A failure leaves the one that is there. */
int host_commit(const char *path);
/** Removes that file, which is not wanted any more. */
void host_discard(const char *path);

/** Gives a node to a user; its group and mode stay. */
int host_own(struct lend_context *context, const char *path, uid_t owner);

/** Reads an attribute, as sysfs_read() does. -ETIMEDOUT as above. */
int host_read(const char *dir, const char *name, char *out, size_t size, unsigned limit_ms);

#endif
