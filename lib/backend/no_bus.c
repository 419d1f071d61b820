/* SPDX-License-Identifier: MIT */
/* See no_bus.h. */
#include <errno.h>

#include "lib/backend/no_bus.h"

int no_bus_info(void *dev, struct backend_hot_reset *out)
{
	(void)dev;
	*out = (struct backend_hot_reset){0};
	return -ENODEV;
}

int no_bus_reset(void *dev, const int *fds, unsigned count)
{
	(void)dev, (void)fds, (void)count;
	return -ENODEV;
}

int no_doorbells(void *dev, unsigned region, struct backend_doorbell *out, unsigned max)
{
	(void)dev, (void)region, (void)out, (void)max;
	return 0;
}
