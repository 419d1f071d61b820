/* SPDX-License-Identifier: MIT */
/* The slots of a transport for what a kind of device does not have: a bus that it could share, doorbells. */
#ifndef LIB_BACKEND_NO_BUS_H
#define LIB_BACKEND_NO_BUS_H

#include "lib/backend/backend.h"

/** Both return -ENODEV. */
int no_bus_info(void *dev, struct backend_hot_reset *out);
int no_bus_reset(void *dev, const int *fds, unsigned count);
/** None. */
int no_doorbells(void *dev, unsigned region, struct backend_doorbell *out, unsigned max);

#endif
