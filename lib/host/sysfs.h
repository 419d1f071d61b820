/* SPDX-License-Identifier: MIT */
/*
 * Small reads below a root directory (sysfs or procfs). What is read there is
 * short text; longer files are cut. Nothing here remembers anything.
 */
#ifndef LIB_HOST_SYSFS_H
#define LIB_HOST_SYSFS_H

#include <limits.h>

#include "lend/host.h"
#include "lib/context.h"

/** Joins the parts into `out`; -ENAMETOOLONG when they do not fit. */
LEND_PRINTF(2, 3) int sysfs_path(char out[PATH_MAX], const char *format, ...);

/** Reads dir/name into `out`, cut at size - 1, without the newline at its end. Bytes or negative errno. */
int sysfs_read(const char *dir, const char *name, char *out, size_t size);

/** Reads dir/name as a number (decimal, 0x… or negative). */
int sysfs_number(const char *dir, const char *name, long *out);

/** The last component of what the link dir/name points to. */
int sysfs_link(const char *dir, const char *name, char *out, size_t size);

/** What the link dir/name points to, as it is written. Bytes or negative errno. */
int sysfs_target(const char *dir, const char *name, char out[PATH_MAX]);

/** The whole file, a NUL added; NULL: not there, or more than a MiB. To be freed. `length` may be NULL. */
char *sysfs_load(const char *dir, const char *name, size_t *length);

/**
 * Calls `each` for the lines of the file dir/name, without the newline, until
 * one returns other than 0, which is returned. Of a file of any length only
 * one piece is in memory; a line that is longer than 64 KiB is cut into several. Negative errno: it was not
 * read as a whole.
 */
int sysfs_lines(const char *dir, const char *name, int (*each)(void *opaque, char *line), void *opaque);

/** The PCI function that a path of sysfs lies in: its last component that is an address. False: in none. */
bool sysfs_owner(const char *path, struct lend_bdf *out);

/** Calls `each` for the entries of a directory but "." and "..", until one returns other than 0. */
int sysfs_each(const char *dir, int (*each)(void *opaque, const char *name), void *opaque);

/** -1, 0, 1. */
int bdf_compare(const struct lend_bdf *a, const struct lend_bdf *b);

/** Fills `out` for the function at `bdf`; -ENODEV: there is none. */
int host_read_device(struct lend_context *context, const struct lend_bdf *bdf, struct lend_host_device *out);

/** Fills in the device's own node, from dir/vfio-dev; nothing when it has none. */
void host_read_node(const char *dir, struct lend_host_device *out);

/** Whether `path` is the directory of a mediated device; then fills `out`. 0, -ENODEV, -EINVAL: it is none.
 */
int host_find_mdev(const char *path, struct lend_host_device *out);

/** The group of the device in `dir`, -1: none. */
int host_read_group(const char *dir);

#endif
