/* SPDX-License-Identifier: MIT */
/* Disks and files that the kernel writes memory to: swap space, hibernation, crashes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host/uses/ways.h"

static int add_swap(void *opaque, char *line)
{
	char path[PATH_MAX];

	if (sscanf(line, "%4095s", path) != 1 || path[0] != '/')
		return 0;
	mounts_unescape(path);
	claim_cure(survey_claim(opaque, LEND_USE_SWAP, path, "is swap space"), "swapoff %s", path);
	return 0;
}

void survey_swap(struct lend_survey *survey)
{
	look_lines(survey, context_proc(survey->context), "swaps", add_swap, survey);
}

/* The disk that the kernel writes to when it crashes, by name or number. */
void survey_crash(struct lend_survey *survey)
{
	char path[128];

	if (look_read(survey, context_sysfs(survey->context), "module/pstore_blk/parameters/blkdev", path,
		      sizeof(path)) > 0 &&
	    strcmp(path, "(null)") != 0)
		survey_claim(survey, LEND_USE_CRASH, path, "is where the kernel records crashes");
}

/* Older kernels refuse to take "none" for a disk (6.1 does, 6.12 does not; the change was made in 6.5). */
static bool can_forget_disk(struct lend_survey *survey)
{
	char release[64];
	unsigned major, minor;

	return look_read(survey, context_proc(survey->context), "sys/kernel/osrelease", release,
			 sizeof(release)) > 0 &&
	       sscanf(release, "%u.%u", &major, &minor) == 2 && (major > 6 || (major == 6 && minor >= 5));
}

void survey_hibernation(struct lend_survey *survey)
{
	char number[24], *parameters;
	struct claim *claim;

	if (look_read(survey, context_sysfs(survey->context), "power/resume", number, sizeof(number)) <= 0 ||
	    !strncmp(number, "0:", 2))
		return;
	claim = survey_claim(survey, LEND_USE_HIBERNATION, number, "is where this computer hibernates to");
	/* With a parameter of the kernel the number comes back at once. */
	parameters = look_load(survey, context_proc(survey->context), "cmdline");
	if (can_forget_disk(survey) && (!parameters || !strstr(parameters, "resume=")))
		claim_cure(claim, "sh -c 'echo 0:0 >/sys/power/resume'");
	free(parameters);
}
