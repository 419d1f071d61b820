/* SPDX-License-Identifier: MIT */
/*
 * The devices of a context that are bound to its iommufd. One iommufd serves all
 * spaces of the context, each of which has address spaces of its own in it. A
 * device is bound to an iommufd for good, so only thus it can move between spaces.
 */
#ifndef LIB_OPEN_IOMMUFD_H
#define LIB_OPEN_IOMMUFD_H

#include <limits.h>

#include "lend/host.h"
#include "lib/backend/ioas.h"

/** A device that was opened by its own node. */
struct lend_cdev {
	struct lend_cdev *next;   /* guarded by the registry's lock */
	struct lend_space *space; /* the one that it is attached to */
	char name[LEND_NAME_SIZE];
	int fd;
	struct ioas_arg arg;
	uint32_t id; /* its id in the iommufd */
};

/**
 * Enters `cdev`, whose name is set, into the registry and sets arg.iommufd. For the
 * first device it opens /dev/iommu, or duplicates the descriptor of the
 * configuration. -EEXIST: the device is in it already; -EACCES, -EOPNOTSUPP: there
 * is no iommufd that can be used.
 */
int iommufd_enter(struct lend_context *context, struct lend_cdev *cdev,
		  const struct lend_device_config *config, struct lend_error *error);

/** Takes it out of the registry; with the last one the iommufd is closed, unless it is to stay. */
void iommufd_leave(struct lend_context *context, struct lend_cdev *cdev);

#endif
