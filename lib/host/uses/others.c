/* SPDX-License-Identifier: MIT */
/* What uses devices beside disks and networks: the console, sound, open nodes, VFs, and VFIO itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host/survey/survey.h"

struct walk {
	struct lend_survey *survey;
	struct device *device;
	char card[PATH_MAX]; /* ".../asound/card0", and below it */
	const char *name;    /* "card0" */
};

/* asound/card0/pcm0p/sub0/status: "closed", or the state of a stream. */
static int find_stream(void *opaque, const char *sub)
{
	struct walk *walk = opaque;
	char dir[PATH_MAX], status[32];

	if (strncmp(sub, "sub", 3) || sysfs_path(dir, "%s/%s", walk->card, sub) ||
	    sysfs_read(dir, "status", status, sizeof(status)) <= 0 || !strncmp(status, "closed", 6))
		return 0;
	survey_use(walk->survey, walk->device, LEND_USE_SOUND, "the sound of %s is in use", walk->name);
	return 1;
}

static int find_pcm(void *opaque, const char *pcm)
{
	struct walk *walk = opaque;
	size_t length = strlen(walk->card);
	int ret;

	if (strncmp(pcm, "pcm", 3) || length + strlen(pcm) + 2 > sizeof(walk->card))
		return 0;
	snprintf(walk->card + length, sizeof(walk->card) - length, "/%s", pcm);
	ret = sysfs_each(walk->card, find_stream, walk);
	walk->card[length] = '\0';
	return ret > 0;
}

static int find_card(void *opaque, const char *name)
{
	struct walk *walk = opaque;

	walk->name = name;
	if (!strncmp(name, "card", 4) &&
	    !sysfs_path(walk->card, "%s/asound/%s", context_proc(walk->survey->context), name))
		sysfs_each(walk->card, find_pcm, walk);
	return 0;
}

static void find_sound(struct lend_survey *survey, struct device *device)
{
	struct walk walk = {.survey = survey, .device = device};
	char dir[PATH_MAX];

	if (!sysfs_path(dir, "%s/bus/pci/devices/%s/sound", context_sysfs(survey->context),
			device->seen.is.name))
		sysfs_each(dir, find_card, &walk);
}

/* Character devices; a disk's nodes are storage.c's. */
static void find_opened(struct lend_survey *survey)
{
	for (size_t i = 0; i < survey->node_count; i++) {
		const struct node *node = &survey->nodes[i];
		struct device *device =
			node->has_owner && !node->is_block ? survey_device(survey, &node->owner) : NULL;

		for (size_t k = 0; device && k < survey->opened_count; k++) {
			const struct opened *opened = &survey->opened[k];

			if (!strcmp(opened->path + strlen("/dev/"), node->name) &&
			    !strstr(opened->command, "udev"))
				survey_use(survey, device, LEND_USE_OPEN, "process %d (%s) has %s open",
					   (int)opened->pid, opened->command, opened->path);
		}
	}
}

/*
 * The group's node, or the device's own. A device without a driver may be one
 * that VFIO is just being taken from: the kernel removes the link first, and
 * then waits for whoever has the device.
 */
static void find_lent(struct lend_survey *survey, struct device *device)
{
	char group[40] = "", cdev[48] = "";

	if (device->seen.is.driver[0] && !lend_host_is_vfio(device->seen.is.driver))
		return;
	if (device->seen.is.group >= 0)
		snprintf(group, sizeof(group), "/dev/vfio/%d", device->seen.is.group);
	if (device->seen.cdev[0])
		snprintf(cdev, sizeof(cdev), "/dev/vfio/devices/%s", device->seen.cdev);
	for (size_t i = 0; i < survey->opened_count; i++) {
		const struct opened *opened = &survey->opened[i];

		if (!strcmp(opened->path, group) || !strcmp(opened->path, cdev))
			survey_use(survey, device, LEND_USE_LENT, "process %d (%s) has it through %s",
				   (int)opened->pid, opened->command, opened->path);
	}
}

void survey_others(struct lend_survey *survey)
{
	for (size_t i = 0; i < survey->device_count; i++) {
		struct device *device = &survey->devices[i];
		const struct lend_survey_device *seen = &device->seen;

		if (seen->boot_vga && !lend_host_is_vfio(seen->is.driver))
			survey_use(survey, device, LEND_USE_CONSOLE, "the console of this computer is on it");
		if (seen->vfs) {
			survey_use(survey, device, LEND_USE_VFS, "it has %u virtual function%s", seen->vfs,
				   seen->vfs == 1 ? "" : "s");
			survey_command(device, "lend vf %s 0", seen->is.name);
		}
		find_sound(survey, device);
		find_lent(survey, device);
	}
	find_opened(survey);
}
