/* SPDX-License-Identifier: MIT */
/* Ioctls of a VFIO group. */
#include <errno.h>
#include <sys/ioctl.h>

#include <linux/vfio.h>

#include "lib/sys/vfio.h"

int sys_vfio_group_get_status(int group, bool *viable, bool *in_container)
{
	struct vfio_group_status status = {.argsz = sizeof(status)};

	if (ioctl(group, VFIO_GROUP_GET_STATUS, &status) < 0)
		return -errno;
	*viable = status.flags & VFIO_GROUP_FLAGS_VIABLE;
	*in_container = status.flags & VFIO_GROUP_FLAGS_CONTAINER_SET;
	return 0;
}

int sys_vfio_group_set_container(int group, int container)
{
	return ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) < 0 ? -errno : 0;
}

int sys_vfio_group_unset_container(int group)
{
	return ioctl(group, VFIO_GROUP_UNSET_CONTAINER) < 0 ? -errno : 0;
}

int sys_vfio_group_get_device_fd(int group, const char *name)
{
	int fd = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name);

	return fd < 0 ? -errno : fd;
}
