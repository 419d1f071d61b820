/* SPDX-License-Identifier: MIT */
/*
 * Opening a device by its own node. The kernel resets the device when it is
 * bound, which may take long, so no lock is held then. The hypervisor is told of
 * the device before, because some drivers look for it when the device is bound.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/context.h"
#include "lib/dma/space.h"
#include "lib/error.h"
#include "lib/open/cdev.h"
#include "lib/open/cdev_error.h"
#include "lib/open/group_error.h"
#include "lib/sys/iommufd.h"

void cdev_path(const struct lend_context *context, const struct lend_host_device *host, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/vfio/devices/%s", context_dev(context), host->vfio_node);
}

/* The name comes from sysfs, the node from devtmpfs. Their device numbers must be the same. */
static int open_node(struct lend_context *context, const struct lend_host_device *host,
		     struct lend_error *error)
{
	char path[PATH_MAX];
	struct stat stat;
	int fd;

	if (!host->vfio_node[0])
		return error_say(error, -EOPNOTSUPP,
				 "%s has no VFIO node of its own; the kernel was built without "
				 "CONFIG_VFIO_DEVICE_CDEV; use the legacy way, iommufd=off",
				 host->name);
	cdev_path(context, host, path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return group_say_open(context, host, path, errno, error);
	if (!fstat(fd, &stat) && S_ISCHR(stat.st_mode) && major(stat.st_rdev) == host->node_major &&
	    minor(stat.st_rdev) == host->node_minor)
		return fd;
	close(fd);
	return error_say(error, -EACCES, "%s: %s is not the device that sysfs says it is (%u:%u)", host->name,
			 path, host->node_major, host->node_minor);
}

static int take_fd(struct lend_context *context, const struct lend_host_device *host, int given,
		   struct lend_error *error)
{
	int fd;

	if (given < 0)
		return open_node(context, host, error);
	fd = fcntl(given, F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? error_say(error, -errno, "%s: fd %d is not open", host->name, given) : fd;
}

static int bind(struct lend_cdev *cdev, const struct lend_host_device *host,
		const struct lend_device_config *config, struct lend_error *error)
{
	struct lend_context *look = config->facts ? NULL : space_context(cdev->space);
	const char *vf_token = config->vf_token;
	uint8_t token[LEND_UUID_SIZE];
	int ret = vf_token ? lend_uuid_parse(vf_token, token) : 0;

	if (ret < 0)
		return error_say(error, ret, "%s: the VF token '%.60s' is no UUID", host->name, vf_token);
	ret = sys_cdev_bind(cdev->fd, cdev->arg.iommufd, vf_token ? token : NULL, &cdev->id);
	return ret < 0 ? cdev_say_bind(look, host, ret, vf_token != NULL, error) : 0;
}

static void tell_hypervisor(struct lend_cdev *cdev)
{
	int ret = space_ops(cdev->space)->vfio_add(space_host(cdev->space), cdev->fd);

	if (ret < 0 && ret != -EOPNOTSUPP)
		context_log(space_context(cdev->space), LEND_LOG_WARNING,
			    "%s: the hypervisor does not take the device: %s", cdev->name, strerror(-ret));
}

static int attach(struct lend_cdev *cdev, struct lend_error *error)
{
	struct domain_user user = {
		.make = ioas_new,
		.arg = &cdev->arg,
		.fd = cdev->fd,
		.id = cdev->id,
		.name = cdev->name,
	};

	return space_attach(cdev->space, &user, error);
}

/* A device leaves one space before it enters the other, so that it never reaches both. */
int cdev_move(struct lend_cdev *cdev, struct lend_space *space, struct lend_error *error)
{
	struct lend_space *from = cdev->space;
	int ret;

	cdev_detach(cdev);
	cdev->space = space;
	tell_hypervisor(cdev);
	ret = attach(cdev, error);
	if (!ret)
		return 0;
	space_ops(space)->vfio_del(space_host(space), cdev->fd);
	cdev->space = from;
	tell_hypervisor(cdev);
	return attach(cdev, NULL) < 0 ? -ENOTRECOVERABLE : ret;
}

static int join(struct lend_cdev *cdev, const struct lend_host_device *host,
		const struct lend_device_config *config, struct lend_error *error)
{
	struct lend_context *context = space_context(cdev->space);
	int ret;

	ret = cdev->fd = take_fd(context, host, config->fd, error);
	if (ret < 0)
		return ret;
	tell_hypervisor(cdev);
	ret = bind(cdev, host, config, error);
	if (!ret)
		ret = attach(cdev, error);
	if (ret < 0) {
		space_ops(cdev->space)->vfio_del(space_host(cdev->space), cdev->fd);
		close(cdev->fd);
	}
	return ret;
}

int cdev_get(struct lend_space *space, const struct lend_host_device *host,
	     const struct lend_device_config *config, struct lend_cdev **out, struct lend_error *error)
{
	struct lend_context *context = space_context(space);
	struct lend_cdev *cdev = calloc(1, sizeof(*cdev));
	int ret;

	if (!cdev)
		return error_say(error, -ENOMEM, "%s: out of memory", host->name);
	cdev->space = space;
	cdev->arg.emulated = host->is_mdev;
	memcpy(cdev->name, host->name, sizeof(cdev->name));
	ret = iommufd_enter(context, cdev, config, error);
	if (ret < 0)
		goto free_cdev;
	ret = join(cdev, host, config, error);
	if (ret < 0)
		goto leave;
	*out = cdev;
	return 0;

leave:
	iommufd_leave(context, cdev);
free_cdev:
	free(cdev);
	return ret;
}

void cdev_detach(struct lend_cdev *cdev)
{
	space_ops(cdev->space)->vfio_del(space_host(cdev->space), cdev->fd);
	space_detach(cdev->space, cdev->fd);
}

void cdev_put(struct lend_cdev *cdev)
{
	iommufd_leave(space_context(cdev->space), cdev);
	free(cdev);
}
