/* SPDX-License-Identifier: MIT */
/*
 * What is mounted in each mount namespace that this user can see: a disk is also in
 * use if only a container has mounted it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host/uses/ways.h"

struct namespace
{
	char name[32]; /* "mnt:[4026531841]" */
};

struct namespaces {
	struct lend_survey *survey;
	struct namespace *seen;
	size_t count;
};

/* The kernel writes space, tab, newline and backslash as \ooo. */
void mounts_unescape(char *text)
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

static void add_mount(struct lend_survey *survey, const char *number, const char *source, const char *point)
{
	struct mount *mount;

	for (size_t i = 0; i < survey->mount_count; i++)
		if (!strcmp(survey->mounts[i].number, number) &&
		    !strncmp(survey->mounts[i].point, point, 127) &&
		    !strncmp(survey->mounts[i].source, source, 95))
			return;
	mount = survey_row(survey, &survey->mounts, &survey->mount_count, sizeof(*survey->mounts));
	if (!mount)
		return;
	snprintf(mount->number, sizeof(mount->number), "%.23s", number);
	snprintf(mount->point, sizeof(mount->point), "%.127s", point);
	snprintf(mount->source, sizeof(mount->source), "%.95s", source);
}

/* "rw,logdev=/dev/sda2": if an option names a node, that is a second disk of the file system. */
static void add_options(struct lend_survey *survey, char *rest, const char *point)
{
	static const char is[] = "=/dev/";
	char *options, *option;

	/* type, source, options: the last of the line */
	options = strchr(rest, ' ');
	options = options ? strchr(options + 1, ' ') : NULL;
	if (!options || !strstr(options, is))
		return;
	while ((option = strsep(&options, ", "))) {
		char *value = strstr(option, is);

		if (value) {
			mounts_unescape(value);
			claim_cure(survey_claim(survey, LEND_USE_JOURNAL, value + 1,
						"is a part of the file system at %s", point),
				   "umount %s", point);
		}
	}
}

/* With these options procfs lists no processes of other users: "hidepid=2", "hidepid=invisible". */
static bool is_hiding(const char *options)
{
	const char *value = strstr(options, "hidepid=");

	value = value ? value + strlen("hidepid=") : "0";
	return *value == '2' || *value == '4' || *value == 'i' || *value == 'p';
}

/* proc(5): ID parent major:minor root point options [tags] - type source superoptions */
static void add_line(struct lend_survey *survey, char *line)
{
	char number[24], point[PATH_MAX], source[PATH_MAX], type[32], *rest = strstr(line, " - "), *parts,
								      *part;

	if (!rest || sscanf(line, "%*s %*s %23s %*s %4095s", number, point) != 2 ||
	    sscanf(rest + 3, "%31s %4095s", type, source) != 2)
		return;
	survey->has_zfs |= !strcmp(type, "zfs");
	if (!strcmp(type, "proc") && is_hiding(rest))
		survey->hides_processes = true;
	mounts_unescape(point);
	add_options(survey, rest + 3, point);
	/* A file system without a node has no disk: proc, tmpfs, 9p. */
	if (!strncmp(number, "0:", 2) && strncmp(source, "/dev/", 5) != 0)
		return;
	mounts_unescape(source);
	/* A file system without the number of a disk may have several disks: "/dev/a:/dev/b". */
	parts = source;
	if (strncmp(number, "0:", 2) != 0)
		add_mount(survey, number, source, point);
	else
		while ((part = strsep(&parts, ":")))
			add_mount(survey, number, part, point);
}

static int add_each(void *opaque, char *line)
{
	add_line(opaque, line);
	return 0;
}

static int read_mounts(struct lend_survey *survey, const char *process)
{
	char dir[PATH_MAX];
	int ret = sysfs_path(dir, "%s/%s", context_proc(survey->context), process);

	return ret ? ret : sysfs_lines(dir, "mountinfo", add_each, survey);
}

/* A process that has ended, or a thread of the kernel, has no mount namespace. */
static bool is_gone(int error)
{
	return error == -ENOENT || error == -ESRCH || error == -EINVAL;
}

static int add_process(void *opaque, const char *name)
{
	struct namespaces *namespaces = opaque;
	struct lend_survey *survey = namespaces->survey;
	char dir[PATH_MAX], target[PATH_MAX];
	struct namespace *seen;
	int ret;

	if (strspn(name, "0123456789") != strlen(name) ||
	    sysfs_path(dir, "%s/%s/ns", context_proc(survey->context), name))
		return 0;
	ret = sysfs_target(dir, "mnt", target);
	survey->hidden_mounts += ret < 0 && !is_gone(ret);
	if (ret < 0)
		return 0;
	for (size_t i = 0; i < namespaces->count; i++)
		if (!strncmp(namespaces->seen[i].name, target, sizeof(seen->name) - 1))
			return 0;
	ret = read_mounts(survey, name);
	survey->hidden_mounts += ret < 0 && !is_gone(ret);
	/* A process that is just ending shows nothing; another one of the namespace may. */
	seen = ret < 0 ? NULL
		       : survey_row(survey, &namespaces->seen, &namespaces->count, sizeof(*namespaces->seen));
	if (seen)
		snprintf(seen->name, sizeof(seen->name), "%.31s", target);
	return 0;
}

void survey_mounts(struct lend_survey *survey)
{
	struct namespaces namespaces = {.survey = survey};

	if (read_mounts(survey, "self") < 0)
		survey_unseen(survey, LEND_USE_MOUNT, "the table of mounts, which could not be read");
	sysfs_each(context_proc(survey->context), add_process, &namespaces);
	free(namespaces.seen);
}
