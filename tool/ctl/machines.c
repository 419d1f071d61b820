/* SPDX-License-Identifier: MIT */
/* See machines.h. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/clean.h"
#include "tool/ctl/machines.h"
#include "tool/nearest.h"
#include "tool/run/options.h"
#include "tool/run/registry.h"
#include "tool/run/socket.h"
#include "tool/tool.h"

/* A user's file is read by root, too: only a small plain one of that user, and without waiting. */
static json_t *read_entry(const char *path, uid_t owner)
{
	char bytes[REGISTRY_BYTES_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	struct stat st;
	ssize_t length = -1;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == owner &&
	    st.st_size <= (off_t)sizeof(bytes))
		length = read(fd, bytes, sizeof(bytes));
	close(fd);
	return length > 0 ? json_loadb(bytes, (size_t)length, 0, NULL) : NULL;
}

/* No link, and the owner's: what lies there is not another's. */
static bool is_owned(const char *path, mode_t kind, uid_t owner)
{
	struct stat st;

	return !lstat(path, &st) && (st.st_mode & S_IFMT) == kind && st.st_uid == owner;
}

static void forget(struct ctl_machine *machine)
{
	free(machine->name);
	free(machine->socket);
	json_decref(machine->entry);
}

/*
 * Whether the entry is one, of a machine of `owner` that runs. Where it is tells its name and its
 * socket: what the file says of them could lead to another's machine.
 */
static bool take(struct ctl_machine *machine, const char *path, uid_t owner)
{
	char folder[REGISTRY_PATH], parent[REGISTRY_PATH], socket[REGISTRY_PATH];
	char *name;

	*machine = (struct ctl_machine){0};
	if (snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path) >=
		    REGISTRY_PATH ||
	    snprintf(socket, sizeof(socket), "%s/qmp", folder) >= REGISTRY_PATH)
		return false;
	name = strrchr(folder, '/') + 1;
	snprintf(parent, sizeof(parent), "%.*s", (int)(name - folder - 1), folder);
	/* A shell that completes such a name finds nothing to expand in it. */
	if (!value_is_name(name) || !is_owned(parent, S_IFDIR, owner) || !is_owned(folder, S_IFDIR, owner) ||
	    !is_owned(socket, S_IFSOCK, owner) || !socket_is_served(socket))
		return false;
	/* static: the list of machines owns it */
	*machine = (struct ctl_machine){.name = strdup(name),
					.socket = strdup(socket),
					.entry = read_entry(path, owner),
					.owner = owner};
	machine->pid = (pid_t)json_integer_value(json_object_get(machine->entry, "pid"));
	machine->started = json_integer_value(json_object_get(machine->entry, "started"));
	if (machine->name && machine->socket && json_is_object(machine->entry)) {
		json_object_set_new(machine->entry, "name", json_string(name));
		json_object_set_new(machine->entry, "qmp", json_string(socket));
		return true;
	}
	forget(machine);
	return false;
}

/* Whose entries a pattern finds: the caller's, or as /run/user/UID/... says. */
static uid_t owner_of(const char *path, bool own)
{
	return own ? geteuid() : (uid_t)strtoul(path + sizeof("/run/user/") - 1, NULL, 10);
}

static int read_pattern(struct ctl_machines *machines, const char *pattern, bool own)
{
	struct ctl_machine *all;
	glob_t files;
	int ret = glob(pattern, 0, NULL, &files);

	if (ret)
		return ret == GLOB_NOSPACE ? -ENOMEM : 0;
	all = realloc(machines->all, (machines->count + files.gl_pathc + 1) * sizeof(*all));
	if (all)
		machines->all = all;
	for (size_t i = 0; all && i < files.gl_pathc; i++)
		machines->count +=
			take(&all[machines->count], files.gl_pathv[i], owner_of(files.gl_pathv[i], own));
	globfree(&files);
	return all ? 0 : -ENOMEM;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct ctl_machine *)a)->name, ((const struct ctl_machine *)b)->name);
}

int ctl_machines_read(struct ctl_machines *machines)
{
	const struct registry_home home = registry_home();
	const char *pattern;
	int ret = 0;

	*machines = (struct ctl_machines){0};
	for (size_t i = 0; !ret && (pattern = registry_pattern(&home, i)); i++)
		ret = read_pattern(machines, pattern, i == 0);
	if (ret)
		ctl_machines_free(machines);
	else if (machines->count)
		qsort(machines->all, machines->count, sizeof(*machines->all), by_name);
	return ret;
}

void ctl_machines_free(struct ctl_machines *machines)
{
	for (size_t i = 0; i < machines->count; i++)
		forget(&machines->all[i]);
	free(machines->all);
}

int ctl_machines_find(const struct ctl_machines *machines, const char *name, const char **path,
		      struct lend_error *error)
{
	struct nearest nearest = {.word = name};

	*path = name;
	if (strchr(name, '/'))
		return 0;
	*path = NULL;
	for (size_t i = 0; i < machines->count; i++) {
		nearest_offer(&nearest, machines->all[i].name);
		if (strcmp(machines->all[i].name, name))
			continue;
		/* The caller's own before those of others. */
		if (machines->all[i].owner == geteuid()) {
			*path = machines->all[i].socket;
			return 0;
		}
		if (*path)
			return tool_fail(
				error, -ENOTUNIQ,
				"several users have a machine '%.100s'; give the path of its socket, as "
				"lend ps shows it",
				name);
		*path = machines->all[i].socket;
	}
	if (*path)
		return 0;
	return nearest.best
		       ? tool_fail(error, -ENOENT, "no machine '%.100s' runs; the nearest is '%.100s'", name,
				   nearest.best)
		       : tool_fail(error, -ENOENT,
				   "no machine '%.100s' runs here that you may talk to; lend ps lists them",
				   name);
}
