/* SPDX-License-Identifier: MIT */
/* Open character devices, virtual functions, and VFIO itself. */
#include <stdio.h>
#include <string.h>

#include "lib/host/uses/ways.h"

/* Character devices; a disk's nodes are storage.c's. */
static void find_opened(struct lend_survey *survey)
{
	for (size_t i = 0; i < survey->node_count; i++) {
		const struct node *node = &survey->nodes[i];
		struct device *device =
			node->has_owner && !node->is_block ? survey_device(survey, &node->owner) : NULL;

		for (size_t k = 0; device && k < survey->opened_count; k++) {
			const struct opened *opened = &survey->opened[k];

			if (!strcmp(opened->path + strlen("/dev/"), node->name))
				survey_holder(survey, device, opened, NULL);
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

		if (seen->vfs) {
			survey_use(survey, device, LEND_USE_VFS, "it has %u virtual function%s", seen->vfs,
				   seen->vfs == 1 ? "" : "s");
			survey_command(device, "lend vf %s 0", seen->is.name);
		}
		find_lent(survey, device);
	}
	find_opened(survey);
	survey_vendors(survey);
}
