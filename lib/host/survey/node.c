/* SPDX-License-Identifier: MIT */
/*
 * What VFIO adds to sysfs: a device's own node (vfio-dev), and mediated devices,
 * which have no address and are known by a UUID.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/host/sysfs.h"
#include "lib/sized.h"

/*
 * From Linux 7.x on a device without an IOMMU has a node, too, named
 * noiommu-vfioN. It is not taken: iommufd accepts maps for it, but its DMA goes
 * to the host's own addresses.
 */
static bool take_node(const char *dir, const char *name, struct lend_host_device *out)
{
	char text[32], rest;

	if (strncmp(name, "vfio", 4) || strlen(name) >= sizeof(out->vfio_node))
		return false;
	if (sysfs_read(dir, "dev", text, sizeof(text)) < 0 ||
	    sscanf(text, "%u:%u%c", &out->node_major, &out->node_minor, &rest) != 2)
		return false;
	snprintf(out->vfio_node, sizeof(out->vfio_node), "%.15s", name);
	return true;
}

void host_read_node(const char *dir, struct lend_host_device *out)
{
	char nodes[PATH_MAX], node[PATH_MAX];
	const struct dirent *entry;
	DIR *listed;

	if (sysfs_path(nodes, "%s/vfio-dev", dir))
		return;
	listed = opendir(nodes);
	if (!listed)
		return;
	while ((entry = readdir(listed)))
		if (!sysfs_path(node, "%s/%s", nodes, entry->d_name) && take_node(node, entry->d_name, out))
			break;
	closedir(listed);
}

int host_find_mdev(const char *path, struct lend_host_device *out)
{
	char real[PATH_MAX], bus[32];
	uint8_t uuid[LEND_UUID_SIZE];
	const char *name;

	if (path[0] != '/')
		return -EINVAL;
	if (!realpath(path, real))
		return -ENODEV;
	name = strrchr(real, '/') + 1;
	if (lend_uuid_parse(name, uuid) || sysfs_link(real, "subsystem", bus, sizeof(bus)) ||
	    strcmp(bus, "mdev") != 0)
		return -EINVAL;
	memset(out, 0, sizeof(*out));
	out->is_mdev = true;
	out->numa_node = -1;
	snprintf(out->name, sizeof(out->name), "%.36s", name);
	out->group = host_read_group(real);
	host_read_node(real, out);
	if (sysfs_link(real, "driver", out->driver, sizeof(out->driver)))
		out->driver[0] = '\0';
	return 0;
}

/* Cuts `count` components off the end of a path. */
static void cut(char *path, unsigned count)
{
	while (count-- && strrchr(path, '/'))
		*strrchr(path, '/') = '\0';
}

static int say_no_vfio(struct lend_error *error, int code, int fd)
{
	return error_say(error, code, "fd %d is no VFIO device; open /dev/vfio/devices/vfioN and pass that",
			 fd);
}

static int find_fd(struct lend_context *context, int fd, struct lend_host_device *out,
		   struct lend_error *error)
{
	char link[PATH_MAX], dir[PATH_MAX];
	struct lend_bdf bdf;
	struct stat stat;
	int ret;

	if (fstat(fd, &stat))
		return error_say(error, -errno, "fd %d is not open", fd);
	if (!S_ISCHR(stat.st_mode))
		return say_no_vfio(error, -ENOTTY, fd);
	ret = sysfs_path(link, "%s/dev/char/%u:%u", context_sysfs(context), major(stat.st_rdev),
			 minor(stat.st_rdev));
	if (ret || !realpath(link, dir))
		return error_say(error, -ENODEV, "fd %d is a device that this computer has no more", fd);
	if (!strstr(dir, "/vfio-dev/vfio"))
		return say_no_vfio(error, -ENOTTY, fd);
	cut(dir, 2);
	if (!lend_bdf_parse(dir, &bdf))
		ret = host_read_device(context, &bdf, out, NULL);
	else
		ret = host_find_mdev(dir, out);
	return ret ? say_no_vfio(error, ret == -EINVAL ? -ENOTTY : ret, fd) : 0;
}

int lend_host_find_fd(struct lend_context *context, int fd, struct lend_host_device *out, size_t size,
		      struct lend_error *error)
{
	struct lend_host_device device;
	int ret = find_fd(context, fd, &device, error);

	if (!ret)
		sized_give(out, size, &device, sizeof(device));
	return ret;
}
