/* SPDX-License-Identifier: MIT */
/*
 * A group of the legacy way (/dev/vfio/N). It is opened with its first device,
 * is in one space, and is closed after its last device.
 *
 * The context has a registry of open groups. Its lock is held while a group is
 * opened and attached, which may take long: a second device of the group, or one
 * that fits the same container, has to wait for that anyway. Lock order: the
 * registry's, then the space's.
 */
#ifndef LIB_OPEN_GROUP_H
#define LIB_OPEN_GROUP_H

#include "lend/host.h"
#include "lend/device.h"

struct lend_group;

/**
 * Gets the group of `host` for one device. If it is not open yet, it is opened,
 * attached to the space, and told to the hypervisor. -EEXIST: this device has it
 * already; -EBUSY: it is in another space, or another process has it; -EPERM: it
 * is not viable; others as lend_device_open().
 */
int group_get(struct lend_space *space, const struct lend_host_device *host,
	      const struct lend_device_config *config, struct lend_group **out, struct lend_error *error);

/** Gives it back for the device at `bdf`, whose descriptor is closed already. */
void group_put(struct lend_group *group, const struct lend_bdf *bdf);

/**
 * The descriptor of group `id` if it is open in this context, else -1. Another
 * thread may close it at any time, so it is only for calls in which the kernel
 * checks that it is the right group.
 */
int group_fd(struct lend_context *context, int id);

/**
 * Opens a device of the group, with the VF token of the configuration, and
 * returns its descriptor. It takes no lock, because the kernel resets the device.
 */
int group_open_device(struct lend_group *group, const struct lend_host_device *host,
		      const struct lend_device_config *config, struct lend_error *error);

#endif
