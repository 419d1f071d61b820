/* SPDX-License-Identifier: MIT */
/*
 * The devices of a context that are bound to its iommufd. One iommufd serves
 * all spaces of the context, each with address spaces of its own in it: a
 * device is bound to one iommufd for good, and could not move otherwise.
 */
#ifndef LIB_OPEN_IOMMUFD_H
#define LIB_OPEN_IOMMUFD_H

#include <limits.h>

#include "lend/host.h"
#include "lib/backend/ioas.h"

/** A device that has a node of its own, from its bind to its close. */
struct lend_cdev {
	struct lend_cdev *next;   /* guarded by the registry's lock */
	struct lend_space *space; /* that it is attached to */
	char name[LEND_NAME_SIZE];
	int fd;
	struct ioas_arg arg;
	uint32_t id; /* in the iommufd */
};

/**
 * Enters `cdev` (its name is set) into the registry, and opens /dev/iommu, or
 * duplicates the one of the configuration, for the first one: arg.iommufd. -EEXIST: the
 * device is there; -EACCES, -EOPNOTSUPP: no iommufd.
 */
int iommufd_enter(struct lend_context *context, struct lend_cdev *cdev,
		  const struct lend_device_config *config, struct lend_error *error);

/** Takes it out; the iommufd is closed behind the last one. */
void iommufd_leave(struct lend_context *context, struct lend_cdev *cdev);

#endif
