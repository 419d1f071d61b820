/* SPDX-License-Identifier: MIT */
/*
 * Interfaces, and RDMA devices, that were moved to another network namespace. Below a device sysfs lists
 * only those of our namespace, but the folder's number of links counts all of them.
 * The folder vanishes with the last interface.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/host/uses/ways.h"

static const char interfaces[] = "network interface";

struct walk {
	struct lend_survey *survey;
	struct device *device;
	const char *dir;
};

static int count(void *opaque, const char *name)
{
	(void)name;
	++*(unsigned *)opaque;
	return 0;
}

static void look_at(struct walk *walk, const char *folder, const char *what)
{
	char path[PATH_MAX];
	unsigned seen = 0, all;
	struct stat stat_of;

	if (sysfs_path(path, "%s/%s", walk->dir, folder) ||
	    look_failed(walk->survey, path, NULL, stat(path, &stat_of) ? -errno : 0) ||
	    look_each(walk->survey, path, count, &seen))
		return;
	/* If the interface was found in its namespace, that use says more. */
	for (size_t i = 0; i < walk->device->seen.use_count; i++)
		if (walk->device->uses[i].kind == LEND_USE_NAMESPACE)
			return;
	/* "." and the link from above are 2; a file system that does not count has 1. */
	all = stat_of.st_nlink > 2 ? (unsigned)stat_of.st_nlink - 2 : 0;
	if (seen && all <= seen)
		return;
	if (!seen)
		survey_use(walk->survey, walk->device, LEND_USE_NAMESPACE,
			   "its %s is in another network namespace", what);
	else
		survey_use(walk->survey, walk->device, LEND_USE_NAMESPACE,
			   "%u of its %ss are in another network namespace", all - seen, what);
}

static int look_below(void *opaque, const char *name)
{
	char folder[64];

	if (!strcmp(name, "net"))
		look_at(opaque, "net", interfaces);
	if (!strcmp(name, "infiniband"))
		look_at(opaque, "infiniband", "RDMA device");
	/* A virtio network card has another device in between. */
	if (!strncmp(name, "virtio", 6) && strlen(name) < 40) {
		snprintf(folder, sizeof(folder), "%.40s/net", name);
		look_at(opaque, folder, interfaces);
	}
	return 0;
}

void survey_namespaces(struct lend_survey *survey)
{
	enum { NETWORK = 0x02 };
	char dir[PATH_MAX];

	survey_elsewhere(survey);
	for (size_t i = 0; i < survey->device_count; i++) {
		struct device *device = &survey->devices[i];
		struct walk walk = {survey, device, dir};

		if (!device->seen.is.driver[0] || lend_host_is_vfio(device->seen.is.driver) ||
		    sysfs_path(dir, "%s/bus/pci/devices/%s", context_sysfs(survey->context),
			       device->seen.is.name))
			continue;
		if (device->seen.is.class_code >> 16 == NETWORK)
			look_each(survey, dir, look_below, &walk);
		else
			look_at(&walk, "net", interfaces);
	}
}
