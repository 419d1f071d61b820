/* SPDX-License-Identifier: MIT */
/* One sentence with a cure: why a device or its group cannot be opened. Each returns a negative errno. */
#ifndef LIB_OPEN_GROUP_ERROR_H
#define LIB_OPEN_GROUP_ERROR_H

#include "lend/host.h"

/** open() of `path`, a node of the device or its group, failed with errno `code` (positive). */
int group_say_open(struct lend_context *context, const struct lend_host_device *host, const char *path,
		   int code, struct lend_error *error);

/** The device `name` is in use (-EBUSY); the sentence names the process that has `path` open. */
int group_say_in_use(struct lend_context *context, const char *name, const char *path,
		     struct lend_error *error);

/**
 * The same, if `path` is the node that was tried: the process may have the device
 * by its other node, so both are looked at.
 */
int group_say_busy(struct lend_context *context, const struct lend_host_device *host, const char *path,
		   struct lend_error *error);

/** A driver of the host has another device of the group (-EPERM). */
int group_say_not_viable(struct lend_context *context, const struct lend_host_device *host,
			 struct lend_error *error);

/** Whether a driver of the host has another device of the group. */
bool group_is_blocked(struct lend_context *context, const struct lend_host_device *host);

/** The host has no IOMMU, or it is off. */
int group_say_no_iommu(const struct lend_host_device *host, struct lend_error *error);

/** The device is not bound to vfio-pci, or a driver built on it. */
int group_say_not_bound(struct lend_context *context, const struct lend_host_device *host,
			struct lend_error *error);

#endif
