/* SPDX-License-Identifier: MIT */
/* Reading what the user's processes use, by proc(5) and control groups (usage.h). */
#include <ctype.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/host/check/cgroup.h"
#include "lib/host/check/usage.h"

struct walk {
	struct lend_context *context;
	struct usage *out;
};

/* The number after "name:" at the beginning of a line; 0: there is none. */
static unsigned long long field(const char *status, const char *name, int base)
{
	size_t length = strlen(name);

	for (const char *line = status; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (!strncmp(line, name, length) && line[length] == ':')
			return strtoull(line + length + 1, NULL, base);
	return 0;
}

static bool has(const char *status, unsigned capability)
{
	return field(status, "CapEff", 16) >> capability & 1;
}

bool usage_may(struct lend_context *context, unsigned capability)
{
	char *status = sysfs_load(context_proc(context), "self/status", NULL);
	bool may = status && has(status, capability);

	free(status);
	return may;
}

static int add_process(void *opaque, const char *name)
{
	struct walk *walk = opaque;
	char dir[PATH_MAX], *status;

	if (!isdigit((unsigned char)name[0]) || sysfs_path(dir, "%s/%s", context_proc(walk->context), name))
		return 0;
	status = sysfs_load(dir, "status", NULL);
	/* "Uid:" has the real, effective and saved user; the kernel charges the real one. */
	if (status && strstr(status, "\nUid:") && field(status, "Uid", 10) == getuid()) {
		walk->out->threads += field(status, "Threads", 10);
		if (!has(status, CAP_IPC_LOCK))
			walk->out->pinned += field(status, "VmPin", 10) << 10;
	}
	free(status);
	return 0;
}

void usage_of_user(struct lend_context *context, struct usage *out)
{
	struct walk walk = {context, out};

	*out = (struct usage){0};
	sysfs_each(context_proc(context), add_process, &walk);
}

static void least_left(void *opaque, const struct cgroup *group)
{
	uint64_t *least = opaque, left;
	long most, now;

	/* "max" is no number, and the root has no such file. */
	if (sysfs_number(group->dir, "pids.max", &most) || sysfs_number(group->dir, "pids.current", &now) ||
	    most < 0 || now < 0)
		return;
	left = most > now ? (uint64_t)(most - now) : 0;
	*least = left < *least ? left : *least;
}

uint64_t usage_threads_left(struct lend_context *context)
{
	uint64_t least = UINT64_MAX;

	cgroups_each(context, "pids", least_left, &least);
	return least;
}
