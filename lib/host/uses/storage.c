/* SPDX-License-Identifier: MIT */
/*
 * What uses the disks of each device: file systems, swap, and what is stacked
 * on them (device mapper, md, bcache), which is followed up to its own use.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host/survey/survey.h"

enum { DEPTH_MAX = 8 };

struct walk {
	struct lend_survey *survey;
	struct device *device;
	char *swaps; /* procfs' table; may be NULL */
	const struct node *node;
	int depth;
};

static const struct node *find_node(const struct lend_survey *survey, const char *kernel)
{
	for (size_t i = 0; i < survey->node_count; i++)
		if (survey->nodes[i].is_block && !strcmp(survey->nodes[i].kernel, kernel))
			return &survey->nodes[i];
	return NULL;
}

/* An attribute of the node's folder, "" where there is none. */
static void read_attribute(const struct walk *walk, const struct node *node, const char *name, char *out,
			   size_t size)
{
	char dir[PATH_MAX];

	if (sysfs_path(dir, "%s/dev/block/%s", context_sysfs(walk->survey->context), node->number) ||
	    sysfs_read(dir, name, out, size) < 0)
		out[0] = '\0';
}

/* How a person knows the node: "/dev/nvme0n1p2", "the volume vg-root". */
static void name_of(const struct walk *walk, const struct node *node, char out[80])
{
	char volume[56];

	read_attribute(walk, node, "dm/name", volume, sizeof(volume));
	if (volume[0])
		snprintf(out, 80, "the volume %s", volume);
	else
		snprintf(out, 80, "/dev/%s", node->name);
}

/* Whether a path names the node: by its name, or as /dev/mapper/VOLUME. */
static bool is_path_of(const struct walk *walk, const char *path)
{
	static const char mapper[] = "/dev/mapper/";
	char volume[96];

	if (!strncmp(path, "/dev/", 5) && !strcmp(path + 5, walk->node->name))
		return true;
	if (strncmp(path, mapper, strlen(mapper)) != 0)
		return false;
	read_attribute(walk, walk->node, "dm/name", volume, sizeof(volume));
	return !strcmp(path + strlen(mapper), volume);
}

static bool find_mounts(struct walk *walk, const char *name)
{
	struct lend_survey *survey = walk->survey;
	bool found = false;

	for (size_t i = 0; i < survey->mount_count; i++) {
		const struct mount *mount = &survey->mounts[i];

		/* btrfs has a number of its own, not its disk's. */
		if (strcmp(mount->number, walk->node->number) != 0 &&
		    (strncmp(mount->number, "0:", 2) != 0 || !is_path_of(walk, mount->source)))
			continue;
		found = true;
		survey_use(survey, walk->device, LEND_USE_MOUNT, "%s is mounted at %s", name, mount->point);
		survey_cure(walk->device, "umount", mount->point);
	}
	return found;
}

/* Members of a btrfs file system on several disks: only one of them is the mount's source. */
static int find_btrfs(void *opaque, const char *uuid)
{
	struct walk *walk = opaque;
	char dir[PATH_MAX], target[PATH_MAX];

	if (sysfs_path(dir, "%s/fs/btrfs/%s/devices", context_sysfs(walk->survey->context), uuid) ||
	    sysfs_target(dir, walk->node->kernel, target) < 0)
		return 0;
	survey_use(walk->survey, walk->device, LEND_USE_MOUNT, "/dev/%s belongs to a mounted btrfs",
		   walk->node->name);
	return 1;
}

static void find_swap(struct walk *walk, const char *name)
{
	char line[PATH_MAX];

	for (const char *at = walk->swaps; at && *at; at += strcspn(at, "\n"), at += *at == '\n') {
		if (sscanf(at, "%4095s", line) != 1 || !is_path_of(walk, line))
			continue;
		survey_use(walk->survey, walk->device, LEND_USE_SWAP, "%s is swap space", name);
		survey_cure(walk->device, "swapoff", line);
	}
}

static void find_opened(struct walk *walk)
{
	for (size_t i = 0; i < walk->survey->opened_count; i++) {
		const struct opened *opened = &walk->survey->opened[i];

		/* udev looks at each new disk for a moment. */
		if (!is_path_of(walk, opened->path) || strstr(opened->command, "udev"))
			continue;
		survey_use(walk->survey, walk->device, LEND_USE_OPEN, "process %d (%s) has %s open",
			   (int)opened->pid, opened->command, opened->path);
	}
}

static void find_uses(struct walk *walk);

static int find_holder(void *opaque, const char *kernel)
{
	struct walk *below = opaque;
	struct walk walk = *below;
	char name[80], under[80], level[32];

	walk.node = find_node(walk.survey, kernel);
	if (!walk.node || ++walk.depth > DEPTH_MAX)
		return 0;
	name_of(below, below->node, under);
	name_of(&walk, walk.node, name);
	read_attribute(&walk, walk.node, "md/level", level, sizeof(level));
	/* What is on top is told first: it is to be ended first. */
	find_uses(&walk);
	if (level[0]) {
		survey_use(walk.survey, walk.device, LEND_USE_RAID, "%s is a member of %s (%s)", under, name,
			   level);
		survey_cure(walk.device, "mdadm --stop", name);
	} else {
		survey_use(walk.survey, walk.device, LEND_USE_VOLUME, "%s holds %s", under, name);
		read_attribute(&walk, walk.node, "dm/name", name, sizeof(name));
		if (name[0])
			survey_cure(walk.device, "dmsetup remove", name);
	}
	return 0;
}

static void find_uses(struct walk *walk)
{
	char dir[PATH_MAX], name[80];

	if (!sysfs_path(dir, "%s/dev/block/%s/holders", context_sysfs(walk->survey->context),
			walk->node->number))
		sysfs_each(dir, find_holder, walk);
	name_of(walk, walk->node, name);
	if (!find_mounts(walk, name) && !sysfs_path(dir, "%s/fs/btrfs", context_sysfs(walk->survey->context)))
		sysfs_each(dir, find_btrfs, walk);
	find_swap(walk, name);
	find_opened(walk);
}

void survey_storage(struct lend_survey *survey)
{
	struct walk walk = {.survey = survey,
			    .swaps = sysfs_load(context_proc(survey->context), "swaps", NULL)};

	for (size_t i = 0; i < survey->node_count; i++) {
		walk.node = &survey->nodes[i];
		walk.device = walk.node->has_owner ? survey_device(survey, &walk.node->owner) : NULL;
		if (walk.device && walk.node->is_block)
			find_uses(&walk);
	}
	free(walk.swaps);
}
