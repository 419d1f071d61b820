/* SPDX-License-Identifier: MIT */
/*
 * Where a disk is mounted, in the order in which it can be unmounted: the last
 * mount first, and before each what is mounted below it, of whatever kind. What
 * this host runs from is not unmounted, and nothing of that disk is worth ending.
 */
#include <stdio.h>
#include <string.h>

#include "lib/host/uses/ways.h"

enum { DEPTH_MAX = 16 };

bool mounts_last(const char *point)
{
	static const char *const points[] = {"/", "/usr", "/etc", "/nix", "/nix/store", "/sysroot"};

	for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++)
		if (!strcmp(point, points[i]))
			return true;
	return false;
}

/* The command, in the mount namespace that has it; the root of another one goes with its processes. */
static void cure(struct device *device, const struct mount *mount)
{
	char command[48];

	if (!mount->process) {
		survey_cure(device, "umount", mount->point);
	} else if (strcmp(mount->point, "/") != 0) {
		snprintf(command, sizeof(command), "nsenter -m -t %d umount", (int)mount->process);
		survey_cure(device, command, mount->point);
	}
}

/* ", in the mount namespace of process 12 (sleep)"; of ours: nothing. */
static void place(struct lend_survey *survey, const struct mount *mount, char out[96])
{
	char dir[PATH_MAX], command[32];

	out[0] = '\0';
	if (!mount->process || sysfs_path(dir, "%s/%d", context_proc(survey->context), (int)mount->process))
		return;
	if (look_read(survey, dir, "comm", command, sizeof(command)) < 0)
		strcpy(command, "?");
	snprintf(out, 96, ", in the mount namespace of process %d (%s)", (int)mount->process, command);
}

static void tell_below(const struct mounted *mounted, const struct mount *mount, int depth)
{
	struct lend_survey *survey = mounted->survey;
	char where[96];

	for (size_t i = survey->mount_count; i-- > 0 && depth < DEPTH_MAX;) {
		const struct mount *other = &survey->mounts[i];

		/* Another mount of the same disk is told for itself. */
		if (other == mount || other->parent != mount->id || other->process != mount->process ||
		    mounted->is_of(mounted->opaque, other))
			continue;
		tell_below(mounted, other, depth + 1);
		place(survey, other, where);
		survey_use(mounted->survey, mounted->device, LEND_USE_MOUNT,
			   "a file system is mounted at %s, on top of that of %s%s", other->point,
			   mounted->name, where);
		cure(mounted->device, other);
	}
}

/* " (2 times)": how often the disk is mounted at that point, up to this mount; once: nothing. */
static void times(const struct mounted *mounted, const struct mount *mount, char out[24])
{
	unsigned count = 0;

	for (const struct mount *at = mounted->survey->mounts; at <= mount; at++)
		count += at->process == mount->process && !strcmp(at->point, mount->point) &&
			 mounted->is_of(mounted->opaque, at);
	out[0] = '\0';
	if (count > 1)
		snprintf(out, 24, " (%u times)", count);
}

bool mounted_tell(const struct mounted *mounted)
{
	struct lend_survey *survey = mounted->survey;
	char where[96], often[24];
	bool found = false;

	for (size_t i = survey->mount_count; i-- > 0;) {
		const struct mount *mount = &survey->mounts[i];
		bool last = !mount->process && mounts_last(mount->point);

		if (!mounted->is_of(mounted->opaque, mount))
			continue;
		found = true;
		if (!last)
			tell_below(mounted, mount, 0);
		place(survey, mount, where);
		times(mounted, mount, often);
		survey_use(survey, mounted->device, LEND_USE_MOUNT, "%s is mounted at %s%s%s", mounted->name,
			   mount->point, often, where);
		if (last)
			survey_stays(mounted->device);
		else
			cure(mounted->device, mount);
	}
	return found;
}
