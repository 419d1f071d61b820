/* SPDX-License-Identifier: MIT */
/* Why a device or its group cannot be had: one sentence with the cure. Each returns a negative errno. */
#ifndef LIB_OPEN_GROUP_ERROR_H
#define LIB_OPEN_GROUP_ERROR_H

#include "lend/host.h"

/** `path`, the group's node, could not be opened, with errno `code`. */
int group_say_open(struct lend_context *context, const struct lend_host_device *host, const char *path,
		   int code, struct lend_error *error);

/** The device `name` is in use (-EBUSY); `path`, the group's node, tells by whom. */
int group_say_in_use(struct lend_context *context, const char *name, const char *path,
		     struct lend_error *error);

/**
 * The same, where `path` is the node that was tried, and whoever has the device
 * may have it by the other one: its own, or its group's.
 */
int group_say_busy(struct lend_context *context, const struct lend_host_device *host, const char *path,
		   struct lend_error *error);

/** A sibling is in the hands of a driver of the host. */
int group_say_not_viable(struct lend_context *context, const struct lend_host_device *host,
			 struct lend_error *error);

/** Whether a driver of the host has another device of the group. */
bool group_is_blocked(struct lend_context *context, const struct lend_host_device *host);

/** The host has no IOMMU, or it is off. */
int group_say_no_iommu(const struct lend_host_device *host, struct lend_error *error);

/** The device is not bound to vfio-pci, or a driver built on it. */
int group_say_not_bound(struct lend_context *context, const struct lend_host_device *host,
			struct lend_error *error);

/** Whether the driver of a device is vfio-pci or a variant of it (mlx5_vfio_pci, ...). */
bool group_is_vfio_driver(const char *driver);

#endif
