/* SPDX-License-Identifier: MIT */
/*
 * File systems on several disks: of btrfs and bcachefs the kernel lists the
 * members; of ZFS udev knows them by what is on them. A member of a ZFS pool
 * counts while ZFS is loaded: a pool may be imported with nothing mounted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/host/uses/ways.h"

struct walk {
	struct lend_survey *survey;
	char dir[PATH_MAX];
};

static int add_btrfs(void *opaque, const char *kernel)
{
	struct lend_survey *survey = opaque;
	char path[PATH_MAX];

	if (!sysfs_path(path, "/dev/%s", kernel))
		claim_weak(survey_claim(survey, LEND_USE_MOUNT, path, "belongs to a mounted btrfs"));
	return 0;
}

static int find_btrfs(void *opaque, const char *uuid)
{
	struct walk *walk = opaque;
	char dir[PATH_MAX];

	if (!sysfs_path(dir, "%s/%s/devices", walk->dir, uuid))
		sysfs_each(dir, add_btrfs, walk->survey);
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
	    !sysfs_link(dir, "block", kernel, sizeof(kernel)) && !sysfs_path(path, "/dev/%s", kernel))
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
		sysfs_each(dir, add_bcachefs, &members);
	return 0;
}

/* Udev's records are in /run, beside the /dev that it cares for. */
static bool is_zfs(const struct lend_survey *survey, const struct node *node)
{
	char dir[PATH_MAX], name[32], *text;
	bool is;

	if (sysfs_path(dir, "%s/../run/udev/data", context_dev(survey->context)))
		return false;
	snprintf(name, sizeof(name), "b%s", node->number);
	text = sysfs_load(dir, name, NULL);
	is = text && strstr(text, "E:ID_FS_TYPE=zfs_member");
	free(text);
	return is;
}

static void find_zfs(struct lend_survey *survey)
{
	char dir[PATH_MAX];

	if (!survey->has_zfs &&
	    (sysfs_path(dir, "%s/module/zfs", context_sysfs(survey->context)) || access(dir, F_OK)))
		return;
	for (size_t i = 0; i < survey->node_count; i++)
		if (survey->nodes[i].is_block && is_zfs(survey, &survey->nodes[i]))
			claim_cure(survey_claim(survey, LEND_USE_POOL, survey->nodes[i].number,
						"belongs to a pool of ZFS"),
				   "zpool export -a");
}

void survey_pools(struct lend_survey *survey)
{
	struct walk walk = {.survey = survey};

	if (!sysfs_path(walk.dir, "%s/fs/btrfs", context_sysfs(survey->context)))
		sysfs_each(walk.dir, find_btrfs, &walk);
	if (!sysfs_path(walk.dir, "%s/fs/bcachefs", context_sysfs(survey->context)))
		sysfs_each(walk.dir, find_bcachefs, &walk);
	find_zfs(survey);
}
