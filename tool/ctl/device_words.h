/* SPDX-License-Identifier: MIT */
/* A device as a person writes it, for device_add. */
#ifndef TOOL_CTL_DEVICE_WORDS_H
#define TOOL_CTL_DEVICE_WORDS_H

#include <jansson.h>

#include "lend/types.h"

enum { CTL_ID_SIZE = 64 };

/**
 * Makes the arguments of device_add: of what -device takes ("vfio-pci,host=05:00.0,id=disk"), or of
 * an address alone ("05:00.0"). `id` becomes the device's, made from its address if none is given.
 * NULL with the sentence in `error`.
 */
json_t *ctl_device(const char *text, char id[CTL_ID_SIZE], struct lend_error *error);

#endif
