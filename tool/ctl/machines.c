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
#include "tool/run/registry.h"
#include "tool/run/socket.h"
#include "tool/tool.h"

/* A user's file is read by root, too: only a small plain one, and without waiting. */
static json_t *read_entry(const char *path)
{
	char bytes[REGISTRY_BYTES_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	struct stat st;
	ssize_t length = -1;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size <= (off_t)sizeof(bytes))
		length = read(fd, bytes, sizeof(bytes));
	close(fd);
	return length > 0 ? json_loadb(bytes, (size_t)length, 0, NULL) : NULL;
}

static char *take_text(const json_t *entry, const char *key)
{
	const char *text = json_string_value(json_object_get(entry, key));
	char *copy = text ? strdup(text) : NULL;

	if (copy)
		clean_text(copy);
	return copy;
}

static void forget(struct ctl_machine *machine)
{
	free(machine->name);
	free(machine->socket);
	json_decref(machine->entry);
}

/* Whether the entry is one, of a machine that runs. */
static bool take(struct ctl_machine *machine, const char *path)
{
	*machine = (struct ctl_machine){.entry = read_entry(path)};
	machine->name = take_text(machine->entry, "name");
	machine->socket = take_text(machine->entry, "qmp");
	machine->pid = (pid_t)json_integer_value(json_object_get(machine->entry, "pid"));
	machine->started = json_integer_value(json_object_get(machine->entry, "started"));
	if (machine->name && machine->socket && machine->pid > 0 && socket_is_served(machine->socket))
		return true;
	forget(machine);
	return false;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct ctl_machine *)a)->name, ((const struct ctl_machine *)b)->name);
}

int ctl_machines_read(struct ctl_machines *machines)
{
	const struct registry_home home = registry_home();
	const char *pattern;
	glob_t files = {0};
	int ret = 0;

	*machines = (struct ctl_machines){0};
	for (size_t i = 0; (pattern = registry_pattern(&home, i)) && ret != GLOB_NOSPACE; i++)
		ret = glob(pattern, i ? GLOB_APPEND : 0, NULL, &files);
	machines->all = ret == GLOB_NOSPACE ? NULL : calloc(files.gl_pathc + 1, sizeof(*machines->all));
	for (size_t i = 0; machines->all && i < files.gl_pathc; i++)
		machines->count += take(&machines->all[machines->count], files.gl_pathv[i]);
	globfree(&files);
	if (!machines->all)
		return -ENOMEM;
	qsort(machines->all, machines->count, sizeof(*machines->all), by_name);
	return 0;
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
