/* SPDX-License-Identifier: MIT */
/* Disks that the kernel serves to other computers: SCSI targets (LIO, SCST), NVMe over fabrics, USB, RNBD. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host/uses/ways.h"

struct walk {
	struct lend_survey *survey;
	const char *dir;   /* the folder of this level */
	const char *outer; /* the name of the level above */
};

/* Goes one level down. */
static void each_below(struct walk *walk, int (*each)(void *opaque, const char *name))
{
	look_each(walk->survey, walk->dir, each, walk);
}

/* The kind of a backstore, as targetcli names it, by the name of its folder ("iblock_0"). */
static const char *kind_of(const char *folder)
{
	static const struct {
		const char *folder, *kind;
	} kinds[] = {{"iblock", "block"}, {"fileio", "fileio"}, {"pscsi", "pscsi"}, {"rd_mcp", "ramdisk"}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strncmp(folder, kinds[i].folder, strlen(kinds[i].folder)))
			return kinds[i].kind;
	return NULL;
}

/* One that was made by hand has no path: its state tells "Major: 259 Minor: 0", or "File: /data/x Size:". */
static bool read_state(struct lend_survey *survey, const char *dir, char *out, size_t size)
{
	char *text = look_load(survey, dir, "info"), *at;
	unsigned major, minor;
	bool found = false;

	if (text && (at = strstr(text, "Major: ")) &&
	    sscanf(at, "Major: %u Minor: %u", &major, &minor) == 2) {
		snprintf(out, size, "%u:%u", major, minor);
		found = true;
	} else if (text && (at = strstr(text, "File: /"))) {
		at += strlen("File: ");
		snprintf(out, size, "%.*s", (int)strcspn(at, " \n"), at);
		found = true;
	}
	free(text);
	return found;
}

/*
 * A SCSI device that is passed through as it is: its state tells
 * "Channel ID: 0 Target ID: 1 LUN: 0 Host ID: 2".
 */
static void add_passed(struct walk *walk, const char *dir, const char *name)
{
	char *text = look_load(walk->survey, dir, "info"), *at = text ? strstr(text, "Channel ID: ") : NULL;
	char list[PATH_MAX], scsi[64];
	unsigned channel, target, host;
	unsigned long long lun;
	struct device *device;

	if (at &&
	    sscanf(at, "Channel ID: %u Target ID: %u LUN: %llu Host ID: %u", &channel, &target, &lun,
		   &host) == 4 &&
	    !sysfs_path(list, "%s/class/scsi_device", context_sysfs(walk->survey->context))) {
		snprintf(scsi, sizeof(scsi), "%u:%u:%u:%llu", host, channel, target, lun);
		device = survey_owner(walk->survey, list, scsi);
		if (device) {
			survey_use(walk->survey, device, LEND_USE_TARGET,
				   "its SCSI device %s is served as the SCSI target %.60s", scsi, name);
			survey_cure(device, "targetcli /backstores/pscsi delete", name);
		}
	}
	free(text);
}

static int add_lio(void *opaque, const char *name)
{
	struct walk *walk = opaque;
	char dir[PATH_MAX], path[PATH_MAX];
	const char *kind = kind_of(walk->outer);
	struct claim *claim;

	if (sysfs_path(dir, "%s/%s", walk->dir, name))
		return 0;
	if ((look_read(walk->survey, dir, "udev_path", path, sizeof(path)) <= 0 || path[0] != '/') &&
	    !read_state(walk->survey, dir, path, sizeof(path))) {
		add_passed(walk, dir, name);
		return 0;
	}
	claim = survey_claim(walk->survey, LEND_USE_TARGET, path, "is served as the SCSI target %s", name);
	if (kind)
		claim_cure(claim, "targetcli /backstores/%s delete %s", kind, name);
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

	/* The second line tells who set the first. */
	if (sysfs_path(dir, "%s/%s", walk->dir, name) ||
	    look_read(walk->survey, dir, "filename", path, sizeof(path)) <= 0 || path[0] != '/')
		return 0;
	path[strcspn(path, "\n")] = '\0';
	survey_claim(walk->survey, LEND_USE_TARGET, path, "is served as the SCSI target %s", name);
	return 0;
}

/* "NQN/namespaces/1": a namespace that is not enabled has no disk open. */
static void add_nvme(struct walk *walk, const char *subsystem, const char *folder)
{
	char dir[PATH_MAX], path[PATH_MAX], enabled[8];
	struct claim *claim;

	if (sysfs_path(dir, "%s/%s/%s", walk->dir, subsystem, folder) ||
	    look_read(walk->survey, dir, "enable", enabled, sizeof(enabled)) <= 0 || enabled[0] != '1' ||
	    look_read(walk->survey, dir, "device_path", path, sizeof(path)) <= 0)
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

/* "mass_storage.usb0/lun.0": the computer acts as a disk on USB. */
static int add_lun(void *opaque, const char *lun)
{
	struct walk *walk = opaque;
	char dir[PATH_MAX], path[PATH_MAX];

	if (strncmp(lun, "lun.", 4) || sysfs_path(dir, "%s/%s", walk->dir, lun) ||
	    look_read(walk->survey, dir, "file", path, sizeof(path)) <= 0 || path[0] != '/')
		return 0;
	survey_claim(walk->survey, LEND_USE_TARGET, path, "is served as a disk on USB (%s)", walk->outer);
	return 0;
}

/* The same by an older module, which has the files as a parameter: "/dev/sda,/data/x". */
static void find_older_gadgets(struct lend_survey *survey)
{
	static const char *const modules[] = {"g_mass_storage", "g_acm_ms", "g_multi"};
	char dir[PATH_MAX], files[PATH_MAX], *rest, *file;

	for (size_t i = 0; i < sizeof(modules) / sizeof(*modules); i++) {
		if (sysfs_path(dir, "%s/module/%s/parameters", context_sysfs(survey->context), modules[i]) ||
		    look_read(survey, dir, "file", files, sizeof(files)) <= 0)
			continue;
		rest = files;
		while ((file = strsep(&rest, ",\n")))
			if (file[0] == '/')
				claim_cure(survey_claim(survey, LEND_USE_TARGET, file,
							"is served as a disk on USB (%s)", modules[i]),
					   "modprobe -r %s", modules[i]);
	}
}

static int find_function(void *opaque, const char *function)
{
	struct walk *walk = opaque;
	char dir[PATH_MAX];
	struct walk below = {walk->survey, dir, walk->outer};

	if (!strncmp(function, "mass_storage.", strlen("mass_storage.")) &&
	    !sysfs_path(dir, "%s/%s", walk->dir, function))
		each_below(&below, add_lun);
	return 0;
}

static int find_gadget(void *opaque, const char *gadget)
{
	struct walk *walk = opaque;
	char dir[PATH_MAX];
	struct walk below = {walk->survey, dir, gadget};

	if (!sysfs_path(dir, "%s/%s/functions", walk->dir, gadget))
		each_below(&below, find_function);
	return 0;
}

/* RDMA's network block device: each has a folder with a link to the disk. */
static int add_rnbd(void *opaque, const char *name)
{
	struct walk *walk = opaque;
	char dir[PATH_MAX], kernel[64], path[PATH_MAX];

	if (!sysfs_path(dir, "%s/%s", walk->dir, name) &&
	    !look_link(walk->survey, dir, "block_dev", kernel, sizeof(kernel)) &&
	    !sysfs_path(path, "/dev/%s", kernel))
		survey_claim(walk->survey, LEND_USE_TARGET, path, "is served to others by RNBD");
	return 0;
}

void survey_targets(struct lend_survey *survey)
{
	static const struct {
		const char *folder;
		int (*each)(void *opaque, const char *name);
	} kinds[] = {
		{"kernel/config/target/core", find_lio},     {"kernel/config/nvmet/subsystems", find_nvme},
		{"kernel/scst_tgt/devices", add_scst},       {"kernel/config/usb_gadget", find_gadget},
		{"class/rnbd-server/ctl/devices", add_rnbd},
	};
	char dir[PATH_MAX];
	struct walk walk = {survey, dir, ""};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!sysfs_path(dir, "%s/%s", context_sysfs(survey->context), kinds[i].folder))
			each_below(&walk, kinds[i].each);
	find_older_gadgets(survey);
	survey_ports(survey);
}
