/* SPDX-License-Identifier: MIT */
/*
 * Uses of devices below a USB controller for which there is neither a node nor an
 * interface: connections by Bluetooth, and devices that usbip serves.
 */
#include <string.h>

#include "lib/host/uses/ways.h"

struct walk {
	struct lend_survey *survey;
	const char *dir;
};

/* "hci0" is an adapter, "hci0:12" a connection of it. */
static int add_connection(void *opaque, const char *name)
{
	struct walk *walk = opaque;
	struct device *device = strchr(name, ':') ? survey_owner(walk->survey, walk->dir, name) : NULL;

	if (device) {
		survey_use(walk->survey, device, LEND_USE_BLUETOOTH,
			   "something is connected through its Bluetooth adapter (%.40s)", name);
		survey_command(device, "bluetoothctl disconnect");
	}
	return 0;
}

/* The driver's folder has a link "1-4" to each device that it serves. */
static int add_export(void *opaque, const char *name)
{
	struct walk *walk = opaque;
	struct device *device = strchr(name, '-') ? survey_owner(walk->survey, walk->dir, name) : NULL;

	if (device) {
		survey_use(walk->survey, device, LEND_USE_EXPORT, "usbip serves its device %.40s to others",
			   name);
		survey_cure(device, "usbip unbind -b", name);
	}
	return 0;
}

void survey_usb(struct lend_survey *survey)
{
	char dir[PATH_MAX];
	struct walk walk = {survey, dir};

	if (!sysfs_path(dir, "%s/class/bluetooth", context_sysfs(survey->context)))
		look_each(survey, dir, add_connection, &walk);
	if (!sysfs_path(dir, "%s/bus/usb/drivers/usbip-host", context_sysfs(survey->context)))
		look_each(survey, dir, add_export, &walk);
}
