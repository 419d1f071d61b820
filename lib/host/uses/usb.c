/* SPDX-License-Identifier: MIT */
/*
 * Uses of devices below a USB controller for which there is neither a node nor an
 * interface: connections by Bluetooth, and devices that usbip serves; and ports by which
 * this computer is a USB device itself.
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

/* The computer is a device of another one by this port: its attribute tells what it is ("g1"). */
static int add_gadget(void *opaque, const char *name)
{
	struct walk *walk = opaque;
	struct device *device = survey_owner(walk->survey, walk->dir, name);
	char dir[PATH_MAX], gadget[64];

	if (!device || sysfs_path(dir, "%s/%s", walk->dir, name) ||
	    look_read(walk->survey, dir, "function", gadget, sizeof(gadget)) <= 0)
		return 0;
	survey_use(walk->survey, device, LEND_USE_EXPORT,
		   "this computer is the USB device %.40s by its port %.40s", gadget, name);
	if (!sysfs_path(dir, "%s/kernel/config/usb_gadget/%s", context_sysfs(walk->survey->context),
			gadget) &&
	    look_exists(walk->survey, dir) && survey_is_plain(gadget))
		survey_command(device, "sh -c 'echo >/sys/kernel/config/usb_gadget/%s/UDC'", gadget);
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
	if (!sysfs_path(dir, "%s/class/udc", context_sysfs(survey->context)))
		look_each(survey, dir, add_gadget, &walk);
}
