/* SPDX-License-Identifier: MIT */
/*
 * File systems that are in use without a mount that can be seen (in a namespace
 * without a process, or unmounted while files are open), and journals on another
 * disk. The drivers of file systems list both by the name of the disk. A cluster's
 * heartbeat is on a disk, too.
 */
#include <stdio.h>
#include <string.h>

#include "lib/host/uses/ways.h"

struct walk {
	struct lend_survey *survey;
	const char *type;
};

/* "cciss!c0d0" of sysfs is /dev/cciss/c0d0. */
static bool path_of(const char *name, char path[PATH_MAX])
{
	if (sysfs_path(path, "/dev/%s", name))
		return false;
	for (char *at = path; (at = strchr(at, '!'));)
		*at = '/';
	return true;
}

/* Names that belong to no disk ("features") are compared, too, and match none. */
static int add_live(void *opaque, const char *name)
{
	struct walk *walk = opaque;
	char path[PATH_MAX];

	if (path_of(name, path))
		claim_weak(survey_claim(walk->survey, LEND_USE_MOUNT, path,
					"has a file system (%s) that is mounted where it is not seen",
					walk->type));
	return 0;
}

/* "sda1-8" is a journal in inode 8 of a file system and matches no disk; "sdb" and "dm-0" are whole disks. */
static int add_journal(void *opaque, const char *name)
{
	struct walk *walk = opaque;
	char path[PATH_MAX];

	if (path_of(name, path))
		survey_claim(walk->survey, LEND_USE_JOURNAL, path, "is the journal of a mounted file system");
	return 0;
}

struct region {
	struct lend_survey *survey;
	const char *dir, *cluster;
};

/* "cluster/NAME/heartbeat/REGION": the nodes of OCFS2 write to that disk all the time. */
static int add_region(void *opaque, const char *name)
{
	struct region *region = opaque;
	char dir[PATH_MAX], kernel[64], path[PATH_MAX];
	struct claim *claim;

	if (sysfs_path(dir, "%s/%s", region->dir, name) ||
	    look_read(region->survey, dir, "dev", kernel, sizeof(kernel)) <= 0 || !path_of(kernel, path))
		return 0;
	claim = survey_claim(region->survey, LEND_USE_JOURNAL, path,
			     "carries the heartbeat of the cluster %.40s (OCFS2)", region->cluster);
	claim_weak(claim);
	claim_cure(claim, "rmdir /sys/kernel/config/cluster/%s/heartbeat/%s", region->cluster, name);
	return 0;
}

static int find_cluster(void *opaque, const char *cluster)
{
	struct lend_survey *survey = opaque;
	char dir[PATH_MAX];
	struct region region = {survey, dir, cluster};

	if (!sysfs_path(dir, "%s/kernel/config/cluster/%s/heartbeat", context_sysfs(survey->context),
			cluster))
		look_each(survey, dir, add_region, &region);
	return 0;
}

void survey_journals(struct lend_survey *survey)
{
	static const char *const types[] = {"ext4", "xfs", "f2fs", "nilfs2", "erofs"};
	char dir[PATH_MAX];

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		struct walk walk = {survey, types[i]};

		if (!sysfs_path(dir, "%s/fs/%s", context_sysfs(survey->context), types[i]))
			look_each(survey, dir, add_live, &walk);
	}
	if (!sysfs_path(dir, "%s/fs/ntfs3", context_proc(survey->context)))
		look_each(survey, dir, add_live, &(struct walk){survey, "ntfs3"});
	if (!sysfs_path(dir, "%s/fs/jbd2", context_proc(survey->context)))
		look_each(survey, dir, add_journal, &(struct walk){survey, ""});
	if (!sysfs_path(dir, "%s/kernel/config/cluster", context_sysfs(survey->context)))
		look_each(survey, dir, find_cluster, survey);
}
