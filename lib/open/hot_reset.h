/* SPDX-License-Identifier: MIT */
/*
 * Reset of the bus that a device is on (spec 8.5). It resets each function on the
 * bus, so all of them have to be ours: this context has their groups open or, for
 * devices that were opened by their own node, the kernel says so.
 */
#ifndef LIB_OPEN_HOT_RESET_H
#define LIB_OPEN_HOT_RESET_H

#include "lib/open/device.h"

/**
 * The functions that the reset would reset, too. Free `out->at`. -ENODEV: the
 * device has no bus that can be reset; -EPERM: a function on it is not ours, and
 * `error` names it.
 */
int hot_reset_list(const struct lend_device *device, struct backend_hot_reset *out, struct lend_error *error);

/** Resets the bus; `list` is that of hot_reset_list(). */
int hot_reset_run(const struct lend_device *device, const struct backend_hot_reset *list);

#endif
