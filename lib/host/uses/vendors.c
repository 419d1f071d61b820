/* SPDX-License-Identifier: MIT */
/*
 * Nodes of vendors' drivers that sysfs does not list: /dev/nvidia0, whose number is in
 * the driver's folder of procfs, and /dev/kfd, which is one for all devices of amdgpu.
 * /dev/nvidiactl and its like belong to no single card.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host/uses/ways.h"

/* The number of the card's node; -1: it has none. */
static long nvidia_minor(struct lend_survey *survey, const struct device *device)
{
	static const char name[] = "Device Minor:";
	char dir[PATH_MAX], *text, *found;
	long minor = -1;

	if (sysfs_path(dir, "%s/driver/nvidia/gpus/%s", context_proc(survey->context), device->seen.is.name))
		return -1;
	text = look_load(survey, dir, "information");
	found = text ? strstr(text, name) : NULL;
	if (found)
		minor = strtol(found + strlen(name), NULL, 10);
	free(text);
	return minor;
}

static bool is_nvidia(const char *path)
{
	static const char node[] = "/dev/nvidia";

	return !strncmp(path, node, strlen(node)) && path[strlen(node)] >= '0' && path[strlen(node)] <= '9';
}

static void find_nvidia(struct lend_survey *survey, struct device *device)
{
	char node[40];
	long minor = nvidia_minor(survey, device);

	for (size_t i = 0; i < survey->opened_count; i++) {
		const struct opened *opened = &survey->opened[i];

		/* If a card's number is not known, it may be any of them. */
		snprintf(node, sizeof(node), "/dev/nvidia%ld", minor);
		if (minor < 0 ? is_nvidia(opened->path) : !strcmp(opened->path, node))
			survey_holder(survey, device, opened, NULL);
	}
}

static void find_kfd(struct lend_survey *survey, struct device *device)
{
	for (size_t i = 0; i < survey->opened_count; i++)
		if (!strcmp(survey->opened[i].path, "/dev/kfd"))
			survey_holder(survey, device, &survey->opened[i], NULL);
}

void survey_vendors(struct lend_survey *survey)
{
	for (size_t i = 0; i < survey->device_count; i++) {
		struct device *device = &survey->devices[i];

		if (!strcmp(device->seen.is.driver, "nvidia"))
			find_nvidia(survey, device);
		else if (!strcmp(device->seen.is.driver, "amdgpu"))
			find_kfd(survey, device);
	}
}
