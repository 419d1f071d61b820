/* SPDX-License-Identifier: MIT */
/* cgroups(7): /proc/self/cgroup, and the folders that it names; see cgroup.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host/check/cgroup.h"

struct walk {
	struct lend_context *context;
	void (*each)(void *opaque, const struct cgroup *group);
	void *opaque;
};

/* The group and all above it; the root is the empty path. */
static void walk_up(const struct walk *walk, const char *mount, const char *path)
{
	char dir[PATH_MAX], group[PATH_MAX];
	struct cgroup one = {.dir = dir, .unified = !mount[0] || !strcmp(mount, "unified")};

	if (snprintf(group, sizeof(group), "%s", path) >= (int)sizeof(group))
		return;
	for (;;) {
		one.name = group[0] ? group : "/";
		if (!sysfs_path(dir, "%s/fs/cgroup%s%s%s", context_sysfs(walk->context), mount[0] ? "/" : "",
				mount, group))
			walk->each(walk->opaque, &one);
		if (!group[0])
			return;
		*strrchr(group, '/') = '\0';
	}
}

/* "cpu,cpuacct" has the word "cpu". */
static bool lists(char *controllers, const char *word)
{
	const char *at;

	while ((at = strsep(&controllers, ",")))
		if (!strcmp(at, word))
			return true;
	return false;
}

/* A line is "0::/path" for version 2, and "4:memory:/path" for version 1. */
static void take_line(const struct walk *walk, const char *controller, char *line)
{
	char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;

	if (!path || path[1] != '/')
		return;
	*path++ = '\0';
	controllers++;
	if (!path[1])
		path++;
	if (*controllers) {
		if (lists(controllers, controller))
			walk_up(walk, controller, path);
		return;
	}
	/* Where version 1 has the controllers, version 2 is mounted beside them. */
	walk_up(walk, "", path);
	walk_up(walk, "unified", path);
}

void cgroups_each(struct lend_context *context, const char *controller,
		  void (*each)(void *opaque, const struct cgroup *group), void *opaque)
{
	const struct walk walk = {context, each, opaque};
	char *text = sysfs_load(context_proc(context), "self/cgroup", NULL), *rest = text, *line;

	while ((line = strsep(&rest, "\n")))
		take_line(&walk, controller, line);
	free(text);
}
