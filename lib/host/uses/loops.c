/* SPDX-License-Identifier: MIT */
/* Loop devices: the kernel has the disk or file behind them open, and sysfs has no link to it. */
#include <stdio.h>
#include <string.h>

#include "lib/host/uses/ways.h"

static int add_loop(void *opaque, const char *name)
{
	struct lend_survey *survey = opaque;
	char dir[PATH_MAX], file[PATH_MAX];
	struct claim *claim;

	if (strncmp(name, "loop", 4) != 0 ||
	    sysfs_path(dir, "%s/devices/virtual/block/%s", context_sysfs(survey->context), name) ||
	    look_read(survey, dir, "loop/backing_file", file, sizeof(file)) <= 0)
		return 0;
	claim = survey_claim(survey, LEND_USE_LOOP, file, "is behind /dev/%s", name);
	claim_cure(claim, "losetup -d /dev/%s", name);
	claim_above(claim, name);
	return 0;
}

void survey_loops(struct lend_survey *survey)
{
	char dir[PATH_MAX];

	if (!sysfs_path(dir, "%s/devices/virtual/block", context_sysfs(survey->context)))
		look_each(survey, dir, add_loop, survey);
}
