/* SPDX-License-Identifier: MIT */
/* Virtual functions, VFIO itself, and processes that have the registers of a device. */
#include <stdio.h>
#include <string.h>

#include "lib/host/uses/ways.h"

/*
 * The group's node, or the device's own. A device without a driver counts, too: when
 * it is taken from VFIO, the kernel first removes the link to the driver, and then
 * waits for the process that has the device.
 */
static void find_lent(struct lend_survey *survey, struct device *device)
{
	char group[40] = "", cdev[48] = "", fd[48];
	pid_t told = 0;

	if (device->seen.is.driver[0] && !lend_host_is_vfio(device->seen.is.driver))
		return;
	if (device->seen.is.group >= 0)
		snprintf(group, sizeof(group), "/dev/vfio/%d", device->seen.is.group);
	if (device->seen.cdev[0])
		snprintf(cdev, sizeof(cdev), "/dev/vfio/devices/%s", device->seen.cdev);
	snprintf(fd, sizeof(fd), "vfio:%s", device->seen.is.name);
	for (size_t i = 0; i < survey->opened_count; i++) {
		const struct opened *opened = &survey->opened[i];
		bool has_node = !strcmp(opened->path, group) || !strcmp(opened->path, cdev);

		/* A process that has the node has the device, too: it is told once. */
		if (has_node)
			survey_use(survey, device, LEND_USE_LENT, "process %d (%s) has it through %s",
				   (int)opened->pid, opened->command, opened->path);
		else if (!strcmp(opened->path, fd) && opened->pid != told)
			survey_use(survey, device, LEND_USE_LENT, "process %d (%s) has it through VFIO",
				   (int)opened->pid, opened->command);
		else
			continue;
		told = opened->pid;
	}
}

/* A process has the device's registers open, without any driver. */
static void find_resources(struct lend_survey *survey, struct device *device)
{
	size_t length = strlen(device->seen.is.name);

	for (size_t i = 0; i < survey->opened_count; i++) {
		const struct opened *opened = &survey->opened[i];

		if (!strncmp(opened->path, device->seen.is.name, length) && opened->path[length] == '/')
			survey_holder(survey, device, opened, NULL);
	}
}

/* What uses a virtual function has to be ended before the functions can be removed. */
static void find_functions(struct lend_survey *survey, struct device *device)
{
	const struct lend_survey_device *seen = &device->seen;

	if (!seen->vfs)
		return;
	for (size_t i = 0; i < survey->device_count; i++) {
		const struct device *vf = &survey->devices[i];

		for (size_t k = 0; k < vf->seen.use_count && !strcmp(vf->seen.physfn, seen->is.name); k++)
			use_passed_on(survey, device, LEND_USE_VFS, vf, "its virtual function", &vf->uses[k]);
	}
	survey_use(survey, device, LEND_USE_VFS, "it has %u virtual function%s", seen->vfs,
		   seen->vfs == 1 ? "" : "s");
	survey_command(device, "lend vf %s 0", seen->is.name);
}

void survey_others(struct lend_survey *survey)
{
	survey_vendors(survey);
	/* Virtual functions first: their uses are uses of their physical function. */
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < survey->device_count; i++) {
			struct device *device = &survey->devices[i];

			if ((device->seen.physfn[0] != 0) == (pass != 0))
				continue;
			find_functions(survey, device);
			find_lent(survey, device);
			find_resources(survey, device);
		}
}
