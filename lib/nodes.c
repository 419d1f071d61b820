/* SPDX-License-Identifier: MIT */
/* See nodes.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/context.h"
#include "lib/nodes.h"

static int state_of(const char *path)
{
	if (!path[0])
		return -ENOENT;
	return faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) ? -errno : 0;
}

void nodes_look(const struct lend_context *context, const struct lend_host_device *device, struct nodes *out)
{
	const char *dev = context_dev(context);

	out->own[0] = out->group[0] = '\0';
	if (device->vfio_node[0])
		snprintf(out->own, PATH_MAX, "%s/vfio/devices/%s", dev, device->vfio_node);
	if (device->group >= 0)
		snprintf(out->group, PATH_MAX, "%s/vfio/%d", dev, device->group);
	snprintf(out->iommu, PATH_MAX, "%s/iommu", dev);
	out->own_state = state_of(out->own);
	out->group_state = state_of(out->group);
	out->iommu_state = state_of(out->iommu);
}

bool nodes_by_iommufd(const struct nodes *nodes, bool iommu_given)
{
	return !nodes->own_state && (iommu_given || !nodes->iommu_state);
}

/* The drivers that are made of vfio-pci's parts end so; others with "vfio" in their name ask for none. */
bool nodes_ask_for_token(const char *driver)
{
	return strstr(driver, "vfio-pci") || strstr(driver, "vfio_pci");
}
