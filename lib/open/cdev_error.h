/* SPDX-License-Identifier: MIT */
/* Why a device cannot be bound to an iommufd: one sentence with the cure. */
#ifndef LIB_OPEN_CDEV_ERROR_H
#define LIB_OPEN_CDEV_ERROR_H

#include "lend/host.h"

/** The bind of `host` failed with `code`; returns the errno to hand on. */
int cdev_say_bind(struct lend_context *context, const struct lend_host_device *host, int code, bool token,
		  struct lend_error *error);

#endif
