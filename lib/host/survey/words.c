/* SPDX-License-Identifier: MIT */
/* The one word about each device, and the sentence that goes with it. */
#include <stdio.h>
#include <string.h>

#include "lib/host/survey/survey.h"

/* PCI Code and ID Assignment: what keeps the computer together. Class 0680, "other", may be any device. */
static bool is_of_the_host(uint32_t class_code)
{
	enum { HOST = 0x0600, ISA = 0x0601, PCI = 0x0604, PCI_SEMI = 0x0609 };
	uint32_t class = class_code >> 8;

	return class == HOST || class == ISA || class == PCI || class == PCI_SEMI;
}

/* A group without an IOMMU: the device, and so its user, reaches all memory. */
static bool has_iommu(const struct lend_survey *survey, const struct lend_survey_device *device)
{
	char dir[PATH_MAX], name[32];

	if (device->is.group < 0 ||
	    sysfs_path(dir, "%s/kernel/iommu_groups/%d", context_sysfs(survey->context), device->is.group))
		return false;
	return sysfs_read(dir, "name", name, sizeof(name)) < 0 || strcmp(name, "vfio-noiommu") != 0;
}

/* VFIO tolerates members without a driver, bridges, and pci-stub. */
bool stands_in_the_way(const struct lend_survey_device *device)
{
	return device->is.driver[0] && !device->is.is_bridge && !lend_host_is_vfio(device->is.driver) &&
	       strcmp(device->is.driver, "pci-stub") != 0;
}

static void say(struct lend_survey_device *out, enum lend_survey_state state, const char *word)
{
	out->state = state;
	out->word = word;
}

/* Looks at the others of the group; the worst counts. */
static void look_at_siblings(const struct lend_survey *survey, struct lend_survey_device *out)
{
	size_t used = 0;

	for (size_t i = 0; i < survey->device_count; i++) {
		const struct lend_survey_device *other = &survey->devices[i].seen;

		if (other == out || other->is.group != out->is.group || other->is.is_bridge)
			continue;
		if (other->use_count && stands_in_the_way(other)) {
			say(out, LEND_STATE_BUSY, "busy");
			snprintf(out->why, sizeof(out->why), "%s, of its IOMMU group, is in use: %s",
				 other->is.name, other->uses[0].text);
			return;
		}
		if (!stands_in_the_way(other))
			continue;
		if (out->state != LEND_STATE_SHARED)
			used = (size_t)snprintf(out->why, sizeof(out->why), "its IOMMU group %d has also",
						out->is.group);
		say(out, LEND_STATE_SHARED, "shared");
		if (used < sizeof(out->why))
			used += (size_t)snprintf(out->why + used, sizeof(out->why) - used, " %s (%s)",
						 other->is.name, other->is.driver);
	}
}

static void choose(const struct lend_survey *survey, struct lend_survey_device *out)
{
	if (out->is.is_bridge || is_of_the_host(out->is.class_code)) {
		say(out, LEND_STATE_UNFIT, "bridge");
		snprintf(out->why, sizeof(out->why), "a bridge of the host is not lent");
	} else if (!has_iommu(survey, out)) {
		say(out, LEND_STATE_UNFIT, "no-iommu");
		snprintf(out->why, sizeof(out->why), "no IOMMU keeps it from the host's memory");
	} else if (out->use_count) {
		say(out, LEND_STATE_BUSY, "busy");
		snprintf(out->why, sizeof(out->why), "%s", out->uses[0].text);
	} else {
		if (lend_host_is_vfio(out->is.driver))
			say(out, LEND_STATE_READY, "ready");
		else
			say(out, LEND_STATE_BINDABLE, "bindable");
		look_at_siblings(survey, out);
	}
}

void survey_words(struct lend_survey *survey)
{
	for (size_t i = 0; i < survey->device_count; i++)
		choose(survey, &survey->devices[i].seen);
}
