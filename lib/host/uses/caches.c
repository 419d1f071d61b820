/* SPDX-License-Identifier: MIT */
/* Disks that are caches of bcache (sysfs has a holder for the cached ones), or that zram writes to. */
#include <stdio.h>
#include <string.h>

#include "lib/host/uses/ways.h"

static int add_zram(void *opaque, const char *name)
{
	struct lend_survey *survey = opaque;
	char dir[PATH_MAX], path[PATH_MAX];
	struct claim *claim;

	if (strncmp(name, "zram", 4) != 0 ||
	    sysfs_path(dir, "%s/devices/virtual/block/%s", context_sysfs(survey->context), name) ||
	    look_read(survey, dir, "backing_dev", path, sizeof(path)) <= 0 || path[0] != '/')
		return 0;
	claim = survey_claim(survey, LEND_USE_CACHE, path, "is what /dev/%s writes back to", name);
	claim_cure(claim, "zramctl -r /dev/%s", name);
	claim_above(claim, name);
	return 0;
}

struct set {
	struct lend_survey *survey;
	const char *dir, *uuid;
};

/* "cache0" links to ".../nvme0n1p1/bcache". */
static int add_cache(void *opaque, const char *name)
{
	struct set *set = opaque;
	char target[PATH_MAX], path[PATH_MAX], *end;

	if (strncmp(name, "cache", 5) != 0 || look_target(set->survey, set->dir, name, target) < 0)
		return 0;
	end = strrchr(target, '/');
	if (!end || strcmp(end, "/bcache") != 0)
		return 0;
	*end = '\0';
	end = strrchr(target, '/');
	if (end && !sysfs_path(path, "/dev/%s", end + 1))
		claim_cure(survey_claim(set->survey, LEND_USE_CACHE, path, "is a cache of bcache"),
			   "sh -c 'echo 1 >/sys/fs/bcache/%s/stop'", set->uuid);
	return 0;
}

static int find_set(void *opaque, const char *uuid)
{
	struct lend_survey *survey = opaque;
	char dir[PATH_MAX];
	struct set set = {survey, dir, uuid};

	if (!sysfs_path(dir, "%s/fs/bcache/%s", context_sysfs(survey->context), uuid))
		look_each(survey, dir, add_cache, &set);
	return 0;
}

void survey_caches(struct lend_survey *survey)
{
	char dir[PATH_MAX];

	if (!sysfs_path(dir, "%s/devices/virtual/block", context_sysfs(survey->context)))
		look_each(survey, dir, add_zram, survey);
	if (!sysfs_path(dir, "%s/fs/bcache", context_sysfs(survey->context)))
		look_each(survey, dir, find_set, survey);
}
