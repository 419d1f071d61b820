/* SPDX-License-Identifier: MIT */
/*
 * What a driver made of a device (made.h). A driver goes on starting a device after it
 * took it. So when a device is given back, lend waits for what there was before. The
 * class of the device does not tell that: the driver of a network controller may make
 * no interface.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/host/taking/made.h"

/* The device that is looked at. */
struct look {
	struct lend_context *context;
	struct lend_bdf bdf;
	char dir[PATH_MAX]; /* its folder in sysfs */
};

static int is_any(void *opaque, const char *name)
{
	(void)opaque, (void)name;
	return 1;
}

static bool has_interface(const char *folder)
{
	char dir[PATH_MAX];

	return !sysfs_path(dir, "%s/net", folder) && sysfs_each(dir, is_any, NULL) == 1;
}

/* virtio-pci makes a bus of its own in the device; the driver of the network is on that bus. */
static int child_has_interface(void *opaque, const char *name)
{
	char dir[PATH_MAX];

	return !strncmp(name, "virtio", strlen("virtio")) &&
	       !sysfs_path(dir, "%s/%s", (const char *)opaque, name) && has_interface(dir);
}

static bool made_interface(struct look *look)
{
	return has_interface(look->dir) || sysfs_each(look->dir, child_has_interface, look->dir) == 1;
}

static int nvme_is_live(void *opaque, const char *controller)
{
	char dir[PATH_MAX], state[16];

	return !sysfs_path(dir, "%s/%s", (const char *)opaque, controller) &&
	       sysfs_read(dir, "state", state, sizeof(state)) > 0 && !strcmp(state, "live");
}

static bool made_controller(struct look *look)
{
	char dir[PATH_MAX];

	return !sysfs_path(dir, "%s/nvme", look->dir) && sysfs_each(dir, nvme_is_live, dir) == 1;
}

/* Whether a block device, by its number, is below the device. */
static int is_of_device(void *opaque, const char *number)
{
	const struct look *look = opaque;
	char dir[PATH_MAX], path[PATH_MAX], target[PATH_MAX];
	struct lend_bdf owner;

	return !sysfs_path(dir, "%s/dev/block", context_sysfs(look->context)) &&
	       sysfs_target(dir, number, target) > 0 && sysfs_owner(target, &owner) &&
	       !bdf_compare(&owner, &look->bdf) && !sysfs_path(path, "%s/%s", dir, number) &&
	       !access(path, F_OK);
}

static bool made_disk(struct look *look)
{
	char dir[PATH_MAX];

	return !sysfs_path(dir, "%s/dev/block", context_sysfs(look->context)) &&
	       sysfs_each(dir, is_of_device, look) == 1;
}

static const struct {
	enum made made;
	bool (*look)(struct look *look);
	const char *word;
} kinds[] = {
	{MADE_INTERFACE, made_interface, "network interface"},
	{MADE_CONTROLLER, made_controller, "NVMe controller that is live"},
	{MADE_DISK, made_disk, "disk"},
};
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

unsigned device_made(struct lend_context *context, const char *name, unsigned wanted)
{
	struct look look = {.context = context};
	unsigned made = 0;

	if (lend_bdf_parse(name, &look.bdf) ||
	    sysfs_path(look.dir, "%s/bus/pci/devices/%s", context_sysfs(context), name))
		return 0;
	for (int i = 0; i < KINDS; i++)
		if ((wanted & kinds[i].made) && kinds[i].look(&look))
			made |= kinds[i].made;
	return made;
}

const char *made_word(unsigned made)
{
	for (int i = 0; i < KINDS; i++)
		if (made & kinds[i].made)
			return kinds[i].word;
	return "thing";
}
