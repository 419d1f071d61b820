/* SPDX-License-Identifier: MIT */
/*
 * Finding the host's devices in sysfs and procfs. No device is opened and nothing
 * is changed. Any thread may call these functions. Those that take a context read
 * files, and block for as long as the kernel does; the others do not block.
 */
#ifndef LEND_HOST_H
#define LEND_HOST_H

#include <sys/types.h>

#include "context.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A device of the host, as sysfs describes it. */
struct lend_host_device {
	struct lend_bdf bdf;
	char name[LEND_NAME_SIZE]; /* "0000:05:00.0"; of a mediated device, its UUID */
	char driver[64];           /* empty: none */
	int group;                 /* -1: no IOMMU group */
	uint16_t vendor, device;
	uint32_t class_code; /* 24 bits */
	bool is_bridge;      /* header type 1 */
	bool is_vf;
	bool is_dead;           /* it does not answer: its configuration header reads all ones */
	int numa_node;          /* -1: unknown */
	char reset_methods[64]; /* text of reset_method, as "flr bus"; empty: none, or not known */
	bool is_mdev;           /* a mediated device: ids, class and address are 0 */
	char vfio_node[16];     /* "vfio3": its node is /dev/vfio/devices/vfio3; empty: it has none */
	uint32_t node_major, node_minor; /* device number of that node */
};

/**
 * Parses an address: "0000:05:00.0", "05:00.0" (domain 0), or a sysfs path that
 * ends in one. -EINVAL: it is none of these.
 */
LEND_API int lend_bdf_parse(const char *text, struct lend_bdf *out);

/** Writes "DDDD:BB:DD.F" and a NUL to `out`: 13 bytes, and up to 16 if the domain has more digits. */
LEND_API void lend_bdf_format(const struct lend_bdf *bdf, char out[16]);

/** Bytes of a UUID, and characters of its text without the NUL. */
enum { LEND_UUID_SIZE = 16, LEND_UUID_TEXT = 36 };

/**
 * Parses "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" into bytes in the order of the text: the
 * name of a mediated device, or a VF token. -EINVAL: it is no such text.
 */
LEND_API int lend_uuid_parse(const char *text, uint8_t out[16]);

/**
 * Finds a device by its address, by a sysfs path that ends in one, or by the sysfs
 * path of a mediated device. -EINVAL: `address` is none of these; -ENODEV: there is
 * no such device. Both with a sentence.
 */
LEND_API int lend_host_find(struct lend_context *context, const char *address, struct lend_host_device *out,
			    size_t size, struct lend_error *error);

/**
 * Finds the device of which `fd` is the open node (/dev/vfio/devices/vfioN).
 * -ENOTTY: it is no such node; -EBADF: `fd` is not open; -ENODEV: the device is gone.
 * Each with a sentence.
 */
LEND_API int lend_host_find_fd(struct lend_context *context, int fd, struct lend_host_device *out,
			       size_t size, struct lend_error *error);

/**
 * Writes at most `max` members of an IOMMU group, `stride` bytes apart and ascending
 * by address, and returns how many there are. -ENOENT: there is no such group.
 */
LEND_API int lend_host_group(struct lend_context *context, int group, struct lend_host_device *out,
			     size_t max, size_t stride);

/** A process that holds a file open. */
struct lend_host_holder {
	pid_t pid;
	char command[64];
};

/**
 * Finds in procfs the first process, other than this one, that has `path` open (as
 * "/dev/vfio/7"). -ENOENT: there is none, or this user cannot see it.
 */
LEND_API int lend_host_holder(struct lend_context *context, const char *path, struct lend_host_holder *out,
			      size_t size);

/** Whether a driver, by its name, is vfio-pci or one that is built on it (mlx5_vfio_pci, ...). */
LEND_API bool lend_host_is_vfio(const char *driver);

#ifdef __cplusplus
}
#endif
#endif
