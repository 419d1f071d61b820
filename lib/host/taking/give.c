/* SPDX-License-Identifier: MIT */
/* Giving one device back to the driver that it had, step by step. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/host/taking/operation.h"
#include "lib/host/taking/write.h"

enum { LOOK_EVERY_MS = 50 };

/*
 * Tells the driver to take the device, where it did not by itself: the first
 * time, it may have been told by new_id or by hand.
 */
static int insist(const struct operation *op, const char *name, const char *driver)
{
	char path[PATH_MAX];

	if (sysfs_path(path, "%s/bus/pci/drivers/%s/bind", context_sysfs(op->context), driver))
		return -ENAMETOOLONG;
	if (access(path, F_OK))
		return error_say(op->error, -ENODEV,
				 "%s: its driver %s is not there any more; load it (modprobe %s)", name,
				 driver, driver);
	return host_write(op->context, path, name, op->options.limit_ms);
}

static int nvme_is_live(void *opaque, const char *controller)
{
	char dir[PATH_MAX], state[16];

	return !sysfs_path(dir, "%s/%s", (const char *)opaque, controller) &&
	       sysfs_read(dir, "state", state, sizeof(state)) > 0 && !strcmp(state, "live");
}

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

/* virtio-pci makes a bus of its own in the device, on which the network's driver is. */
static int child_has_interface(void *opaque, const char *name)
{
	char dir[PATH_MAX];

	return !strncmp(name, "virtio", strlen("virtio")) &&
	       !sysfs_path(dir, "%s/%s", (const char *)opaque, name) && has_interface(dir);
}

/* Whether the driver has made what belongs to a device of that class: an NVMe controller, an interface. */
static bool works(const struct operation *op, const char *name, uint32_t class_code)
{
	enum { CLASS_NVME = 0x010802, BASE_NETWORK = 0x02 };
	char dir[PATH_MAX];

	if (class_code == CLASS_NVME &&
	    !sysfs_path(dir, "%s/bus/pci/devices/%s/nvme", context_sysfs(op->context), name))
		return sysfs_each(dir, nvme_is_live, dir) == 1;
	if (class_code >> 16 == BASE_NETWORK &&
	    !sysfs_path(dir, "%s/bus/pci/devices/%s", context_sysfs(op->context), name))
		return has_interface(dir) || sysfs_each(dir, child_has_interface, dir) == 1;
	return true;
}

/* A driver goes on starting a device after it took it. Waits for the end of that, up to the limit. */
static int verify(const struct operation *op, const char *name, const char *driver)
{
	struct lend_host_device device;
	char now[64];
	unsigned waited = 0;

	operation_driver(op, name, now);
	if (strcmp(now, driver) != 0)
		return error_say(op->error, -ENODEV, "%s is with %s and not with %s, which it was taken from",
				 name, now[0] ? now : "no driver", driver);
	/* For devices of other classes nothing is known to wait for. */
	if (lend_host_find(op->context, name, &device, sizeof(device), NULL) ||
	    (strcmp(driver, "nvme") != 0 && device.class_code >> 16 != 2))
		return 0;
	while (!works(op, name, device.class_code)) {
		if (waited >= op->options.limit_ms)
			return error_say(
				op->error, -EIO,
				"%s is with %s again, which does not get it to work; the kernel's log "
				"says why (dmesg)",
				name, driver);
		poll(NULL, 0, LOOK_EVERY_MS);
		waited += LOOK_EVERY_MS;
	}
	return 0;
}

/*
 * VFIO resets the device when it is closed. One reset more makes sure that the
 * driver finds nothing of the guest's.
 */
static void reset(const struct operation *op, const char *name)
{
	struct lend_error error = {""};
	struct operation quiet = *op;

	quiet.error = &error;
	if (operation_reset(&quiet, name))
		operation_note(op, "%s; it goes back as it is", error.text);
}

/* From whatever has it to the driver that had it. */
static int move_back(const struct operation *op, struct held *held)
{
	const struct record *record = &held->record;
	bool known = record->phase != PHASE_NONE;
	char driver[64];
	int ret;

	operation_driver(op, held->name, driver);
	if (known && driver[0] && !strcmp(driver, record->driver))
		return 0;
	if (driver[0])
		ret = operation_detach(op, held->name, driver);
	else
		ret = 0;
	if (ret || (known && !record->driver[0]))
		return ret;
	ret = operation_probe(op, held->name);
	if (ret || !known)
		return ret;
	operation_driver(op, held->name, driver);
	if (!driver[0])
		ret = insist(op, held->name, record->driver);
	return ret ? ret : verify(op, held->name, record->driver);
}

int held_give(const struct operation *op, struct held *held)
{
	struct record *record = &held->record;
	bool known = record->phase != PHASE_NONE;
	char driver[64];
	int ret = 0;

	operation_driver(op, held->name, driver);
	if (known) {
		record->phase = PHASE_GIVING;
		ret = record_write(op->context, held->name, record);
	}
	if (ret)
		return error_say(op->error, ret, "%s: cannot write to %s: %s", held->name,
				 context_state(op->context), strerror(-ret));
	if (lend_host_is_vfio(driver))
		reset(op, held->name);
	ret = operation_override(op, held->name, record->driver_override);
	if (!ret)
		ret = move_back(op, held);
	if (ret)
		return ret;
	record_remove(op->context, held->name);
	operation_driver(op, held->name, driver);
	operation_note(op, "%s: given back to %s", held->name, driver[0] ? driver : "no driver");
	return 0;
}
