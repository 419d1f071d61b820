/* SPDX-License-Identifier: MIT */
/* The one word about each device, and its sentence. */
#include <stdio.h>
#include <string.h>

#include "lib/host/survey/survey.h"

/* A group of VFIO's no-IOMMU mode has no IOMMU: its device, and so its user, reaches all memory. */
static bool has_iommu(struct lend_survey *survey, const struct lend_survey_device *device)
{
	char dir[PATH_MAX], name[32];

	if (device->is.group < 0 ||
	    sysfs_path(dir, "%s/kernel/iommu_groups/%d", context_sysfs(survey->context), device->is.group))
		return false;
	return look_read(survey, dir, "name", name, sizeof(name)) < 0 || strcmp(name, "vfio-noiommu") != 0;
}

static void say(struct lend_survey_device *out, enum lend_survey_state state, const char *word)
{
	out->state = state;
	out->word = word;
}

/* Whether another device keeps it from being lent, whatever is done; the sentence names that one. */
static bool is_blocked(const struct lend_survey *survey, struct lend_survey_device *out)
{
	const struct lend_survey_device *above = survey_owner_above(survey, out);

	if (above) {
		snprintf(out->why, sizeof(out->why),
			 "it is behind %s (%s), which is lent as a whole, with all that is behind it",
			 above->is.name, above->is.driver[0] ? above->is.driver : "no driver");
		return true;
	}
	for (size_t i = 0; i < survey->device_count; i++) {
		const struct lend_survey_device *other = &survey->devices[i].seen;

		if (survey_member(survey, out, other) != MEMBER_STAYS)
			continue;
		snprintf(out->why, sizeof(out->why),
			 "its IOMMU group %d has also %s, a bridge of the host, which stays with it: nothing "
			 "of the group can be lent as long as that has a driver (%s)",
			 out->is.group, other->is.name, other->is.driver);
		return true;
	}
	return false;
}

/* Looks at the other members of the group. One that is in use makes the device busy, others shared. */
static void look_at_siblings(const struct lend_survey *survey, struct lend_survey_device *out)
{
	size_t used = 0;

	for (size_t i = 0; i < survey->device_count; i++) {
		const struct lend_survey_device *other = &survey->devices[i].seen;

		if (survey_member(survey, out, other) != MEMBER_COMES)
			continue;
		if (other->use_count) {
			say(out, LEND_STATE_BUSY, "busy");
			snprintf(out->why, sizeof(out->why), "%s, of its IOMMU group, is in use: %s",
				 other->is.name, other->uses[0].text);
			return;
		}
		if (out->state != LEND_STATE_SHARED)
			used = (size_t)snprintf(out->why, sizeof(out->why), "its IOMMU group %d has also",
						out->is.group);
		say(out, LEND_STATE_SHARED, "shared");
		if (used < sizeof(out->why))
			used += (size_t)snprintf(out->why + used, sizeof(out->why) - used, " %s (%s)",
						 other->is.name, other->is.driver);
	}
}

static void choose(struct lend_survey *survey, struct lend_survey_device *out)
{
	if (is_of_the_host(out)) {
		say(out, LEND_STATE_UNFIT, "bridge");
		snprintf(out->why, sizeof(out->why), "a bridge of the host is not lent");
	} else if (out->is.is_dead) {
		say(out, LEND_STATE_DEAD, "dead");
		snprintf(out->why, sizeof(out->why),
			 "it does not answer (its configuration space reads all ones)");
	} else if (!has_iommu(survey, out)) {
		say(out, LEND_STATE_UNFIT, "no-iommu");
		snprintf(out->why, sizeof(out->why), "no IOMMU keeps it from the host's memory");
	} else if (is_blocked(survey, out)) {
		say(out, LEND_STATE_BLOCKED, "blocked");
	} else if (out->use_count) {
		const struct lend_use *stays = survey_stays_by(out);

		say(out, LEND_STATE_BUSY, "busy");
		snprintf(out->why, sizeof(out->why), "%s", stays ? stays->text : out->uses[0].text);
	} else {
		if (lend_host_is_vfio(out->is.driver))
			say(out, LEND_STATE_READY, "ready");
		else
			say(out, LEND_STATE_BINDABLE, "bindable");
		look_at_siblings(survey, out);
	}
}

/* Without a look at what uses it no device may seem to be free. lend ls never shows this word. */
static void doubt(struct lend_survey_device *out)
{
	if (out->state != LEND_STATE_READY && out->state != LEND_STATE_BINDABLE &&
	    out->state != LEND_STATE_SHARED)
		return;
	out->state = LEND_STATE_BUSY;
	out->word = "unknown";
	snprintf(out->why, sizeof(out->why), "what uses it was not looked for");
}

void survey_words(struct lend_survey *survey)
{
	look_for(survey, LOOK_ALL);
	for (size_t i = 0; i < survey->device_count; i++) {
		choose(survey, &survey->devices[i].seen);
		if (survey->names_only)
			doubt(&survey->devices[i].seen);
	}
}
