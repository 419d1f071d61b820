/* SPDX-License-Identifier: MIT */
/* Disks that the kernel serves to others: SCSI targets (LIO, SCST) and NVMe over fabrics. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/host/uses/ways.h"

struct walk {
	struct lend_survey *survey;
	const char *dir;   /* of the level */
	const char *outer; /* the name of the level above */
};

/* Goes one level down; a folder that may not be listed is no empty one. */
static void each_below(struct walk *walk, int (*each)(void *opaque, const char *name))
{
	int ret = sysfs_each(walk->dir, each, walk);

	if (ret == -EACCES || ret == -EPERM)
		survey_unseen(walk->survey, LEND_USE_TARGET, "the kernel's targets; root can look at them");
}

static int add_lio(void *opaque, const char *name)
{
	struct walk *walk = opaque;
	char dir[PATH_MAX], path[PATH_MAX];

	if (!sysfs_path(dir, "%s/%s", walk->dir, name) &&
	    sysfs_read(dir, "udev_path", path, sizeof(path)) > 0 && path[0] == '/')
		claim_cure(survey_claim(walk->survey, LEND_USE_TARGET, path,
					"is served as the SCSI target %s", name),
			   "targetcli /backstores/%s delete %s",
			   strncmp(walk->outer, "pscsi", 5) ? "block" : "pscsi", name);
	return 0;
}

static int find_lio(void *opaque, const char *adapter)
{
	struct walk *walk = opaque;
	char dir[PATH_MAX];
	struct walk below = {walk->survey, dir, adapter};

	if (!sysfs_path(dir, "%s/%s", walk->dir, adapter))
		each_below(&below, add_lio);
	return 0;
}

static int add_scst(void *opaque, const char *name)
{
	struct walk *walk = opaque;
	char dir[PATH_MAX], path[PATH_MAX];

	/* A second line says who set the first. */
	if (sysfs_path(dir, "%s/%s", walk->dir, name) ||
	    sysfs_read(dir, "filename", path, sizeof(path)) <= 0 || path[0] != '/')
		return 0;
	path[strcspn(path, "\n")] = '\0';
	survey_claim(walk->survey, LEND_USE_TARGET, path, "is served as the SCSI target %s", name);
	return 0;
}

/* "NQN/namespaces/1": what is not enabled is not open. */
static void add_nvme(struct walk *walk, const char *subsystem, const char *folder)
{
	char dir[PATH_MAX], path[PATH_MAX], enabled[8];
	struct claim *claim;

	if (sysfs_path(dir, "%s/%s/%s", walk->dir, subsystem, folder) ||
	    sysfs_read(dir, "enable", enabled, sizeof(enabled)) <= 0 || enabled[0] != '1' ||
	    sysfs_read(dir, "device_path", path, sizeof(path)) <= 0)
		return;
	claim = survey_claim(walk->survey, LEND_USE_TARGET, path, "is served as %s of the NVMe target %s",
			     folder, subsystem);
	claim_cure(claim, "sh -c 'echo 0 >/sys/kernel/config/nvmet/subsystems/%s/%s/enable'", subsystem,
		   folder);
}

static int add_namespace(void *opaque, const char *name)
{
	struct walk *walk = opaque;
	struct walk above = {.survey = walk->survey};
	char dir[PATH_MAX], folder[64];

	if (strlen(name) > 10 || sysfs_path(dir, "%s/../..", walk->dir))
		return 0;
	above.dir = dir;
	snprintf(folder, sizeof(folder), "namespaces/%.10s", name);
	add_nvme(&above, walk->outer, folder);
	return 0;
}

static int find_nvme(void *opaque, const char *subsystem)
{
	struct walk *walk = opaque;
	char dir[PATH_MAX];
	struct walk below = {walk->survey, dir, subsystem};

	if (!sysfs_path(dir, "%s/%s/namespaces", walk->dir, subsystem))
		each_below(&below, add_namespace);
	add_nvme(walk, subsystem, "passthru");
	return 0;
}

void survey_targets(struct lend_survey *survey)
{
	const char *sys = context_sysfs(survey->context);
	char dir[PATH_MAX];
	struct walk walk = {survey, dir, ""};

	if (!sysfs_path(dir, "%s/kernel/config/target/core", sys))
		each_below(&walk, find_lio);
	if (!sysfs_path(dir, "%s/kernel/config/nvmet/subsystems", sys))
		each_below(&walk, find_nvme);
	if (!sysfs_path(dir, "%s/kernel/scst_tgt/devices", sys))
		each_below(&walk, add_scst);
}
