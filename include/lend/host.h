/* SPDX-License-Identifier: MIT */
/*
 * Discovery of the host's devices, from sysfs and procfs: no device is opened,
 * nothing is changed. Any thread. Those that take a context read files, and may
 * block for as long as the kernel does.
 */
#ifndef LEND_HOST_H
#define LEND_HOST_H

#include <sys/types.h>

#include "context.h"

#ifdef __cplusplus
extern "C" {
#endif

struct lend_host_device {
	struct lend_bdf bdf;
	char name[LEND_NAME_SIZE]; /* "0000:05:00.0"; of a mediated device, its UUID */
	char driver[64];           /* empty: none */
	int group;                 /* -1: no IOMMU group */
	uint16_t vendor, device;
	uint32_t class_code; /* 24 bits */
	bool is_bridge;      /* header type 1 */
	bool is_vf;
	int numa_node;          /* -1: unknown */
	char reset_methods[64]; /* "flr bus", empty: none or not known */
	bool is_mdev;           /* a mediated device: ids, class and address are 0 */
	char vfio_node[16];     /* "vfio3": it has the node /dev/vfio/devices/vfio3; empty: none */
	uint32_t node_major, node_minor;
};

/**
 * Reads an address: "0000:05:00.0", "05:00.0" (domain 0), or a sysfs path that
 * ends in one. -EINVAL when it is none.
 */
LEND_API int lend_bdf_parse(const char *text, struct lend_bdf *out);

/** Writes "DDDD:BB:DD.F" and its NUL (13 bytes, 16 for wide domains) into `out`. */
LEND_API void lend_bdf_format(const struct lend_bdf *bdf, char out[16]);

/**
 * Finds a device by its address, by a sysfs path that ends in one, or by the
 * sysfs path of a mediated device. -EINVAL: neither; -ENODEV: no such device.
 */
LEND_API int lend_host_find(struct lend_context *context, const char *address, struct lend_host_device *out,
			    size_t size, struct lend_error *error);

/**
 * Finds the device behind `fd`, the open node of a VFIO device
 * (/dev/vfio/devices/vfioN). -ENOTTY: the descriptor is none; -EBADF: closed;
 * -ENODEV: its device is gone.
 */
LEND_API int lend_host_find_fd(struct lend_context *context, int fd, struct lend_host_device *out,
			       size_t size, struct lend_error *error);

/**
 * The members of an IOMMU group, ascending by address: writes at most `max`,
 * returns how many there are, or -ENOENT.
 */
LEND_API int lend_host_group(struct lend_context *context, int group, struct lend_host_device *out,
			     size_t max, size_t stride);

/** A process that holds a file open. */
struct lend_host_holder {
	pid_t pid;
	char command[64];
};

/**
 * The first process, other than this one, that has `path` (for instance
 * "/dev/vfio/7") open, from procfs. -ENOENT: none, or not visible to this user.
 */
LEND_API int lend_host_holder(struct lend_context *context, const char *path, struct lend_host_holder *out,
			      size_t size);

/** Whether the driver of that name is vfio-pci or a variant of it (mlx5_vfio_pci, ...). */
LEND_API bool lend_host_is_vfio(const char *driver);

#ifdef __cplusplus
}
#endif
#endif
