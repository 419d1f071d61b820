/* SPDX-License-Identifier: MIT */
/*
 * A survey of what is near some devices: themselves, their IOMMU groups, their buses,
 * and what all these are behind. The devices far from them are not read: reading a
 * device's configuration space wakes it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host/survey/survey.h"

struct near {
	struct lend_survey *survey;
	const struct lend_bdf *devices;
	size_t count;
	size_t named; /* the first so many of the survey are `devices` */
};

static int add_once(struct lend_survey *survey, const struct lend_bdf *bdf)
{
	for (size_t i = 0; i < survey->device_count; i++)
		if (!bdf_compare(&survey->devices[i].seen.is.bdf, bdf))
			return 0;
	return survey_add(survey, bdf);
}

/* By the link of each device, as the whole survey does it; a link costs no access to the device. */
static int group_of(const struct lend_survey *survey, const char *name)
{
	char dir[PATH_MAX];

	return sysfs_path(dir, "%s/bus/pci/devices/%s", context_sysfs(survey->context), name)
		       ? -1
		       : host_read_group(dir);
}

static int add_neighbour(void *opaque, const char *name)
{
	const struct near *near = opaque;
	struct lend_bdf bdf;
	int group;

	if (lend_bdf_parse(name, &bdf))
		return 0;
	group = group_of(near->survey, name);
	for (size_t i = 0; i < near->named; i++) {
		const struct lend_host_device *device = &near->survey->devices[i].seen.is;

		if ((group >= 0 && group == device->group) ||
		    (device->bdf.domain == bdf.domain && device->bdf.bus == bdf.bus))
			return add_once(near->survey, &bdf);
	}
	return 0;
}

/* Each component of its path in sysfs that is an address. */
static int add_above(struct lend_survey *survey, const char *name)
{
	char dir[PATH_MAX], target[PATH_MAX], *rest = target, *part;
	struct lend_bdf bdf;
	int ret = 0;

	if (sysfs_path(dir, "%s/bus/pci/devices", context_sysfs(survey->context)) ||
	    sysfs_target(dir, name, target) < 0)
		return 0;
	while (!ret && (part = strsep(&rest, "/")))
		if (!lend_bdf_parse(part, &bdf))
			ret = add_once(survey, &bdf);
	return ret;
}

static int read_near(struct near *near)
{
	struct lend_survey *survey = near->survey;
	char path[PATH_MAX], name[LEND_NAME_SIZE];
	size_t count;
	int ret = 0;

	for (size_t i = 0; !ret && i < near->count; i++)
		ret = add_once(survey, &near->devices[i]);
	near->named = survey->device_count;
	if (!ret && !sysfs_path(path, "%s/bus/pci/devices", context_sysfs(survey->context)) &&
	    sysfs_each(path, add_neighbour, near) == -ENOMEM)
		ret = -ENOMEM;
	count = survey->device_count;
	for (size_t i = 0; !ret && i < count; i++) {
		/* The array moves as it grows. */
		snprintf(name, sizeof(name), "%s", survey->devices[i].seen.is.name);
		ret = add_above(survey, name);
	}
	if (!ret)
		survey_added(survey);
	return ret;
}

int survey_near(struct lend_context *context, const struct lend_bdf *devices, size_t count,
		struct lend_survey **out)
{
	struct near near = {calloc(1, sizeof(*near.survey)), devices, count, 0};
	int ret;

	if (!near.survey)
		return -ENOMEM;
	near.survey->context = context;
	ret = count ? read_near(&near) : 0;
	if (ret) {
		lend_survey_free(near.survey);
		return ret;
	}
	survey_words(near.survey);
	*out = near.survey;
	return 0;
}
