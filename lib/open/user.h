/* SPDX-License-Identifier: MIT */
/* Opening a device behind the socket of a server of vfio-user. */
#ifndef LIB_OPEN_USER_H
#define LIB_OPEN_USER_H

#include "lib/open/device.h"

/** Checks the fields of a configuration that names a socket, and sets its backend. */
int user_check(struct lend_device_config *config, struct lend_error *error);
int user_open(struct lend_space *space, const struct lend_device_config *config, struct lend_device **out,
	      struct lend_error *error);
/** The monitor's loop calls the session no more. Before the device is closed. */
void user_unwatch(struct lend_device *device);

#endif
