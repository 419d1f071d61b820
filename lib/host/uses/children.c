/* SPDX-License-Identifier: MIT */
/* What the kernel made of a device and works with: mediated devices, channels of DMA engines. */
#include <string.h>

#include "lib/host/uses/ways.h"

struct walk {
	struct lend_survey *survey;
	const char *dir;
};

static int add_mediated(void *opaque, const char *uuid)
{
	struct walk *walk = opaque;
	struct device *device = survey_owner(walk->survey, walk->dir, uuid);

	if (!device)
		return 0;
	survey_use(walk->survey, device, LEND_USE_MEDIATED, "the mediated device %s is made of it", uuid);
	if (strspn(uuid, "0123456789abcdefABCDEF-") == strlen(uuid))
		survey_command(device, "sh -c 'echo 1 >/sys/bus/mdev/devices/%s/remove'", uuid);
	return 0;
}

/* in_use counts who has asked for the channel. */
static int add_channel(void *opaque, const char *name)
{
	struct walk *walk = opaque;
	struct device *device = survey_owner(walk->survey, walk->dir, name);
	char dir[PATH_MAX];
	long clients;

	if (device && !sysfs_path(dir, "%s/%s", walk->dir, name) && !sysfs_number(dir, "in_use", &clients) &&
	    clients > 0)
		survey_use(walk->survey, device, LEND_USE_DMA, "the kernel copies with its channel %s", name);
	return 0;
}

void survey_children(struct lend_survey *survey)
{
	char dir[PATH_MAX];
	struct walk walk = {survey, dir};

	if (!sysfs_path(dir, "%s/bus/mdev/devices", context_sysfs(survey->context)))
		sysfs_each(dir, add_mediated, &walk);
	if (!sysfs_path(dir, "%s/class/dma", context_sysfs(survey->context)))
		sysfs_each(dir, add_channel, &walk);
}
