/* SPDX-License-Identifier: MIT */
#ifndef LIB_OPEN_RAW_CONFIG_H
#define LIB_OPEN_RAW_CONFIG_H

#include "lib/context.h"
#include "lib/open/device.h"

/**
 * Reads what sysfs shows of a device's config space: all of it for root, 64
 * bytes for everyone else. Returns how many bytes, 0 when there is no file.
 */
unsigned raw_config_read(struct lend_context *context, const char *name,
			 uint8_t bytes[PCI_CFG_SPACE_EXP_SIZE]);

#endif
