/* SPDX-License-Identifier: MIT */
/*
 * Reset of the bus that a device is on (docs/conformance.md, 8.5). It resets
 * every function on that bus, so all of them have to be ours: each one's group
 * is open in this context, or, for devices opened by their own node, the
 * kernel says so.
 */
#ifndef LIB_OPEN_HOT_RESET_H
#define LIB_OPEN_HOT_RESET_H

#include "lib/open/device.h"

/**
 * What the reset would take along, without the device itself; `out->at` is to
 * be freed. -ENODEV: no bus of its own; -EPERM: a function on it is not ours,
 * and `error` names it.
 */
int hot_reset_list(const struct lend_device *device, struct backend_hot_reset *out, struct lend_error *error);

/** Resets the bus, which `list` was made for. */
int hot_reset_run(const struct lend_device *device, const struct backend_hot_reset *list);

#endif
