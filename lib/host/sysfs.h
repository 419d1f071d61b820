/* SPDX-License-Identifier: MIT */
/*
 * Reading small files of text below a folder of sysfs or procfs. Longer files are
 * cut. Nothing is stored between calls.
 */
#ifndef LIB_HOST_SYSFS_H
#define LIB_HOST_SYSFS_H

#include <limits.h>

#include "lend/host.h"
#include "lib/context.h"

/** Writes a path to `out`. -ENAMETOOLONG: it does not fit. */
LEND_PRINTF(2, 3) int sysfs_path(char out[PATH_MAX], const char *format, ...);

/** Reads dir/name to `out`, at most size - 1 bytes, without a newline at the end. Bytes or negative errno. */
int sysfs_read(const char *dir, const char *name, char *out, size_t size);

/** Reads dir/name as a number (decimal, 0x… or negative). 0 or negative errno. */
int sysfs_number(const char *dir, const char *name, long *out);

/** Reads the last component of the target of the link dir/name. 0 or negative errno. */
int sysfs_link(const char *dir, const char *name, char *out, size_t size);

/** Reads the target of the link dir/name as it is. Bytes or negative errno. */
int sysfs_target(const char *dir, const char *name, char out[PATH_MAX]);

/** Reads a whole file, and adds a NUL. The caller frees it. NULL: errno says why; above 1 MiB: EFBIG. */
char *sysfs_load(const char *dir, const char *name, size_t *length);

/**
 * Calls `each` for each line of dir/name, without the newline, until one returns not
 * 0; that is returned. The file may be of any length, since only a piece of it is in
 * memory; a line of more than 64 KiB comes in pieces. Negative errno: not all of it
 * was read.
 */
int sysfs_lines(const char *dir, const char *name, int (*each)(void *opaque, char *line), void *opaque);

/** Whether `word` is one of the words of `list`, which blanks separate. */
bool has_word(const char *list, const char *word);

/** The PCI function that a path of sysfs is in: its last component that is an address. False: in none. */
bool sysfs_owner(const char *path, struct lend_bdf *out);

/**
 * Calls `each` for each entry of a folder, but "." and "..", until one returns not 0;
 * that is returned. Negative errno: the folder cannot be listed.
 */
int sysfs_each(const char *dir, int (*each)(void *opaque, const char *name), void *opaque);

/** The order of two addresses: -1, 0 or 1. */
int bdf_compare(const struct lend_bdf *a, const struct lend_bdf *b);

/* An attribute of a device that is there and could not be read; `name` is NULL: there is none. */
struct unreadable {
	const char *name;
	int error; /* negative errno */
};

/**
 * Fills `out` for the function at `bdf`, and `unreadable`, which may be NULL. -ENODEV: there
 * is none; else why its folder cannot be looked at.
 */
int host_read_device(struct lend_context *context, const struct lend_bdf *bdf, struct lend_host_device *out,
		     struct unreadable *unreadable);

/** Fills in the device's own node from dir/vfio-dev, if it has one. */
void host_read_node(const char *dir, struct lend_host_device *out);

/** Fills `out` for the folder of a mediated device. -ENODEV: no such path; -EINVAL: it is none. */
int host_find_mdev(const char *path, struct lend_host_device *out);

/** The IOMMU group of the device whose folder is `dir`; -1: none. */
int host_read_group(const char *dir);

#endif
