/* SPDX-License-Identifier: MIT */
/*
 * The service or the container that a process belongs to, by its control group. If
 * only the process were ended, it would be started again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host/uses/ways.h"

/* A control group's name is PREFIX NAME SUFFIX. `cut`: how many characters of NAME are enough; 0: all. */
static const struct manager {
	const char *prefix, *suffix, *command;
	size_t cut;
} managers[] = {
	{"docker-", ".scope", "docker stop", 12},
	{"libpod-", ".scope", "podman stop", 12},
	{"lxc.payload.", "", "lxc-stop -n", 0},
};

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), size = strlen(end);

	return length > size && !strcmp(text + length - size, end);
}

static const char *match(const char *group, char unit[80])
{
	for (size_t i = 0; i < sizeof(managers) / sizeof(*managers); i++) {
		const struct manager *manager = &managers[i];
		size_t length = strlen(manager->prefix);

		if (strncmp(group, manager->prefix, length) != 0 || !ends_with(group, manager->suffix))
			continue;
		snprintf(unit, 80, "%.79s", group + length);
		unit[strlen(unit) - strlen(manager->suffix)] = '\0';
		if (manager->cut && strlen(unit) > manager->cut)
			unit[manager->cut] = '\0';
		return manager->command;
	}
	return NULL;
}

/*
 * "/system.slice/cups.service": the first service in the path. Left out are services
 * of a user's manager, which are no units of the system, and that manager itself, which
 * is not to be stopped for a device.
 */
static const char *find_unit(char *path, char unit[80])
{
	const char *word, *command;

	while ((word = strsep(&path, "/"))) {
		command = match(word, unit);
		if (command)
			return command;
		if (!strncmp(word, "user@", 5) || !strcmp(word, "systemd-logind.service"))
			return NULL;
		if (ends_with(word, ".service") && strlen(word) < 80) {
			strcpy(unit, word);
			return "systemctl stop";
		}
	}
	return NULL;
}

/* A line "0::/path"; of version 1 of control groups "1:name=systemd:/path". */
const char *process_unit(struct lend_survey *survey, pid_t pid, char unit[80])
{
	char dir[PATH_MAX], *text, *rest, *line, *path;
	const char *command = NULL;

	if (sysfs_path(dir, "%s/%d", context_proc(survey->context), (int)pid))
		return NULL;
	text = rest = look_load(survey, dir, "cgroup");
	while (!command && (line = strsep(&rest, "\n"))) {
		path = strstr(line, ":/");
		if (path && (strstr(line, "::") || strstr(line, ":name=systemd:")))
			command = find_unit(path + 1, unit);
	}
	free(text);
	return command;
}
