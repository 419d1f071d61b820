/* SPDX-License-Identifier: MIT */
/*
 * The nodes that a device can be opened by, and whether this process may open
 * them. Who opens a device and who says beforehand how it would be opened ask here.
 */
#ifndef LIB_NODES_H
#define LIB_NODES_H

#include <limits.h>

#include "lend/host.h"

/* A node's state is 0: it may be opened to read and write; or negative errno, -ENOENT where there is none. */
struct nodes {
	char own[PATH_MAX];   /* /dev/vfio/devices/vfioN; empty: the device has none */
	char group[PATH_MAX]; /* /dev/vfio/N; empty: it has no group */
	char iommu[PATH_MAX]; /* /dev/iommu */
	int own_state, group_state, iommu_state;
};

/** For the effective ids of this process, as open() will have it. */
void nodes_look(const struct lend_context *context, const struct lend_host_device *device, struct nodes *out);

/** Whether the device can be opened by its own node; `iommu_given`: /dev/iommu is open already. */
bool nodes_by_iommufd(const struct nodes *nodes, bool iommu_given);

/** Whether a virtual function is opened with a VF token; `driver`: that of its physical one. */
bool nodes_ask_for_token(const char *driver);

#endif
