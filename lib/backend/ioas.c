/* SPDX-License-Identifier: MIT */
/*
 * The domain of iommufd. One IOAS holds the maps once; behind it stand as many
 * hardware page tables (hwpt) as its devices' IOMMUs need, and the kernel keeps
 * them alike (spec 7.2; userspace-api/iommufd.rst). Nothing here
 * is locked: one thread at a time calls a domain. The space may call two of
 * its domains at once, which share the iommufd alone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/backend/ioas.h"
#include "lib/context.h"
#include "lib/error.h"
#include "lib/sys/iommufd.h"

enum { TABLES_MAX = 64, NO_TABLE = -1 };

struct ioas_user {
	struct ioas_user *next;
	int fd;
	int table; /* index, NO_TABLE: behind the IOAS itself */
};

struct ioas {
	int iommufd; /* the registry's */
	uint32_t id;
	struct {
		uint32_t id;
		unsigned users; /* 0: this place is free */
	} tables[TABLES_MAX];
	struct ioas_user *users;
	bool ranges_known; /* and no device came since */
	struct sys_ioas_ranges ranges;
	bool by_kernel; /* the kernel chooses page tables, because they cannot be made by hand */
	bool no_files;  /* the kernel maps by address alone */
	bool no_peers;  /* it maps no BARs by address */
};

/* Whether the memory may be mapped by its address, after its file could not: not every kernel maps files, and
 * not every file. */
static bool try_address(struct ioas *ioas, int code)
{
	if (code == -ENOTTY)
		ioas->no_files = true;
	return code == -ENOTTY || code == -EOPNOTSUPP || code == -EINVAL || code == -ENODEV;
}

static int ioas_map(void *domain, const struct domain_map *map)
{
	struct ioas *ioas = domain;
	struct sys_ioas_map want = {map->iova, map->length, map->access};
	int ret;

	if (map->fd >= 0 && !ioas->no_files) {
		ret = sys_ioas_map_file(ioas->iommufd, ioas->id, &want, map->fd, map->offset);
		if (!try_address(ioas, ret))
			return ret;
	}
	if (map->peer && ioas->no_peers)
		return -EFAULT;
	ret = sys_ioas_map(ioas->iommufd, ioas->id, &want, map->va);
	if (ret == -EFAULT && map->peer)
		ioas->no_peers = true;
	return ret;
}

static int ioas_unmap(void *domain, lend_iova_t iova, uint64_t length)
{
	struct ioas *ioas = domain;

	return sys_ioas_unmap(ioas->iommufd, ioas->id, iova, length);
}

/* A failure is no error here: without ranges the kernel's answer to a map says what cannot be addressed. */
static void refresh(struct ioas *ioas)
{
	if (ioas->ranges_known)
		return;
	free(ioas->ranges.ranges);
	if (sys_ioas_ranges(ioas->iommufd, ioas->id, &ioas->ranges) < 0)
		ioas->ranges = (struct sys_ioas_ranges){0};
	ioas->ranges_known = true;
}

static size_t ioas_windows(void *domain, struct lend_iova_window *out, size_t max)
{
	struct ioas *ioas = domain;

	refresh(ioas);
	for (size_t i = 0; i < ioas->ranges.count && i < max; i++)
		out[i] = (struct lend_iova_window){ioas->ranges.ranges[i].first, ioas->ranges.ranges[i].last};
	if (ioas->ranges.count)
		return ioas->ranges.count;
	if (max)
		out[0] = (struct lend_iova_window){0, UINT64_MAX};
	return 1;
}

/* Attaches the device to page tables that another device has already. -EINVAL: none of them fits. */
static int share_table(struct ioas *ioas, const struct domain_user *user, int *table)
{
	for (int i = 0; i < TABLES_MAX; i++) {
		int ret;

		if (!ioas->tables[i].users)
			continue;
		ret = sys_cdev_attach(user->fd, ioas->tables[i].id);
		if (ret == -EINVAL)
			continue;
		*table = i;
		ioas->ranges_known &= ret < 0; /* the device may reserve addresses of its own */
		return ret;
	}
	return -EINVAL;
}

/* Whether there is room for at least one page. True where the kernel does not tell. */
static bool addressable(struct ioas *ioas)
{
	ioas->ranges_known = false;
	refresh(ioas);
	for (size_t i = 0; i < ioas->ranges.count; i++)
		if (ioas->ranges.ranges[i].last - ioas->ranges.ranges[i].first >= ioas->ranges.alignment)
			return true;
	return !ioas->ranges.count;
}

/*
 * Some drivers finish page tables only when a device comes to them (seen with
 * virtio-iommu and Linux 6.12): made before, they can address nothing. The
 * kernel knows that when it makes them itself: -EOPNOTSUPP.
 */
static int new_table(struct ioas *ioas, const struct domain_user *user, int *table)
{
	uint32_t id;
	int place = 0, ret;

	while (place < TABLES_MAX && ioas->tables[place].users)
		place++;
	if (place == TABLES_MAX)
		return -ENOSPC;
	ret = sys_hwpt_alloc(ioas->iommufd, user->id, ioas->id, &id);
	if (ret < 0)
		return ret == -EADDRINUSE ? -EOPNOTSUPP : ret;
	ret = sys_cdev_attach(user->fd, id);
	if (ret < 0)
		goto destroy;
	if (!addressable(ioas)) {
		sys_cdev_detach(user->fd);
		ret = -EOPNOTSUPP;
		goto destroy;
	}
	ioas->tables[place].id = id;
	*table = place;
	return 0;

destroy:
	sys_iommu_destroy(ioas->iommufd, id);
	return ret;
}

/* Where page tables cannot be made by hand the kernel finds or makes them. */
static int find_table(struct ioas *ioas, const struct domain_user *user, int *table)
{
	const struct ioas_arg *arg = user->arg;
	int ret = -EOPNOTSUPP;

	if (!arg->emulated && !ioas->by_kernel) {
		ret = share_table(ioas, user, table);
		if (ret == -EINVAL)
			ret = new_table(ioas, user, table);
	}
	if (ret != -EOPNOTSUPP && ret != -ENOTTY)
		return ret;
	*table = NO_TABLE;
	ret = sys_cdev_attach(user->fd, ioas->id);
	ioas->by_kernel |= !ret && !arg->emulated;
	ioas->ranges_known &= ret < 0;
	return ret;
}

static int ioas_attach(void *domain, const struct domain_user *user)
{
	struct ioas *ioas = domain;
	struct ioas_user *kept = calloc(1, sizeof(*kept));
	int ret;

	if (!kept)
		return -ENOMEM;
	kept->fd = user->fd;
	ret = find_table(ioas, user, &kept->table);
	if (ret < 0) {
		free(kept);
		return ret;
	}
	if (kept->table != NO_TABLE)
		ioas->tables[kept->table].users++;
	kept->next = ioas->users;
	ioas->users = kept;
	return 0;
}

/* The close of the device's descriptor is not relied on: another process may hold it, too. */
static int ioas_detach(void *domain, const struct domain_user *user)
{
	struct ioas *ioas = domain;
	struct ioas_user **link, *kept;
	int ret = sys_cdev_detach(user->fd);

	for (link = &ioas->users; *link && (*link)->fd != user->fd;)
		link = &(*link)->next;
	kept = *link;
	if (!kept)
		return -ENOENT;
	*link = kept->next;
	if (kept->table != NO_TABLE && !--ioas->tables[kept->table].users)
		sys_iommu_destroy(ioas->iommufd, ioas->tables[kept->table].id);
	free(kept);
	return ret;
}

static void ioas_close(void *domain)
{
	struct ioas *ioas = domain;

	sys_iommu_destroy(ioas->iommufd, ioas->id);
	free(ioas->ranges.ranges);
	free(ioas);
}

static const struct domain_ops ioas_ops = {
	.map = ioas_map,
	.unmap = ioas_unmap,
	.windows = ioas_windows,
	.attach = ioas_attach,
	.detach = ioas_detach,
	.close = ioas_close,
	.stays = true,
};

int ioas_new(struct lend_context *context, const struct domain_user *user, const struct domain_ops **ops,
	     void **domain, struct lend_error *error)
{
	const struct ioas_arg *arg = user->arg;
	struct ioas *ioas = calloc(1, sizeof(*ioas));
	int ret;

	(void)context;
	if (!ioas)
		return error_say(error, -ENOMEM, "%s: out of memory", user->name);
	ioas->iommufd = arg->iommufd;
	ret = sys_ioas_alloc(ioas->iommufd, &ioas->id);
	if (ret < 0) {
		error_say(error, ret, "%s: iommufd gives no address space: %s", user->name, strerror(-ret));
		goto free_ioas;
	}
	ret = ioas_attach(ioas, user);
	if (ret < 0) {
		error_say(error, ret, "%s: iommufd cannot translate its DMA: %s; dmesg may say why",
			  user->name, strerror(-ret));
		goto destroy;
	}
	*ops = &ioas_ops;
	*domain = ioas;
	return 0;

destroy:
	sys_iommu_destroy(ioas->iommufd, ioas->id);
free_ioas:
	free(ioas);
	return ret;
}
