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

/* A mount of ours is in every namespace that was made from it: one time is enough. */
static bool is_ours(const struct lend_survey *survey, const struct mount *mount)
{
	for (size_t i = 0; i < survey->mount_count; i++) {
		const struct mount *other = &survey->mounts[i];

		if (!other->process && !strcmp(other->number, mount->number) &&
		    !strcmp(other->point, mount->point) && !strcmp(other->source, mount->source))
			return true;
	}
	return false;
}

/* Types of file systems that a device without a disk may serve (shares.c). NULL: it is another one. */
static const char *share_of(const char *type)
{
	static const char *const types[] = {"9p", "virtiofs"};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (!strcmp(type, types[i]))
			return types[i];
	return NULL;
}

static void add_mount(struct lend_survey *survey, const struct mount *mount, const char *source)
{
	struct mount copy = *mount, *row;

	snprintf(copy.source, sizeof(copy.source), "%.95s", source);
	if (copy.process && is_ours(survey, &copy))
		return;
	row = survey_row(survey, &survey->mounts, &survey->mount_count, sizeof(*survey->mounts));
	if (row)
		*row = copy;
}

/* Whether it lies on a mount that is kept: then it has to be unmounted before that. */
static bool is_on_kept(const struct lend_survey *survey, const struct mount *mount)
{
	/* Those of one namespace stand together, at the end. */
	for (size_t i = survey->mount_count; i-- > 0;) {
		const struct mount *other = &survey->mounts[i];

		if (other->process != mount->process)
			break;
		if (other->id == mount->parent)
			return !mounts_last(other->point);
	}
	return false;
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
			claim_unmount(survey_claim(survey, LEND_USE_JOURNAL, value + 1,
						   "is a part of the file system at %s", point),
				      point);
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

/* "rpool/ROOT/debian": the pool of the root's file system. */
static void note_zfs(struct lend_survey *survey, const struct mount *mount, const char *source)
{
	survey->has_zfs = true;
	if (!mount->process && mounts_last(mount->point))
		snprintf(survey->root_pool, sizeof(survey->root_pool), "%.*s", (int)strcspn(source, "/"),
			 source);
}

struct reader {
	struct lend_survey *survey;
	pid_t process; /* whose mounts are read; 0: ours */
};

/* proc(5): ID parent major:minor root point options [tags] - type source superoptions */
static void add_line(const struct reader *reader, char *line)
{
	char point[PATH_MAX], source[PATH_MAX], type[32], *rest = strstr(line, " - "), *parts, *part;
	struct lend_survey *survey = reader->survey;
	struct mount mount = {.process = reader->process};

	if (!rest ||
	    sscanf(line, "%d %d %23s %*s %4095s", &mount.id, &mount.parent, mount.number, point) != 4 ||
	    sscanf(rest + 3, "%31s %4095s", type, source) != 2)
		return;
	if (!strcmp(type, "proc") && is_hiding(rest))
		survey->hides_processes = true;
	mount.share = share_of(type);
	mounts_unescape(point);
	mounts_unescape(source);
	snprintf(mount.point, sizeof(mount.point), "%.127s", point);
	if (!strcmp(type, "zfs"))
		note_zfs(survey, &mount, source);
	add_options(survey, rest + 3, point);
	/* A file system without the number of a disk may have several disks: "/dev/a:/dev/b". */
	parts = source;
	if (strncmp(mount.number, "0:", 2) != 0)
		add_mount(survey, &mount, source);
	else if (!strncmp(source, "/dev/", 5))
		while ((part = strsep(&parts, ":")))
			add_mount(survey, &mount, part);
	else if (mount.share || is_on_kept(survey, &mount)) /* without a disk: proc, tmpfs */
		add_mount(survey, &mount, source);
}

static int add_each(void *opaque, char *line)
{
	add_line(opaque, line);
	return 0;
}

/* `*hidden` counts a table that may not be read. */
static int read_mounts(struct lend_survey *survey, const char *process, size_t *hidden)
{
	struct reader reader = {survey, (pid_t)strtol(process, NULL, 10)}; /* "self": 0 */
	char dir[PATH_MAX];
	int ret = sysfs_path(dir, "%s/%s", context_proc(survey->context), process);

	return ret ? ret : look_process(sysfs_lines(dir, "mountinfo", add_each, &reader), hidden);
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
	ret = look_process(sysfs_target(dir, "mnt", target), &survey->hidden_mounts);
	if (ret < 0)
		return 0;
	for (size_t i = 0; i < namespaces->count; i++)
		if (!strncmp(namespaces->seen[i].name, target, sizeof(seen->name) - 1))
			return 0;
	ret = read_mounts(survey, name, &survey->hidden_mounts);
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
	size_t hidden = 0;

	if (read_mounts(survey, "self", &hidden) < 0)
		survey_unseen(survey, LEND_USE_MOUNT, "the table of mounts, which could not be read");
	look_each(survey, context_proc(survey->context), add_process, &namespaces);
	free(namespaces.seen);
}
