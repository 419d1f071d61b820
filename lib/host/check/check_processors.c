/* SPDX-License-Identifier: MIT */
/* Whether the guest's processors can stay on those of the computer that they are to be pinned to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host/check/available.h"
#include "lib/host/check/cgroup.h"
#include "lib/host/check/check.h"
#include "lib/host/check/list.h"

/* The numbers that one sentence is about. */
struct named {
	unsigned count;
	char numbers[96]; /* "3 4 5"; those without room are left out */
};

static void name(struct named *named, unsigned cpu)
{
	size_t used = strlen(named->numbers);

	if (named->count++ && used + 8 > sizeof(named->numbers))
		return;
	snprintf(named->numbers + used, sizeof(named->numbers) - used, "%s%u", used ? " " : "", cpu);
}

/* Those that a list does not have (`inside`: has) and that no sentence was about before. */
static struct named name_all(const struct lend_check *check, const char *list, bool inside)
{
	struct named named = {0};

	for (size_t i = 0; i < check->options.pin_count; i++)
		if (list_has(list, check->options.pin[i]) == inside)
			name(&named, check->options.pin[i]);
	return named;
}

static const char *plural(const struct named *named)
{
	return named->count == 1 ? "" : "s";
}

struct cpuset {
	char *list; /* to be freed; NULL: none was found */
	const char *file;
	char group[200];
};

/* The lowest group that has such a file: it has what those above it allow, too. */
static void find_cpuset(void *opaque, const struct cgroup *group)
{
	static const struct {
		bool unified;
		const char *file;
	} rows[] = {
		{true, "cpuset.cpus.effective"}, {false, "cpuset.effective_cpus"}, {false, "cpuset.cpus"}};
	struct cpuset *cpuset = opaque;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows) && !cpuset->list; i++) {
		if (rows[i].unified != group->unified)
			continue;
		cpuset->list = sysfs_load(group->dir, rows[i].file, NULL);
		cpuset->file = rows[i].file;
		snprintf(cpuset->group, sizeof(cpuset->group), "%.*s", (int)sizeof(cpuset->group) - 1,
			 group->name);
	}
	if (cpuset->list)
		cpuset->list[strcspn(cpuset->list, "\n")] = '\0';
}

static bool refuse_absent(struct lend_check *check, const char *present)
{
	struct named named = name_all(check, present, false);
	struct lend_check_row *row;

	if (!named.count)
		return false;
	row = check_row(check, "pin", NULL, LEND_FAILED,
			"pin=: this computer has no processor%s %s; those that it has: %.60s", plural(&named),
			named.numbers, present);
	CHECK_CURE(row, advice, "give pin= others");
	return true;
}

static bool refuse_offline(struct lend_check *check, const char *dir, const char *online)
{
	struct named named = name_all(check, online, false);
	struct lend_check_row *row;

	if (!named.count)
		return false;
	row = check_row(check, "pin", NULL, LEND_FAILED, "pin=: processor%s %s of this computer %s offline",
			plural(&named), named.numbers, named.count == 1 ? "is" : "are");
	if (named.count == 1)
		CHECK_CURE(row, command, "echo 1 > %.100s/cpu%s/online", dir, named.numbers);
	else
		CHECK_CURE(row, command, "for n in %s; do echo 1 > %.100s/cpu$n/online; done", named.numbers,
			   dir);
	CHECK_CURE(row, advice, "or give pin= others; online are %.100s", online);
	return true;
}

static bool refuse_forbidden(struct lend_check *check)
{
	struct cpuset cpuset = {.list = NULL};
	struct named named;
	struct lend_check_row *row;

	cgroups_each(check->context, "cpuset", find_cpuset, &cpuset);
	/* An empty list of version 1 is a group that nothing was given to yet. */
	named = cpuset.list && cpuset.list[0] ? name_all(check, cpuset.list, false) : (struct named){0};
	if (named.count) {
		row = check_row(check, "pin", NULL, LEND_FAILED,
				"pin=: the control group %.60s keeps this process from processor%s %s (%s: "
				"%.60s)",
				cpuset.group, plural(&named), named.numbers, cpuset.file, cpuset.list);
		CHECK_CURE(row, advice,
			   "give pin= others, or the group more: AllowedCPUs= for a service or a slice of "
			   "systemd");
	}
	free(cpuset.list);
	return named.count;
}

/* A processor reaches the memory of another node by a longer way than that of its own. */
static void say_far(struct lend_check *check, int node)
{
	char dir[PATH_MAX], *near;
	struct named named;
	struct numa numa;

	available_node(check->context, (unsigned)node, 0, &numa);
	if (numa.count < 2 ||
	    sysfs_path(dir, "%s/devices/system/node/node%d", context_sysfs(check->context), node))
		return;
	near = sysfs_load(dir, "cpulist", NULL);
	named = near ? name_all(check, near, false) : (struct named){0};
	if (named.count)
		check_row(check, "pin", NULL, LEND_NOTE,
			  "pin=: processor%s %s of this computer %s not of node %d, where the guest's memory "
			  "is to be, and take longer to reach it; those of the node: %.60s",
			  plural(&named), named.numbers, named.count == 1 ? "is" : "are", node,
			  strtok(near, "\n") ? near : "none");
	free(near);
}

void check_processors(struct lend_check *check)
{
	const int node = check_wanted_node(check);
	char dir[PATH_MAX], *present, *online;
	bool failed = false;

	if (!check->options.pin_count ||
	    sysfs_path(dir, "%s/devices/system/cpu", context_sysfs(check->context)))
		return;
	present = sysfs_load(dir, "present", NULL);
	online = sysfs_load(dir, "online", NULL);
	if (present && online) {
		present[strcspn(present, "\n")] = online[strcspn(online, "\n")] = '\0';
		failed = refuse_absent(check, present) || refuse_offline(check, dir, online) ||
			 refuse_forbidden(check);
	}
	if (!failed && node >= 0)
		say_far(check, node);
	free(present);
	free(online);
}
