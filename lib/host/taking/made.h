/* SPDX-License-Identifier: MIT */
/* What a driver made of a device: it shows that the device works. */
#ifndef LIB_HOST_TAKING_MADE_H
#define LIB_HOST_TAKING_MADE_H

#include "lib/host/sysfs.h"

enum made {
	MADE_INTERFACE = 1 << 0,  /* a network interface */
	MADE_CONTROLLER = 1 << 1, /* an NVMe controller that is live */
	MADE_DISK = 1 << 2,       /* a block device */
};

/** Which of the things in `wanted` there are now. Both are sets of enum made. */
unsigned device_made(struct lend_context *context, const char *name, unsigned wanted);

/** The first of a set, in words: "network interface". */
const char *made_word(unsigned made);

#endif
