/* SPDX-License-Identifier: MIT */
/* The registry of the devices that are bound to the context's iommufd. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/context.h"
#include "lib/error.h"
#include "lib/open/iommufd.h"
#include "lib/sys/iommufd.h"

/*
 * Else the kernel compares the locked memory of all machines of a user together with the
 * limit of each. One that was given is left as who opened it wants it.
 */
static void charge_process(struct lend_context *context, int fd)
{
	int ret = sys_iommu_charge_process(fd);

	if (!ret)
		context_log(context, LEND_LOG_INFO,
			    "iommufd: locked memory is counted for this process alone");
	else
		context_log(context, LEND_LOG_INFO,
			    "iommufd: locked memory is counted for all processes of this user together (%s)",
			    ret == -EPERM ? "CAP_SYS_RESOURCE would have it counted for this one alone"
					  : strerror(-ret));
}

static int open_iommufd(struct lend_context *context, const char *name,
			const struct lend_device_config *config, struct lend_error *error)
{
	int given = config->iommu_fd, fd;
	char path[PATH_MAX];

	if (given >= 0) {
		fd = fcntl(given, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? error_say(error, -errno, "%s: the iommufd, fd %d, is not open", name, given)
			      : fd;
	}
	if (config->facts)
		return error_say(error, -EINVAL,
				 "%s: no iommufd was given; with facts it must be a descriptor", name);
	snprintf(path, sizeof(path), "%s/iommu", context_dev(context));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0) {
		charge_process(context, fd);
		return fd;
	}
	if (errno == EACCES || errno == EPERM)
		return error_say(error, -EACCES,
				 "%s: no permission to open %s; run as root, or once as root: chown $USER %s",
				 name, path, path);
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		return error_say(
			error, -EOPNOTSUPP,
			"%s: this kernel has no iommufd (%s is not there; modprobe iommufd may help); "
			"use the legacy way, iommufd=off",
			name, path);
	return error_say(error, -errno, "%s: cannot open %s: %s", name, path, strerror(errno));
}

int iommufd_enter(struct lend_context *context, struct lend_cdev *cdev,
		  const struct lend_device_config *config, struct lend_error *error)
{
	struct context_iommufd *iommufd = context_iommufd(context);
	int ret = 0;

	pthread_mutex_lock(&iommufd->lock);
	for (const struct lend_cdev *other = iommufd->first; other; other = other->next)
		if (!strcmp(other->name, cdev->name))
			ret = error_say(error, -EEXIST, "%s is given twice", cdev->name);
	if (!ret && iommufd->fd < 0)
		ret = iommufd->fd = open_iommufd(context, cdev->name, config, error);
	if (ret >= 0) {
		ret = 0;
		cdev->arg.iommufd = iommufd->fd;
		cdev->next = iommufd->first;
		iommufd->first = cdev;
	}
	pthread_mutex_unlock(&iommufd->lock);
	return ret;
}

void iommufd_leave(struct lend_context *context, struct lend_cdev *cdev)
{
	struct context_iommufd *iommufd = context_iommufd(context);
	struct lend_cdev **link;

	pthread_mutex_lock(&iommufd->lock);
	for (link = &iommufd->first; *link != cdev;)
		link = &(*link)->next;
	*link = cdev->next;
	if (!iommufd->first && !__atomic_load_n(&iommufd->keeps, __ATOMIC_RELAXED)) {
		close(iommufd->fd);
		iommufd->fd = -1;
	}
	pthread_mutex_unlock(&iommufd->lock);
}
