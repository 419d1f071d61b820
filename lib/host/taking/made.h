/* SPDX-License-Identifier: MIT */
/* What a driver made of a device, by which it is told that the device works. */
#ifndef LIB_HOST_TAKING_MADE_H
#define LIB_HOST_TAKING_MADE_H

#include "lib/host/sysfs.h"

enum made {
	MADE_INTERFACE = 1 << 0,  /* a network interface */
	MADE_CONTROLLER = 1 << 1, /* an NVMe controller that is live */
	MADE_DISK = 1 << 2,       /* a block device */
};

/** What there is of it now, of those that are in `wanted`: a sum of enum made. */
unsigned device_made(struct lend_context *context, const char *name, unsigned wanted);

/** The first of a sum, in words: "network interface". */
const char *made_word(unsigned made);

#endif
