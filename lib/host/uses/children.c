/* SPDX-License-Identifier: MIT */
/*
 * What the kernel made of a device and uses: mediated devices, channels of DMA
 * engines, watchdogs, memory, and other devices that are connected to it.
 */
#include <string.h>

#include "lib/host/uses/ways.h"

struct walk {
	struct lend_survey *survey;
	const char *dir;
};

static int add_mediated(void *opaque, const char *uuid)
{
	struct walk *walk = opaque;
	struct device *device = survey_owner(walk->survey, walk->dir, uuid);
	uint8_t parsed[LEND_UUID_SIZE];

	if (!device)
		return 0;
	survey_use(walk->survey, device, LEND_USE_MEDIATED, "the mediated device %s is made of it", uuid);
	if (!lend_uuid_parse(uuid, parsed))
		survey_command(device, "sh -c 'echo 1 >/sys/bus/mdev/devices/%s/remove'", uuid);
	return 0;
}

/* in_use counts the users of the channel. */
static int add_channel(void *opaque, const char *name)
{
	struct walk *walk = opaque;
	struct device *device = survey_owner(walk->survey, walk->dir, name);
	char dir[PATH_MAX];
	long clients;

	if (device && !sysfs_path(dir, "%s/%s", walk->dir, name) &&
	    !look_number(walk->survey, dir, "in_use", &clients) && clients > 0)
		survey_use(walk->survey, device, LEND_USE_DMA, "the kernel copies with its channel %s", name);
	return 0;
}

/* A watchdog that was started restarts the computer if nobody serves it, also without its driver. */
static int add_watchdog(void *opaque, const char *name)
{
	struct walk *walk = opaque;
	struct device *device = survey_owner(walk->survey, walk->dir, name);
	char dir[PATH_MAX], state[16];

	if (device && !sysfs_path(dir, "%s/%s", walk->dir, name) &&
	    look_read(walk->survey, dir, "state", state, sizeof(state)) > 0 && !strcmp(state, "active"))
		survey_use(walk->survey, device, LEND_USE_WATCHDOG, "the watchdog %s runs on it", name);
	return 0;
}

/* "0-1" is a connected device; "0-0" is the controller itself; ports and services have longer names. */
static int add_thunderbolt(void *opaque, const char *name)
{
	struct walk *walk = opaque;
	struct device *device;
	char dir[PATH_MAX], what[64] = "", authorized[8];
	size_t route = strcspn(name, "-");

	if (!name[route] || !strcmp(name + route, "-0") || strpbrk(name, ":."))
		return 0;
	device = survey_owner(walk->survey, walk->dir, name);
	if (!device || sysfs_path(dir, "%s/%s", walk->dir, name) ||
	    (look_read(walk->survey, dir, "authorized", authorized, sizeof(authorized)) > 0 &&
	     authorized[0] == '0'))
		return 0;
	look_read(walk->survey, dir, "device_name", what, sizeof(what));
	survey_use(walk->survey, device, LEND_USE_PARENT, "%s (%.40s) is connected to it by Thunderbolt",
		   what[0] ? what : "a device", name);
	return 0;
}

struct endpoint {
	struct lend_survey *survey;
	struct device *device;
	const char *dir;
};

/* "decoder2.0" is a part of the device's memory; its attribute names the region that uses it. */
static int add_decoder(void *opaque, const char *name)
{
	struct endpoint *endpoint = opaque;
	char dir[PATH_MAX], region[32];

	if (!strncmp(name, "decoder", 7) && !sysfs_path(dir, "%s/%s", endpoint->dir, name) &&
	    look_read(endpoint->survey, dir, "region", region, sizeof(region)) > 0)
		survey_use(endpoint->survey, endpoint->device, LEND_USE_MEMORY,
			   "its memory is a part of the %s of CXL", region);
	return 0;
}

static int find_endpoint(void *opaque, const char *name)
{
	struct walk *walk = opaque;
	char dir[PATH_MAX];
	struct endpoint endpoint = {.survey = walk->survey, .dir = dir};

	if (strncmp(name, "endpoint", 8) || sysfs_path(dir, "%s/%s", walk->dir, name))
		return 0;
	endpoint.device = survey_owner(walk->survey, dir, "uport");
	if (endpoint.device)
		look_each(walk->survey, dir, add_decoder, &endpoint);
	return 0;
}

/* The kernel uses memory of a device as its own: by DAX, or of virtio-mem as soon as its driver has it. */
static int add_memory(void *opaque, const char *name)
{
	struct walk *walk = opaque;
	struct device *device = survey_owner(walk->survey, walk->dir, name);
	char dir[PATH_MAX], driver[32];
	bool dax;

	if (!device || sysfs_path(dir, "%s/%s", walk->dir, name) ||
	    look_link(walk->survey, dir, "driver", driver, sizeof(driver)))
		return 0;
	dax = !strcmp(driver, "kmem");
	if (!dax && strcmp(driver, "virtio_mem") != 0)
		return 0;
	survey_use(walk->survey, device, LEND_USE_MEMORY, "its memory is a part of the computer's (%.40s)",
		   name);
	if (dax)
		survey_cure(device, "daxctl reconfigure-device -f -m devdax", name);
	return 0;
}

/* Memory of a device for peer-to-peer DMA: what is not available is in use. */
static void find_peer_memory(struct lend_survey *survey, struct device *device)
{
	char dir[PATH_MAX];
	long size, available;

	if (!device->seen.is.driver[0] ||
	    sysfs_path(dir, "%s/bus/pci/devices/%s/p2pmem", context_sysfs(survey->context),
		       device->seen.is.name) ||
	    look_number(survey, dir, "size", &size) || look_number(survey, dir, "available", &available) ||
	    available >= size)
		return;
	survey_use(survey, device, LEND_USE_MEMORY, "others work in its memory (%ld bytes)",
		   size - available);
}

void survey_children(struct lend_survey *survey)
{
	static const struct {
		const char *folder;
		int (*each)(void *opaque, const char *name);
	} kinds[] = {
		{"bus/mdev/devices", add_mediated}, {"class/dma", add_channel},
		{"class/watchdog", add_watchdog},   {"bus/thunderbolt/devices", add_thunderbolt},
		{"bus/cxl/devices", find_endpoint}, {"bus/dax/devices", add_memory},
		{"bus/virtio/devices", add_memory},
	};
	char dir[PATH_MAX];
	struct walk walk = {survey, dir};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!sysfs_path(dir, "%s/%s", context_sysfs(survey->context), kinds[i].folder))
			look_each(survey, dir, kinds[i].each, &walk);
	for (size_t i = 0; i < survey->device_count; i++)
		find_peer_memory(survey, &survey->devices[i]);
}
