/* SPDX-License-Identifier: MIT */
/*
 * A legacy group (/dev/vfio/N): opened by its first device, in one space at a
 * time, closed after its last. The registry of open groups is the context's;
 * its lock is held while a group is opened and attached, which may take long:
 * a second device of the group, or of one that fits the same container, has to
 * wait for that anyway. Lock order: registry, then space.
 */
#ifndef LIB_OPEN_GROUP_H
#define LIB_OPEN_GROUP_H

#include "lend/host.h"
#include "lend/device.h"

struct lend_group;

/**
 * Gets the group of `host` for one device: opened, viable, attached to the
 * space, told to the hypervisor. -EEXIST: this device has it already; -EBUSY:
 * in another space, or open in another process; -EPERM not viable; others as
 * lend_device_open().
 */
int group_get(struct lend_space *space, const struct lend_host_device *host,
	      const struct lend_device_config *config, struct lend_group **out, struct lend_error *error);

/** Gives it back, for the device at `bdf`, whose descriptor is closed. */
void group_put(struct lend_group *group, const struct lend_bdf *bdf);

/**
 * The descriptor of group `id` while it is open in this context, else -1. It
 * may be closed by another thread meanwhile: for calls to which the kernel
 * takes nothing but the right group.
 */
int group_fd(struct lend_context *context, int id);

/**
 * Opens a device of the group, with the VF token that the configuration has: a
 * descriptor. No lock is taken: opening resets the device.
 */
int group_open_device(struct lend_group *group, const char *name, const struct lend_device_config *config,
		      struct lend_error *error);

#endif
