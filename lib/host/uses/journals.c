/* SPDX-License-Identifier: MIT */
/*
 * Parts of a file system on another disk than the rest: journals of ext4, which
 * jbd2 lists, and what mount options name (logdev=, rtdev= of XFS).
 */
#include <string.h>

#include "lib/host/uses/ways.h"

/* "sda1-8" is the journal in inode 8 of a file system; a name without an inode is a whole disk. */
static int add_journal(void *opaque, const char *name)
{
	struct lend_survey *survey = opaque;
	char path[PATH_MAX];

	if (!strchr(name, '-') && !sysfs_path(path, "/dev/%s", name)) {
		for (char *at = path; (at = strchr(at, '!'));)
			*at = '/';
		survey_claim(survey, LEND_USE_JOURNAL, path, "is the journal of a mounted file system");
	}
	return 0;
}

void survey_journals(struct lend_survey *survey)
{
	char dir[PATH_MAX];

	if (!sysfs_path(dir, "%s/fs/jbd2", context_proc(survey->context)))
		sysfs_each(dir, add_journal, survey);
}
