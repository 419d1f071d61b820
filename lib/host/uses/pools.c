/* SPDX-License-Identifier: MIT */
/* File systems on several disks: a mount names one of them; btrfs and bcachefs list all in sysfs. */
#include <stdio.h>
#include <string.h>

#include "lib/host/uses/ways.h"

struct walk {
	struct lend_survey *survey;
	char dir[PATH_MAX];
};

struct pool {
	struct lend_survey *survey;
	const char *point; /* where it is mounted, if that can be seen; first where the host runs from it */
};

/* One of the disks tells where the file system is mounted. */
static int find_point(void *opaque, const char *kernel)
{
	struct pool *pool = opaque;

	for (size_t i = 0; i < pool->survey->mount_count; i++) {
		const struct mount *mount = &pool->survey->mounts[i];

		if (!mount->process && !strncmp(mount->source, "/dev/", 5) &&
		    !strcmp(mount->source + 5, kernel) && (!pool->point || mounts_last(mount->point)))
			pool->point = mount->point;
	}
	return pool->point != NULL;
}

static int add_btrfs(void *opaque, const char *kernel)
{
	struct pool *pool = opaque;
	char path[PATH_MAX];
	struct claim *claim;

	if (sysfs_path(path, "/dev/%s", kernel))
		return 0;
	claim = survey_claim(pool->survey, LEND_USE_MOUNT, path, "belongs to a mounted btrfs");
	claim_weak(claim);
	if (pool->point)
		claim_unmount(claim, pool->point);
	return 0;
}

static int find_btrfs(void *opaque, const char *uuid)
{
	struct walk *walk = opaque;
	struct pool pool = {.survey = walk->survey};
	char dir[PATH_MAX];

	if (sysfs_path(dir, "%s/%s/devices", walk->dir, uuid))
		return 0;
	look_each(pool.survey, dir, find_point, &pool);
	look_each(pool.survey, dir, add_btrfs, &pool);
	return 0;
}

struct members {
	struct lend_survey *survey;
	const char *dir;
};

static int add_bcachefs(void *opaque, const char *name)
{
	struct members *members = opaque;
	char dir[PATH_MAX], kernel[64], path[PATH_MAX];

	if (!strncmp(name, "dev-", 4) && !sysfs_path(dir, "%s/%s", members->dir, name) &&
	    !look_link(members->survey, dir, "block", kernel, sizeof(kernel)) &&
	    !sysfs_path(path, "/dev/%s", kernel))
		claim_weak(
			survey_claim(members->survey, LEND_USE_MOUNT, path, "belongs to a mounted bcachefs"));
	return 0;
}

static int find_bcachefs(void *opaque, const char *uuid)
{
	struct walk *walk = opaque;
	char dir[PATH_MAX];
	struct members members = {walk->survey, dir};

	if (!sysfs_path(dir, "%s/%s", walk->dir, uuid))
		look_each(walk->survey, dir, add_bcachefs, &members);
	return 0;
}

void survey_pools(struct lend_survey *survey)
{
	struct walk walk = {.survey = survey};

	if (!sysfs_path(walk.dir, "%s/fs/btrfs", context_sysfs(survey->context)))
		look_each(survey, walk.dir, find_btrfs, &walk);
	if (!sysfs_path(walk.dir, "%s/fs/bcachefs", context_sysfs(survey->context)))
		look_each(survey, walk.dir, find_bcachefs, &walk);
	survey_zfs(survey);
}
