/* SPDX-License-Identifier: MIT */
/* Choosing the way to a device. */
#ifndef LIB_OPEN_CHOOSE_H
#define LIB_OPEN_CHOOSE_H

#include "lend/device.h"
#include "lend/host.h"

/**
 * The way to `host` that `config` asks for; if it asks for none, the better one.
 * `*other_too`: if the kernel refuses that way because interrupts are not
 * remapped, try the legacy one: each way has a switch of its own for that.
 */
enum lend_backend choose_backend(struct lend_context *context, const struct lend_host_device *host,
				 const struct lend_device_config *config, bool *other_too);

#endif
