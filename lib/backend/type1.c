/* SPDX-License-Identifier: MIT */
/*
 * The type1 domain: /dev/vfio/vfio with VFIO_TYPE1v2_IOMMU. The kernel keeps
 * one table of maps for all groups of the container. Nothing here is locked:
 * one thread at a time calls a domain. The space may call two of its domains at
 * once, which share nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "lib/backend/type1.h"
#include "lib/context.h"
#include "lib/error.h"
#include "lib/sys/vfio.h"

struct type1 {
	int fd;
	struct sys_iommu_info info; /* its ranges are read anew when a group comes */
};

static int type1_map(void *domain, const struct domain_map *map)
{
	struct type1 *type1 = domain;

	return sys_vfio_map_dma(type1->fd, map->iova, map->va, map->length, map->access);
}

static int type1_unmap(void *domain, lend_iova_t iova, uint64_t length)
{
	struct type1 *type1 = domain;

	return sys_vfio_unmap_dma(type1->fd, iova, length);
}

static size_t type1_windows(void *domain, struct lend_iova_window *out, size_t max)
{
	struct type1 *type1 = domain;
	size_t count = type1->info.range_count;

	for (size_t i = 0; i < count && i < max; i++)
		out[i] = (struct lend_iova_window){type1->info.ranges[i].first, type1->info.ranges[i].last};
	if (count)
		return count;
	/* Linux before 5.4 does not tell. A map outside of what it addresses is then refused by the kernel.
	 */
	if (max)
		out[0] = (struct lend_iova_window){0, UINT64_MAX};
	return 1;
}

/* On a failure the old answer stays: the kernel refuses what it does not address, whatever the answer was. */
static int refresh(struct type1 *type1)
{
	struct sys_iommu_info info;
	int ret = sys_vfio_iommu_info(type1->fd, &info);

	if (ret < 0) {
		free(info.ranges);
		return ret;
	}
	free(type1->info.ranges);
	type1->info = info;
	return 0;
}

/* Any error means that the group does not fit: a container of its own is tried then, and that error counts.
 */
static int type1_attach(void *domain, const struct domain_user *user)
{
	struct type1 *type1 = domain;

	if (sys_vfio_group_set_container(user->fd, type1->fd) < 0)
		return -EINVAL;
	refresh(type1);
	return 0;
}

/*
 * The ranges are not read anew, though there may be more of them now: a process
 * behind a seccomp filter then needs no other call to give its devices back.
 */
static int type1_detach(void *domain, const struct domain_user *user)
{
	(void)domain;
	return sys_vfio_group_unset_container(user->fd);
}

static void type1_close(void *domain)
{
	struct type1 *type1 = domain;

	close(type1->fd);
	free(type1->info.ranges);
	free(type1);
}

static const struct domain_ops type1_ops = {
	.map = type1_map,
	.unmap = type1_unmap,
	.windows = type1_windows,
	.attach = type1_attach,
	.detach = type1_detach,
	.close = type1_close,
};

/* `given`: the caller's, or -1 for none, and then nothing is opened; NULL: it is opened. */
static int take_fd(const char *path, const char *name, const int *given, struct lend_error *error)
{
	int fd;

	if (given && *given < 0)
		return error_say(error, -EINVAL, "%s: no container was given with the facts of it", name);
	if (given) {
		fd = fcntl(*given, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? error_say(error, -errno, "%s: the container, fd %d, is not open", name,
					  *given)
			      : fd;
	}
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO))
		return error_say(error, -EACCES, "%s: %s is not there; load VFIO: modprobe vfio-pci", name,
				 path);
	if (fd < 0)
		return error_say(error, -errno, "%s: cannot open %s: %s; it needs mode 0666, or run as root",
				 name, path, strerror(errno));
	return fd;
}

static int open_container(struct lend_context *context, const struct domain_user *user,
			  struct lend_error *error)
{
	char path[PATH_MAX];
	int fd, version;

	snprintf(path, sizeof(path), "%s/vfio/vfio", context_dev(context));
	fd = take_fd(path, user->name, user->arg, error);
	if (fd < 0)
		return fd;
	version = sys_vfio_api_version(fd);
	if (version == VFIO_API_VERSION && sys_vfio_check_extension(fd, VFIO_TYPE1v2_IOMMU) == 1)
		return fd;
	close(fd);
	return error_say(error, -ENOTSUP,
			 "%s: %s (API version %d) has no type1v2 IOMMU; load it: modprobe vfio_iommu_type1",
			 user->name, path, version);
}

static int say_set_iommu(struct lend_error *error, int code, const char *name)
{
	if (code == -EPERM)
		return error_say(
			error, code,
			"%s: the kernel refuses it because interrupts are not remapped, so the device "
			"could raise any interrupt of the host; enable interrupt remapping (VT-d, AMD-Vi) in "
			"the firmware or, unsafe, for a guest you trust: echo 1 > "
			"/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts "
			"(vfio_iommu_type1.allow_unsafe_interrupts=1 on the kernel's command line)",
			name);
	return error_say(error, code, "%s: cannot set up the IOMMU for it: %s; dmesg may say why", name,
			 strerror(-code));
}

int type1_new(struct lend_context *context, const struct domain_user *user, const struct domain_ops **ops,
	      void **domain, struct lend_error *error)
{
	const char *name = user->name;
	struct type1 *type1;
	int ret;

	type1 = calloc(1, sizeof(*type1));
	if (!type1)
		return error_say(error, -ENOMEM, "%s: out of memory", name);
	ret = type1->fd = open_container(context, user, error);
	if (ret < 0)
		goto free_type1;
	ret = sys_vfio_group_set_container(user->fd, type1->fd);
	if (ret < 0) {
		error_say(error, ret, "%s: cannot put its group into a container: %s", name, strerror(-ret));
		goto close_fd;
	}
	ret = sys_vfio_set_iommu(type1->fd, VFIO_TYPE1v2_IOMMU);
	if (ret < 0) {
		say_set_iommu(error, ret, name);
		goto unset_container;
	}
	ret = refresh(type1);
	if (ret < 0) {
		error_say(error, ret, "%s: the kernel's description of the IOMMU makes no sense: %s", name,
			  strerror(-ret));
		goto unset_container;
	}
	*ops = &type1_ops;
	*domain = type1;
	return 0;

unset_container:
	sys_vfio_group_unset_container(user->fd);
close_fd:
	close(type1->fd);
free_type1:
	free(type1);
	return ret;
}
