/* SPDX-License-Identifier: MIT */
/* Choosing the way to a device: iommufd if it can be used, else the legacy one. */
#include <errno.h>

#include "lib/nodes.h"
#include "lib/open/choose.h"
#include "lib/open/group.h"

enum lend_backend choose_backend(struct lend_context *context, const struct lend_host_device *host,
				 const struct lend_device_config *config, bool *other_too)
{
	struct nodes nodes;

	*other_too = false;
	if (config->fd >= 0)
		return LEND_BACKEND_IOMMUFD;
	if (config->facts)
		return LEND_BACKEND_LEGACY;
	if (config->backend != LEND_BACKEND_AUTO)
		return config->backend;
	nodes_look(context, host, &nodes);
	if (!nodes_by_iommufd(&nodes, config->iommu_fd >= 0))
		return LEND_BACKEND_LEGACY;
	if (nodes.group_state == -ENOENT)
		return LEND_BACKEND_IOMMUFD;
	/*
	 * The group is better in two cases. Every kernel takes a VF token with a group,
	 * and only newer ones with a node. And while this context has the group open,
	 * the kernel refuses the nodes of its devices.
	 */
	if (config->vf_token || group_fd(context, host->group) >= 0)
		return LEND_BACKEND_LEGACY;
	*other_too = true;
	return LEND_BACKEND_IOMMUFD;
}
