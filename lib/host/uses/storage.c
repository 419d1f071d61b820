/* SPDX-License-Identifier: MIT */
/*
 * What uses the disks and the nodes of each device: processes, file systems, claims of
 * other parts of the kernel, and disks that are built on them (device mapper, md,
 * bcache, loop devices). These are followed up to their own uses.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host/uses/ways.h"

/*
 * How far up disks are followed, and how many uses of a device are enough: a
 * disk that is held many times over, by disks that hold each other, has more
 * ways up than can be walked.
 */
enum { DEPTH_MAX = 8, USES_MAX = 64 };

struct walk {
	struct lend_survey *survey;
	struct device *device;
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

/* Reads an attribute of the node's folder; "": there is none. */
static void read_attribute(const struct walk *walk, const struct node *node, const char *name, char *out,
			   size_t size)
{
	char dir[PATH_MAX];

	if (sysfs_path(dir, "%s/dev/block/%s", context_sysfs(walk->survey->context), node->number) ||
	    look_read(walk->survey, dir, name, out, size) < 0)
		out[0] = '\0';
}

/* The node's name for a person: "/dev/nvme0n1p2", "the volume vg-root". */
static void name_of(const struct walk *walk, const struct node *node, char out[80])
{
	char volume[56] = "";

	if (node->is_block && !node->has_owner)
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
	if (!walk->node->is_block || strncmp(path, mapper, strlen(mapper)) != 0)
		return false;
	read_attribute(walk, walk->node, "dm/name", volume, sizeof(volume));
	return !strcmp(path + strlen(mapper), volume);
}

/* btrfs has a number of its own, not its disk's. */
static bool is_mount_of(const void *opaque, const struct mount *mount)
{
	const struct walk *walk = opaque;

	return !strcmp(mount->number, walk->node->number) ||
	       (!strncmp(mount->number, "0:", 2) && is_path_of(walk, mount->source));
}

static void find_uses(struct walk *walk);

/*
 * A disk that is built on this one, with its own uses and those of its partitions
 * first: they have to be ended first. NULL: the disk is not among the nodes.
 */
static const struct node *go_up(const struct walk *below, const char *kernel)
{
	const struct lend_survey *survey = below->survey;
	const struct node *node = find_node(survey, kernel);
	struct walk above = *below;

	if (!node)
		return NULL;
	above.depth++;
	for (size_t i = 0; i < survey->node_count; i++) {
		above.node = &survey->nodes[i];
		if (above.node->is_block && !strcmp(above.node->whole, kernel))
			find_uses(&above);
	}
	above.node = node;
	find_uses(&above);
	return node;
}

static void find_claims(struct walk *walk, const char *name, bool weak)
{
	struct lend_survey *survey = walk->survey;

	for (size_t i = 0; i < survey->claim_count; i++) {
		const struct claim *claim = &survey->claims[i];

		if (claim->weak != weak)
			continue;
		if (claim->path[0] ? !is_path_of(walk, claim->path)
				   : !walk->node->is_block || strcmp(claim->number, walk->node->number) != 0)
			continue;
		if (claim->above[0] && walk->depth < DEPTH_MAX)
			go_up(walk, claim->above);
		if (claim->file[0])
			survey_use(survey, walk->device, claim->kind, "%s has the file %s, which %s", name,
				   claim->file, claim->by);
		else
			survey_use(survey, walk->device, claim->kind, "%s %s", name, claim->by);
		survey_command(walk->device, "%s", claim->cure);
		if (claim->stays)
			survey_stays(walk->device);
	}
}

static void find_opened(struct walk *walk)
{
	for (size_t i = 0; i < walk->survey->opened_count; i++) {
		const struct opened *opened = &walk->survey->opened[i];

		if (opened->number[0] ? opened->is_block == walk->node->is_block &&
						!strcmp(opened->number, walk->node->number)
				      : is_path_of(walk, opened->path))
			survey_holder(walk->survey, walk->device, opened, NULL);
	}
}

/* The command that ends the hold of a disk that is no volume and no RAID, by the disk's name. */
static void end_holder(struct device *device, const char *kernel)
{
	static const struct {
		const char *name, *before, *after;
		bool number; /* it wants the number alone */
	} rows[] = {
		{"bcache", "sh -c 'echo 1 >/sys/block/", "/bcache/stop'", false},
		{"drbd", "drbdsetup detach ", "", true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t length = strlen(rows[i].name);
		const char *number = kernel + length;

		if (!strncmp(kernel, rows[i].name, length) && *number &&
		    strspn(number, "0123456789") == strlen(number))
			survey_command(device, "%s%s%s", rows[i].before, rows[i].number ? number : kernel,
				       rows[i].after);
	}
}

static int find_holder(void *opaque, const char *kernel)
{
	struct walk *below = opaque;
	const struct node *node;
	char name[80], under[80], level[32];

	if (below->depth == DEPTH_MAX || below->device->seen.use_count >= USES_MAX)
		return 1;
	name_of(below, below->node, under);
	node = go_up(below, kernel);
	if (!node) {
		survey_use(below->survey, below->device, LEND_USE_VOLUME, "%s is held by %s", under, kernel);
		end_holder(below->device, kernel);
		return 0;
	}
	name_of(below, node, name);
	read_attribute(below, node, "md/level", level, sizeof(level));
	if (level[0]) {
		survey_use(below->survey, below->device, LEND_USE_RAID, "%s is a member of %s (%s)", under,
			   name, level);
		survey_cure(below->device, "mdadm --stop", name);
	} else {
		survey_use(below->survey, below->device, LEND_USE_VOLUME, "%s holds %s", under, name);
		read_attribute(below, node, "dm/name", name, sizeof(name));
		if (name[0])
			survey_cure(below->device, "dmsetup remove", name);
		else
			end_holder(below->device, kernel);
	}
	return 0;
}

static void find_uses(struct walk *walk)
{
	char dir[PATH_MAX], name[80];
	const struct mounted mounted = {walk->survey, walk->device, name, is_mount_of, walk};

	if (walk->node->is_block && !sysfs_path(dir, "%s/dev/block/%s/holders",
						context_sysfs(walk->survey->context), walk->node->number))
		look_each(walk->survey, dir, find_holder, walk);
	name_of(walk, walk->node, name);
	find_claims(walk, name, false);
	if (walk->node->is_block && !mounted_tell(&mounted))
		find_claims(walk, name, true);
	find_opened(walk);
}

void survey_storage(struct lend_survey *survey)
{
	struct walk walk = {.survey = survey};

	for (size_t i = 0; i < survey->node_count; i++) {
		walk.node = &survey->nodes[i];
		walk.device = walk.node->has_owner ? survey_device(survey, &walk.node->owner) : NULL;
		if (walk.device)
			find_uses(&walk);
	}
	survey_shares(survey);
}
