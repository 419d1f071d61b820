/* SPDX-License-Identifier: MIT */
/*
 * The nodes below /dev that processes have open, in one walk over procfs. Without
 * privilege those of other users cannot be seen; they are counted. A node that was
 * made outside of a folder "dev" is not found.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/host/uses/ways.h"

struct walk {
	struct lend_survey *survey;
	char fds[PATH_MAX];
	pid_t pid;
	size_t hidden; /* descriptors of it that may not be looked at */
};

/*
 * Nodes that any process may have open and that belong to no device. The names are
 * whole, because /dev/ttyS4 is a serial port of a card. /dev/tty1 is a virtual terminal.
 */
static bool is_ordinary(const char *path)
{
	static const char *const names[] = {"null",   "zero",    "full", "urandom",
					    "random", "console", "tty",  "ptmx"};
	const char *name = path + strlen("/dev/");

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return !strncmp(name, "pts/", 4) || !strncmp(name, "shm/", 4) ||
	       (!strncmp(name, "tty", 3) && name[3] >= '0' && name[3] <= '9');
}

/*
 * The part of a link's target from "/dev/" on; NULL: it has none. For a process with
 * another root it is within the target. If the node was removed, " (deleted)" follows.
 */
static char *below_dev(char *path)
{
	static const char gone[] = " (deleted)";
	char *found = strstr(path, "/dev/");
	size_t length = strlen(path);

	if (!found || path[0] != '/')
		return NULL;
	if (length > strlen(gone) && !strcmp(path + length - strlen(gone), gone))
		path[length - strlen(gone)] = '\0';
	return found;
}

/* Reads the process's name, for the sentences. */
static void name_process(struct walk *walk, struct opened *opened)
{
	char process[PATH_MAX];

	opened->pid = walk->pid;
	if (sysfs_path(process, "%s/%d", context_proc(walk->survey->context), (int)walk->pid) ||
	    look_read(walk->survey, process, "comm", opened->command, sizeof(opened->command)) < 0)
		strcpy(opened->command, "?");
}

/* Adds a row for a path of a process. NULL: there is one already, or the path does not fit. */
static struct opened *add_path(struct walk *walk, const char *path)
{
	struct lend_survey *survey = walk->survey;
	struct opened *last = survey->opened_count ? &survey->opened[survey->opened_count - 1] : NULL;

	if (strlen(path) >= sizeof(last->path))
		return NULL;
	for (; last && last >= survey->opened && last->pid == walk->pid; last--)
		if (!strcmp(last->path, path))
			return NULL;
	last = survey_row(survey, &survey->opened, &survey->opened_count, sizeof(*survey->opened));
	if (last) {
		strcpy(last->path, path);
		name_process(walk, last);
	}
	return last;
}

static bool is_known(const struct lend_survey *survey, const char *name)
{
	for (size_t i = 0; i < survey->node_count; i++)
		if (!strcmp(survey->nodes[i].name, name))
			return true;
	return false;
}

/* A node that was made under another name is known by its number. Looking at it does not wait. */
static void read_number(struct walk *walk, const char *fd, struct opened *out)
{
	char path[PATH_MAX];
	struct statx found;

	if (is_known(walk->survey, out->path + strlen("/dev/")) || sysfs_path(path, "%s/%s", walk->fds, fd) ||
	    look_process(statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_TYPE, &found) ? -errno : 0,
			 &walk->hidden) ||
	    (!S_ISBLK(found.stx_mode) && !S_ISCHR(found.stx_mode)))
		return;
	snprintf(out->number, sizeof(out->number), "%u:%u", found.stx_rdev_major, found.stx_rdev_minor);
	out->is_block = S_ISBLK(found.stx_mode);
}

/* A device's registers, which a driver in user space has open: "0000:03:00.0/resource0". */
static void add_resource(struct walk *walk, const char *target)
{
	const char *name = strrchr(target, '/'), *above;
	struct lend_bdf owner;

	above = memrchr(target, '/', (size_t)(name - target));
	if (above && !strncmp(name, "/resource", strlen("/resource")) && sysfs_owner(target, &owner))
		add_path(walk, above + 1);
}

/* A descriptor without a path: newer kernels tell in fdinfo which device it is of. */
static void add_vfio(struct walk *walk, const char *fd)
{
	static const char is[] = "vfio-device-syspath:";
	char dir[PATH_MAX], path[32], address[16], *text, *found;
	struct lend_bdf owner;

	if (sysfs_path(dir, "%s/%d/fdinfo", context_proc(walk->survey->context), (int)walk->pid))
		return;
	text = look_load(walk->survey, dir, fd);
	found = text ? strstr(text, is) : NULL;
	if (found) {
		found[strcspn(found, "\n")] = '\0';
		if (sysfs_owner(found + strlen(is), &owner)) {
			lend_bdf_format(&owner, address);
			snprintf(path, sizeof(path), "vfio:%s", address);
			add_path(walk, path);
		}
	}
	free(text);
}

static void add_unnamed(struct walk *walk, const char *fd, const char *target)
{
	struct opened by = {0};

	if (!strcmp(target, "anon_inode:[vfio-device]"))
		add_vfio(walk, fd);
	if (packets_has(walk->survey, target)) {
		name_process(walk, &by);
		packets_opened(walk->survey, target, &by);
	}
}

static int add_descriptor(void *opaque, const char *fd)
{
	struct walk *walk = opaque;
	struct opened *added;
	char target[PATH_MAX], *path;

	if (look_process(sysfs_target(walk->fds, fd, target), &walk->hidden) < 0)
		return 0;
	path = below_dev(target);
	if (target[0] != '/') {
		add_unnamed(walk, fd, target);
	} else if (!path) {
		add_resource(walk, target);
	} else if (!is_ordinary(path)) {
		/* The older name of that field. */
		added = add_path(walk, strcmp(path, "/dev/watchdog") ? path : "/dev/watchdog0");
		if (added)
			read_number(walk, fd, added);
	}
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
	if (sysfs_path(walk->fds, "%s/%s/fd", context_proc(walk->survey->context), name))
		return 0;
	walk->hidden = 0;
	look_process(sysfs_each(walk->fds, add_descriptor, walk), &walk->hidden);
	walk->survey->hidden += walk->hidden > 0;
	return 0;
}

void survey_holder(struct lend_survey *survey, struct device *device, const struct opened *opened,
		   const char *interface)
{
	char unit[80];
	const char *stop;

	/* udev has each new device open for a moment. */
	if (strstr(opened->command, "udev"))
		return;
	if (interface)
		survey_use(survey, device, LEND_USE_OPEN, "process %d (%s) takes the frames of %s itself",
			   (int)opened->pid, opened->command, interface);
	else
		survey_use(survey, device, LEND_USE_OPEN, "process %d (%s) has %s open", (int)opened->pid,
			   opened->command, opened->path);
	stop = process_unit(survey, opened->pid, unit);
	if (stop)
		survey_cure(device, stop, unit);
}

void survey_opened(struct lend_survey *survey)
{
	struct walk walk = {.survey = survey};

	packets_read(survey);
	look_each(survey, context_proc(survey->context), add_process, &walk);
}
