/* SPDX-License-Identifier: MIT */
/*
 * What is mounted, in each mount namespace that this user can see: a disk that
 * only a container has mounted is in use all the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host/survey/survey.h"

enum { NAMESPACES_MAX = 256 };

struct namespaces {
	struct lend_survey *survey;
	char seen[NAMESPACES_MAX][32]; /* "mnt:[4026531841]" */
	size_t count;
};

/* The kernel writes space, tab, newline and backslash as \ooo. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from;) {
		unsigned code;

		if (*from == '\\' && sscanf(from + 1, "%3o", &code) == 1) {
			*to++ = (char)code;
			from += strlen("\\ooo");
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
}

/* proc(5): ID parent major:minor root point options [tags] - type source superoptions */
static void add_line(struct lend_survey *survey, char *line)
{
	char number[24], point[PATH_MAX], source[PATH_MAX], *rest = strstr(line, " - ");
	struct mount *mount;

	if (!rest || sscanf(line, "%*s %*s %23s %*s %4095s", number, point) != 2 ||
	    sscanf(rest + 3, "%*s %4095s", source) != 1)
		return;
	/* Others have no disk: proc, tmpfs, 9p. */
	if (!strncmp(number, "0:", 2) && strncmp(source, "/dev/", 5) != 0)
		return;
	unescape(point);
	unescape(source);
	for (size_t i = 0; i < survey->mount_count; i++)
		if (!strcmp(survey->mounts[i].number, number) &&
		    !strncmp(survey->mounts[i].point, point, 127))
			return;
	mount = survey_row(survey, &survey->mounts, &survey->mount_count, sizeof(*survey->mounts));
	if (!mount)
		return;
	snprintf(mount->number, sizeof(mount->number), "%s", number);
	snprintf(mount->point, sizeof(mount->point), "%.127s", point);
	snprintf(mount->source, sizeof(mount->source), "%.95s", source);
}

static void read_mounts(struct lend_survey *survey, const char *process)
{
	char dir[PATH_MAX], *text, *rest, *line;

	if (sysfs_path(dir, "%s/%s", context_proc(survey->context), process))
		return;
	rest = text = sysfs_load(dir, "mountinfo", NULL);
	while ((line = strsep(&rest, "\n")))
		if (*line)
			add_line(survey, line);
	free(text);
}

static int add_process(void *opaque, const char *name)
{
	struct namespaces *namespaces = opaque;
	char dir[PATH_MAX], target[PATH_MAX];

	if (strspn(name, "0123456789") != strlen(name) ||
	    sysfs_path(dir, "%s/%s/ns", context_proc(namespaces->survey->context), name) ||
	    sysfs_target(dir, "mnt", target) < 0)
		return 0;
	for (size_t i = 0; i < namespaces->count; i++)
		if (!strncmp(namespaces->seen[i], target, 31))
			return 0;
	if (namespaces->count == NAMESPACES_MAX)
		return 1;
	snprintf(namespaces->seen[namespaces->count++], 32, "%.31s", target);
	read_mounts(namespaces->survey, name);
	return 0;
}

void survey_mounts(struct lend_survey *survey)
{
	struct namespaces namespaces = {.survey = survey};

	read_mounts(survey, "self");
	sysfs_each(context_proc(survey->context), add_process, &namespaces);
}
