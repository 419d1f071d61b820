/* SPDX-License-Identifier: MIT */
/* The slots of a transport for a device that is on no bus which it could share. */
#ifndef LIB_BACKEND_NO_BUS_H
#define LIB_BACKEND_NO_BUS_H

#include "lib/backend/backend.h"

/** Both return -ENODEV. */
int no_bus_info(void *dev, struct backend_hot_reset *out);
int no_bus_reset(void *dev, const int *fds, unsigned count);

#endif
