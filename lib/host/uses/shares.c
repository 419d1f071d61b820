/* SPDX-License-Identifier: MIT */
/*
 * File systems that come by a device of virtio and have no disk: 9p and virtiofs. Their
 * mounts name a tag. Kernels before 6.9 do not tell the tag of a device of virtiofs:
 * each of its mounts may be of that device then.
 */
#include <stdio.h>
#include <string.h>

#include "lib/host/uses/ways.h"

struct walk {
	struct lend_survey *survey;
	const char *dir;
	const char *type;   /* as mounts name it */
	const char *device; /* "virtio3" */
	char tag[64];       /* empty: it is not known */
};

static bool is_mount_of(const void *opaque, const struct mount *mount)
{
	const struct walk *walk = opaque;

	return mount->share && !strcmp(mount->share, walk->type) &&
	       (!walk->tag[0] || !strcmp(mount->source, walk->tag));
}

/* "/sys/fs/virtiofs/1": its link tells the device. */
static int read_tag(void *opaque, const char *name)
{
	struct walk *walk = opaque;
	char dir[PATH_MAX], device[32];

	if (sysfs_path(dir, "%s/%s", walk->dir, name) ||
	    look_link(walk->survey, dir, "device", device, sizeof(device)) ||
	    strcmp(device, walk->device) != 0)
		return 0;
	if (look_read(walk->survey, dir, "tag", walk->tag, sizeof(walk->tag)) < 0)
		walk->tag[0] = '\0';
	return 1;
}

static int add_device(void *opaque, const char *name)
{
	struct walk *above = opaque;
	struct walk walk = {.survey = above->survey, .device = name};
	struct device *device = survey_owner(above->survey, above->dir, name);
	char dir[PATH_MAX], driver[32], what[80];
	const struct mounted mounted = {walk.survey, device, what, is_mount_of, &walk};

	if (!device || sysfs_path(dir, "%s/%s", above->dir, name) ||
	    look_link(walk.survey, dir, "driver", driver, sizeof(driver)))
		return 0;
	if (!strcmp(driver, "9pnet_virtio")) {
		walk.type = "9p";
		if (look_read(walk.survey, dir, "mount_tag", walk.tag, sizeof(walk.tag)) < 0)
			walk.tag[0] = '\0';
	} else if (!strcmp(driver, "virtiofs")) {
		walk.type = "virtiofs";
		walk.dir = dir;
		if (!sysfs_path(dir, "%s/fs/virtiofs", context_sysfs(walk.survey->context)))
			look_each(walk.survey, dir, read_tag, &walk);
	} else {
		return 0;
	}
	snprintf(what, sizeof(what), "%s%s%.60s", walk.tag[0] ? "its share " : "a share of ",
		 walk.tag[0] ? "" : walk.type, walk.tag);
	mounted_tell(&mounted);
	return 0;
}

void survey_shares(struct lend_survey *survey)
{
	char dir[PATH_MAX];
	struct walk walk = {.survey = survey, .dir = dir};

	if (!sysfs_path(dir, "%s/bus/virtio/devices", context_sysfs(survey->context)))
		look_each(survey, dir, add_device, &walk);
}
