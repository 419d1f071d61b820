/* SPDX-License-Identifier: MIT */
/* Devices opened by their own node and bound to the context's iommufd. */
#ifndef LIB_OPEN_CDEV_H
#define LIB_OPEN_CDEV_H

#include "lib/open/iommufd.h"

/** The node of `host` in `out`. */
void cdev_path(const struct lend_context *context, const struct lend_host_device *host, char out[PATH_MAX]);

/**
 * Opens the node of `host` (or takes config->fd), tells the hypervisor, binds
 * it and attaches it to the space. cdev_put() undoes all but the descriptor,
 * which a transport owns. Errors as lend_device_open_with().
 */
int cdev_get(struct lend_space *space, const struct lend_host_device *host,
	     const struct lend_device_config *config, struct lend_cdev **out, struct lend_error *error);

/** Takes it to another space; on failure it is where it was. -ENOTRECOVERABLE: nowhere. */
int cdev_move(struct lend_cdev *cdev, struct lend_space *space, struct lend_error *error);

/** To be called before its descriptor is closed. */
void cdev_detach(struct lend_cdev *cdev);
/** To be called behind the close. */
void cdev_put(struct lend_cdev *cdev);

#endif
