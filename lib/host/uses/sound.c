/* SPDX-License-Identifier: MIT */
/* Sound cards that play or record now. */
#include <stdio.h>
#include <string.h>

#include "lib/host/uses/ways.h"

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
	    look_read(walk->survey, dir, "status", status, sizeof(status)) <= 0 ||
	    !strncmp(status, "closed", 6))
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
	ret = look_each(walk->survey, walk->card, find_stream, walk);
	walk->card[length] = '\0';
	return ret > 0;
}

static int find_card(void *opaque, const char *name)
{
	struct walk *walk = opaque;

	walk->name = name;
	if (!strncmp(name, "card", 4) &&
	    !sysfs_path(walk->card, "%s/asound/%s", context_proc(walk->survey->context), name))
		look_each(walk->survey, walk->card, find_pcm, walk);
	return 0;
}

static void find_sound(struct lend_survey *survey, struct device *device)
{
	struct walk walk = {.survey = survey, .device = device};
	char dir[PATH_MAX];

	if (!sysfs_path(dir, "%s/bus/pci/devices/%s/sound", context_sysfs(survey->context),
			device->seen.is.name))
		look_each(survey, dir, find_card, &walk);
}

void survey_sound(struct lend_survey *survey)
{
	for (size_t i = 0; i < survey->device_count; i++)
		find_sound(survey, &survey->devices[i]);
}
