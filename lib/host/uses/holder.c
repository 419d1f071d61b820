/* SPDX-License-Identifier: MIT */
/*
 * Which process has a file open, by the descriptors that procfs lists. Without
 * privilege those of other users cannot be seen; they are left out.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/host/sysfs.h"
#include "lib/sized.h"

/* In procfs only a name of digits is a process. */
static pid_t parse_pid(const char *name)
{
	char *end;
	long pid = strtol(name, &end, 10);

	return *end || pid <= 0 || pid > INT_MAX ? -1 : (pid_t)pid;
}

static bool has_open(int dir, const char *fd, const char *path)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(dir, fd, target, sizeof(target) - 1);

	if (length < 0)
		return false;
	target[length] = '\0';
	return !strcmp(target, path);
}

static bool holds(const char *process, const char *path)
{
	const struct dirent *entry;
	char name[PATH_MAX];
	bool found = false;
	DIR *fds;

	if (sysfs_path(name, "%s/fd", process))
		return false;
	fds = opendir(name);
	if (!fds)
		return false;
	while (!found && (entry = readdir(fds)))
		found = has_open(dirfd(fds), entry->d_name, path);
	closedir(fds);
	return found;
}

int lend_host_holder(struct lend_context *context, const char *path, struct lend_host_holder *given,
		     size_t size)
{
	const struct dirent *entry;
	char process[PATH_MAX];
	struct lend_host_holder out = {0};
	pid_t first = 0;
	DIR *proc;

	proc = opendir(context_proc(context));
	if (!proc)
		return -ENOENT;
	while ((entry = readdir(proc))) {
		pid_t pid = parse_pid(entry->d_name);

		if (pid <= 0 || pid == getpid() || (first && pid > first))
			continue;
		if (!sysfs_path(process, "%s/%d", context_proc(context), pid) && holds(process, path))
			first = pid;
	}
	closedir(proc);
	if (!first || sysfs_path(process, "%s/%d", context_proc(context), first))
		return -ENOENT;
	out.pid = first;
	if (sysfs_read(process, "comm", out.command, sizeof(out.command)) < 0)
		strcpy(out.command, "?");
	sized_give(given, size, &out, sizeof(out));
	return 0;
}
