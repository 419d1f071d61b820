/* SPDX-License-Identifier: MIT */
/* The network interfaces of the host's devices, in this network namespace. */
#include <stdio.h>
#include <string.h>

#include "lib/host/survey/survey.h"

struct interface *interface_named(const struct lend_survey *survey, const char *name)
{
	for (size_t i = 0; i < survey->interface_count; i++)
		if (!strcmp(survey->interfaces[i].name, name))
			return &survey->interfaces[i];
	return NULL;
}

struct interface *interface_at(const struct lend_survey *survey, long index)
{
	for (size_t i = 0; index > 0 && i < survey->interface_count; i++)
		if (survey->interfaces[i].index == index)
			return &survey->interfaces[i];
	return NULL;
}

static int add_interface(void *opaque, const char *name)
{
	struct lend_survey *survey = opaque;
	char list[PATH_MAX], dir[PATH_MAX], target[PATH_MAX];
	struct interface *interface;
	struct device *device;
	struct lend_bdf owner;

	if (sysfs_path(list, "%s/class/net", context_sysfs(survey->context)) ||
	    look_target(survey, list, name, target) < 0 || !sysfs_owner(target, &owner) ||
	    sysfs_path(dir, "%s/%s", list, name))
		return 0;
	device = survey_device(survey, &owner);
	if (!device)
		return 0;
	interface = survey_row(survey, &survey->interfaces, &survey->interface_count,
			       sizeof(*survey->interfaces));
	if (!interface)
		return 1;
	snprintf(interface->name, sizeof(interface->name), "%.31s", name);
	interface->device = device;
	if (look_number(survey, dir, "ifindex", &interface->index))
		interface->index = 0;
	survey_interface(device, name);
	return 0;
}

void survey_interfaces(struct lend_survey *survey)
{
	char dir[PATH_MAX];

	/* Uses that are not seen without the list. */
	look_for(survey, LOOK_KIND(LEND_USE_OPEN) | LOOK_KIND(LEND_USE_ADDRESS) | LOOK_KIND(LEND_USE_ROUTE) |
				 LOOK_KIND(LEND_USE_BRIDGED) | LOOK_KIND(LEND_USE_TUNNEL) |
				 LOOK_KIND(LEND_USE_CONSOLE));
	if (!sysfs_path(dir, "%s/class/net", context_sysfs(survey->context)))
		look_each(survey, dir, add_interface, survey);
}
