/* SPDX-License-Identifier: MIT */
/*
 * The nodes that drivers made for the host's devices, from sysfs' lists of block
 * and character devices. A multipath NVMe disk has several devices: there is a
 * row for each controller by which it is reached. A controller that is reached by
 * Fibre Channel belongs to the adapter.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host/survey/survey.h"

struct walk {
	struct lend_survey *survey;
	const char *list; /* ".../dev/block" */
	bool is_block;
	struct node made; /* the row that is being made */
	const char *subsystem;
};

static void add_node(struct walk *walk, const struct lend_bdf *owner)
{
	struct lend_survey *survey = walk->survey;
	struct node *node = survey_row(survey, &survey->nodes, &survey->node_count, sizeof(*survey->nodes));

	if (!node)
		return;
	*node = walk->made;
	if (owner) {
		node->has_owner = true;
		node->owner = *owner;
	}
}

static int add_controller(void *opaque, const char *name)
{
	struct walk *walk = opaque;
	char target[PATH_MAX], dir[PATH_MAX];
	struct lend_bdf owner;

	if (!strncmp(name, "nvme", 4) && look_target(walk->survey, walk->subsystem, name, target) > 0 &&
	    (sysfs_owner(target, &owner) || (!sysfs_path(dir, "%s/%s", walk->subsystem, name) &&
					     fibre_controller(walk->survey, dir, &owner))))
		add_node(walk, &owner);
	return 0;
}

/* The node's name is in its uevent file, as "DEVNAME=snd/controlC0"; else it is that in sysfs. */
static void read_name(struct lend_survey *survey, const char *dir, struct node *node)
{
	char *uevent = look_load(survey, dir, "uevent"), *found;

	snprintf(node->name, sizeof(node->name), "%s", node->kernel);
	found = uevent ? strstr(uevent, "DEVNAME=") : NULL;
	if (found) {
		found += strlen("DEVNAME=");
		found[strcspn(found, "\n")] = '\0';
		snprintf(node->name, sizeof(node->name), "%.63s", found);
	}
	free(uevent);
}

/* ".../block/loop0/loop0p1": the folder above is the whole disk's. */
static void read_whole(const char *target, struct node *node)
{
	const char *end = strrchr(target, '/'), *start = memrchr(target, '/', (size_t)(end - target));

	if (start)
		snprintf(node->whole, sizeof(node->whole), "%.*s", (int)(end - start - 1), start + 1);
}

/* ".../virtual/nvme-fabrics/ctl/nvme2/nvme2n1": the controller's folder is the one below "ctl". */
static bool is_fibre(const struct walk *walk, const char *target, struct lend_bdf *out)
{
	static const char above[] = "/nvme-fabrics/ctl/";
	const char *found = strstr(target, above);
	char dir[PATH_MAX];
	size_t length;

	if (!found)
		return false;
	length = (size_t)(found - target) + strlen(above);
	length += strcspn(target + length, "/");
	return !sysfs_path(dir, "%s/%.*s", walk->list, (int)length, target) &&
	       fibre_controller(walk->survey, dir, out);
}

static int add_entry(void *opaque, const char *number)
{
	struct walk *walk = opaque;
	char target[PATH_MAX], dir[PATH_MAX], subsystem[PATH_MAX], partition[8], *multipath;
	struct lend_bdf owner;
	bool owned;

	if (look_target(walk->survey, walk->list, number, target) < 0 || !strchr(target, '/'))
		return 0;
	owned = sysfs_owner(target, &owner) || is_fibre(walk, target, &owner);
	multipath = strstr(target, "/nvme-subsystem/");
	/* A character device without a PCI device is left out. A virtual disk is not: it may be on one of
	 * ours. */
	if (!owned && !walk->is_block && !multipath)
		return 0;
	if (sysfs_path(dir, "%s/%s", walk->list, number))
		return 0;
	walk->made = (struct node){.is_block = walk->is_block};
	snprintf(walk->made.kernel, sizeof(walk->made.kernel), "%.39s", strrchr(target, '/') + 1);
	snprintf(walk->made.number, sizeof(walk->made.number), "%.23s", number);
	walk->made.is_partition = look_read(walk->survey, dir, "partition", partition, sizeof(partition)) > 0;
	if (walk->made.is_partition)
		read_whole(target, &walk->made);
	read_name(walk->survey, dir, &walk->made);
	if (owned || !multipath) {
		add_node(walk, owned ? &owner : NULL);
		return 0;
	}
	/* ".../nvme-subsystem/nvme-subsys0/nvme0n1": the subsystem's folder links its controllers. */
	multipath += strlen("/nvme-subsystem/");
	multipath[strcspn(multipath, "/")] = '\0';
	if (!sysfs_path(subsystem, "%s/%s", walk->list, target)) {
		walk->subsystem = subsystem;
		look_each(walk->survey, subsystem, add_controller, walk);
	}
	return 0;
}

/* The lists of nodes, and the uses that are not seen without one. */
static const struct list {
	const char *name;
	uint64_t kinds;
} lists[] = {
	{"block", LOOK_KIND(LEND_USE_OPEN) | LOOK_KIND(LEND_USE_MOUNT) | LOOK_KIND(LEND_USE_JOURNAL) |
			  LOOK_KIND(LEND_USE_POOL) | LOOK_KIND(LEND_USE_SWAP) |
			  LOOK_KIND(LEND_USE_HIBERNATION) | LOOK_KIND(LEND_USE_CRASH) |
			  LOOK_KIND(LEND_USE_LOOP) | LOOK_KIND(LEND_USE_CACHE) | LOOK_KIND(LEND_USE_TARGET) |
			  LOOK_KIND(LEND_USE_VOLUME) | LOOK_KIND(LEND_USE_RAID)},
	{"char", LOOK_KIND(LEND_USE_OPEN) | LOOK_KIND(LEND_USE_CONSOLE)},
};

void survey_nodes(struct lend_survey *survey)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		struct walk walk = {.survey = survey, .list = path, .is_block = i == 0};

		look_for(survey, lists[i].kinds);
		if (!sysfs_path(path, "%s/dev/%s", context_sysfs(survey->context), lists[i].name))
			look_each(survey, path, add_entry, &walk);
	}
	for (size_t i = 0; i < survey->node_count; i++) {
		const struct node *node = &survey->nodes[i];
		struct device *device = node->has_owner ? survey_device(survey, &node->owner) : NULL;

		if (device && node->is_block && !node->is_partition)
			survey_interface(device, node->kernel);
	}
}
