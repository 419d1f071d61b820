/* SPDX-License-Identifier: MIT */
/* Swap space, on disks and in files, and where the kernel writes a hibernating computer's memory to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host/uses/ways.h"

void survey_swap(struct lend_survey *survey)
{
	char *text = sysfs_load(context_proc(survey->context), "swaps", NULL), *rest = text, *line;
	char path[PATH_MAX];

	while ((line = strsep(&rest, "\n"))) {
		if (sscanf(line, "%4095s", path) != 1 || path[0] != '/')
			continue;
		mounts_unescape(path);
		claim_cure(survey_claim(survey, LEND_USE_SWAP, path, "is swap space"), "swapoff %s", path);
	}
	free(text);
}

void survey_hibernation(struct lend_survey *survey)
{
	char number[24];

	if (sysfs_read(context_sysfs(survey->context), "power/resume", number, sizeof(number)) > 0 &&
	    strncmp(number, "0:", 2) != 0)
		claim_cure(survey_claim(survey, LEND_USE_HIBERNATION, number,
					"is where this computer hibernates to"),
			   "sh -c 'echo 0:0 >/sys/power/resume'");
}
