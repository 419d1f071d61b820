/* SPDX-License-Identifier: MIT */
/*
 * A device that is no bridge and has devices below it (a VMD, which has NVMe disks in
 * a domain of its own) is in use if one of these is.
 */
#include <stdio.h>
#include <string.h>

#include "lib/host/uses/ways.h"

static struct device *parent_of(struct lend_survey *survey, const struct device *device)
{
	struct lend_bdf bdf;

	if (!device->seen.parent[0] || lend_bdf_parse(device->seen.parent, &bdf))
		return NULL;
	return survey_device(survey, &bdf);
}

void survey_parents(struct lend_survey *survey)
{
	for (size_t i = 0; i < survey->device_count; i++) {
		const struct device *child = &survey->devices[i];
		const struct lend_use *stays = survey_stays_by(&child->seen);
		unsigned depth = 0;

		/* Uses that this device has from its own children were added to all its parents already. */
		if (!child->seen.use_count || child->uses[0].kind == LEND_USE_PARENT)
			continue;
		for (struct device *at = parent_of(survey, child); at && depth++ < 32;
		     at = parent_of(survey, at)) {
			if (at->seen.is.is_bridge)
				continue;
			use_passed_on(survey, at, LEND_USE_PARENT, child, "which is below it",
				      stays ? stays : &child->uses[0]);
		}
	}
}
