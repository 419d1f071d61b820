/* SPDX-License-Identifier: MIT */
/* Choosing the way to a device: iommufd if it can be used, else the legacy one. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/context.h"
#include "lib/open/cdev.h"
#include "lib/open/choose.h"
#include "lib/open/group.h"

/* Asks for the effective ids, because open() will use these. */
static bool can(const char *path, int mode)
{
	return !faccessat(AT_FDCWD, path, mode, AT_EACCESS);
}

static bool usable(const char *path)
{
	return can(path, R_OK | W_OK);
}

static bool can_iommufd(struct lend_context *context, const struct lend_host_device *host,
			const struct lend_device_config *config)
{
	char node[PATH_MAX], iommu[PATH_MAX];

	if (!host->vfio_node[0])
		return false;
	cdev_path(context, host, node);
	snprintf(iommu, sizeof(iommu), "%s/iommu", context_dev(context));
	return usable(node) && (config->iommu_fd >= 0 || usable(iommu));
}

static bool has_group_node(struct lend_context *context, const struct lend_host_device *host)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/vfio/%d", context_dev(context), host->group);
	return can(path, F_OK);
}

enum lend_backend choose_backend(struct lend_context *context, const struct lend_host_device *host,
				 const struct lend_device_config *config, bool *other_too)
{
	*other_too = false;
	if (config->fd >= 0)
		return LEND_BACKEND_IOMMUFD;
	if (config->facts)
		return LEND_BACKEND_LEGACY;
	if (config->backend != LEND_BACKEND_AUTO)
		return config->backend;
	if (!can_iommufd(context, host, config))
		return LEND_BACKEND_LEGACY;
	if (!has_group_node(context, host))
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
