/* SPDX-License-Identifier: MIT */
/*
 * The nodes below /dev that processes have open, in one walk over procfs.
 * Processes of other users are not visible without privilege. A node that a
 * renamed or removed file was opened by is not found: its path is gone.
 */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/host/survey/survey.h"

struct walk {
	struct lend_survey *survey;
	char fds[PATH_MAX];
	pid_t pid;
};

/* What every process has open, and what is no device's. */
static bool is_ordinary(const char *path)
{
	static const char *const prefixes[] = {"/dev/null", "/dev/pts/", "/dev/tty",     "/dev/urandom",
					       "/dev/zero", "/dev/shm/", "/dev/console", "/dev/random"};

	if (strncmp(path, "/dev/", 5) != 0)
		return true;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (!strncmp(path, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static int add_descriptor(void *opaque, const char *fd)
{
	struct walk *walk = opaque;
	struct lend_survey *survey = walk->survey;
	char path[PATH_MAX], process[PATH_MAX];
	struct opened *last = survey->opened_count ? &survey->opened[survey->opened_count - 1] : NULL;

	if (sysfs_target(walk->fds, fd, path) < 0 || is_ordinary(path) || strlen(path) >= sizeof(last->path))
		return 0;
	for (; last && last >= survey->opened && last->pid == walk->pid; last--)
		if (!strcmp(last->path, path))
			return 0;
	last = survey_row(survey, &survey->opened, &survey->opened_count, sizeof(*survey->opened));
	if (!last)
		return 0;
	strcpy(last->path, path);
	last->pid = walk->pid;
	if (sysfs_path(process, "%s/%d", context_proc(survey->context), (int)walk->pid) ||
	    sysfs_read(process, "comm", last->command, sizeof(last->command)) < 0)
		strcpy(last->command, "?");
	return 0;
}

static int add_process(void *opaque, const char *name)
{
	struct walk *walk = opaque;
	char *end;
	long pid = strtol(name, &end, 10);

	if (*end || pid <= 0 || pid > INT_MAX || pid == getpid())
		return 0;
	walk->pid = (pid_t)pid;
	if (!sysfs_path(walk->fds, "%s/%s/fd", context_proc(walk->survey->context), name))
		sysfs_each(walk->fds, add_descriptor, walk);
	return 0;
}

void survey_opened(struct lend_survey *survey)
{
	struct walk walk = {.survey = survey};

	sysfs_each(context_proc(survey->context), add_process, &walk);
}
