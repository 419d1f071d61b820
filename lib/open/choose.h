/* SPDX-License-Identifier: MIT */
/* Which way to a device is taken. */
#ifndef LIB_OPEN_CHOOSE_H
#define LIB_OPEN_CHOOSE_H

#include "lend/device.h"
#include "lend/host.h"

/**
 * The way to `host` that `config` asks for, or the better one. `*other_too`:
 * when that is refused for want of interrupt remapping, the legacy one is worth
 * a try: each has a switch of its own for that.
 */
enum lend_backend choose_backend(struct lend_context *context, const struct lend_host_device *host,
				 const struct lend_device_config *config, bool *other_too);

#endif
