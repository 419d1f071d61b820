/* SPDX-License-Identifier: MIT */
/*
 * The members of an IOMMU group. A group may also have devices of other buses:
 * they have no PCI address and are not listed.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#include "lib/host/sysfs.h"
#include "lib/sized.h"

struct members {
	struct lend_bdf *bdfs;
	size_t count, room;
};

int bdf_compare(const struct lend_bdf *a, const struct lend_bdf *b)
{
	if (a->domain != b->domain)
		return a->domain < b->domain ? -1 : 1;
	if (a->bus != b->bus)
		return a->bus < b->bus ? -1 : 1;
	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	return (a->function > b->function) - (a->function < b->function);
}

static int compare(const void *left, const void *right)
{
	return bdf_compare(left, right);
}

static int add_member(struct members *members, const struct lend_bdf *bdf)
{
	if (members->count == members->room) {
		size_t room = members->room ? 2 * members->room : 16;
		struct lend_bdf *bdfs = reallocarray(members->bdfs, room, sizeof(*bdfs));

		if (!bdfs)
			return -ENOMEM;
		members->bdfs = bdfs;
		members->room = room;
	}
	members->bdfs[members->count++] = *bdf;
	return 0;
}

static int read_members(DIR *dir, struct members *members)
{
	const struct dirent *entry;
	struct lend_bdf bdf;
	int ret = 0;

	while (!ret && (entry = readdir(dir)))
		if (!lend_bdf_parse(entry->d_name, &bdf))
			ret = add_member(members, &bdf);
	return ret;
}

int lend_host_group(struct lend_context *context, int group, struct lend_host_device *out, size_t max,
		    size_t stride)
{
	struct members members = {0};
	char path[PATH_MAX];
	DIR *dir;
	int ret;

	ret = sysfs_path(path, "%s/kernel/iommu_groups/%d/devices", context_sysfs(context), group);
	if (ret)
		return ret;
	dir = opendir(path);
	if (!dir)
		return -errno;
	ret = read_members(dir, &members);
	if (!ret && members.count)
		qsort(members.bdfs, members.count, sizeof(*members.bdfs), compare);
	/* A member that vanished meanwhile is still listed, by its address. */
	for (size_t i = 0; !ret && i < members.count && i < max; i++) {
		struct lend_host_device member;

		if (host_read_device(context, &members.bdfs[i], &member, NULL))
			member.group = group;
		sized_give_row(out, stride, i, &member, sizeof(member));
	}
	if (!ret)
		ret = (int)members.count;
	closedir(dir);
	free(members.bdfs);
	return ret;
}
