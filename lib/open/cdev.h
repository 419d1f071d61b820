/* SPDX-License-Identifier: MIT */
/* Devices opened by their own node and bound to the context's iommufd. */
#ifndef LIB_OPEN_CDEV_H
#define LIB_OPEN_CDEV_H

#include "lib/open/iommufd.h"

/** Writes the path of the node of `host` to `out`. */
void cdev_path(const struct lend_context *context, const struct lend_host_device *host, char out[PATH_MAX]);

/**
 * Opens the node of `host` (or duplicates config->fd), tells the hypervisor of
 * it, binds it to the iommufd and attaches it to the space. To undo it, call
 * cdev_detach(), close the descriptor, which a transport owns, and call
 * cdev_put(). Errors as lend_device_open_with().
 */
int cdev_get(struct lend_space *space, const struct lend_host_device *host,
	     const struct lend_device_config *config, struct lend_cdev **out, struct lend_error *error);

/** Moves it to another space; on failure it stays where it is. -ENOTRECOVERABLE: it is in none. */
int cdev_move(struct lend_cdev *cdev, struct lend_space *space, struct lend_error *error);

/** Takes it out of its space. Before its descriptor is closed. */
void cdev_detach(struct lend_cdev *cdev);
/** Frees it. After its descriptor was closed. */
void cdev_put(struct lend_cdev *cdev);

#endif
