/* SPDX-License-Identifier: MIT */
/* Giving one device back to the driver that it had, step by step. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/host/taking/made.h"
#include "lib/host/taking/operation.h"

enum { LOOK_FIRST_MS = 2, LOOK_EVERY_MS = 50 };

/* Orders the driver to take the device, if it did not by itself: the kernel's answer says why. */
static int insist(const struct operation *op, const struct held *held)
{
	const struct record *record = &held->record;
	char path[PATH_MAX];

	if (sysfs_path(path, "%s/bus/pci/drivers/%s", context_sysfs(op->context), record->driver))
		return -ENAMETOOLONG;
	if (access(path, F_OK))
		return error_say(
			op->error, -ENODEV,
			"%s: its driver %s is not there any more; load it (modprobe %s), and give it "
			"back again",
			held->name, record->driver, record->module[0] ? record->module : record->driver);
	return operation_attach(op, held->name, record->driver);
}

/* Waits, up to the limit, until the driver has started the device: it goes on with that after it took it. */
static int verify(const struct operation *op, const struct held *held)
{
	const struct record *record = &held->record;
	unsigned missing, waited = 0, pause = LOOK_FIRST_MS;
	char now[64];

	operation_driver(op, held->name, now);
	if (strcmp(now, record->driver) != 0)
		return error_say(op->error, -ENODEV, "%s is with %s and not with %s, which it was taken from",
				 held->name, now[0] ? now : "no driver", record->driver);
	while ((missing = record->made & ~device_made(op->context, held->name, record->made))) {
		if (waited >= op->options.limit_ms)
			return error_say(op->error, -EIO,
					 "%s is with %s again, which does not get it to work: its %s is not "
					 "back; the kernel's log says why (dmesg)",
					 held->name, record->driver, made_word(missing));
		poll(NULL, 0, (int)pause);
		waited += pause;
		pause = pause * 2 < LOOK_EVERY_MS ? pause * 2 : LOOK_EVERY_MS;
	}
	return 0;
}

/* VFIO resets the device when it is closed. Another reset makes sure that nothing of the guest is left. */
static void reset(const struct operation *op, const char *name)
{
	struct lend_error error = {""};
	struct operation quiet = *op;

	quiet.error = &error;
	if (operation_reset(&quiet, name))
		operation_note(op, "%s; it goes back as it is", error.text);
}

/* Writes only a value that differs: the kernel may refuse a write that changes nothing. */
static int choose(const struct operation *op, const char *name, const char *driver)
{
	struct operation quiet = *op;
	struct lend_error error;
	char now[64];
	int ret = operation_override(op, name, driver);

	quiet.error = &error;
	if (ret && ret != -ETIMEDOUT && !operation_read_override(&quiet, name, now) && !strcmp(now, driver))
		return 0;
	return ret;
}

/*
 * Gives the device to the driver that had it. `lead` is what driver_override is set to
 * meanwhile. It becomes the name of the driver that had it if another driver with the
 * device's ids was faster, or if none took it: a virtual function goes to no driver
 * where sriov_drivers_autoprobe is off, unless driver_override names one.
 */
static int bring_home(const struct operation *op, const struct held *held, const char **lead)
{
	const char *home = held->record.driver;
	char driver[64];
	int ret = operation_probe(op, held->name);

	operation_driver(op, held->name, driver);
	if (!ret && strcmp(driver, home) != 0) {
		*lead = home;
		ret = choose(op, held->name, home);
		if (!ret && driver[0])
			ret = operation_detach(op, held->name, driver);
		if (!ret)
			ret = operation_probe(op, held->name);
		operation_driver(op, held->name, driver);
	}
	if (!ret && !driver[0])
		ret = insist(op, held);
	return ret ? ret : verify(op, held);
}

/*
 * Moves the device from the driver that has it to the one that had it. The
 * driver_override that it had may name a third driver, if it was written after the
 * second one took the device. Then that driver's name is set first, and the old
 * driver_override last.
 */
static int move_back(const struct operation *op, const struct held *held)
{
	const char *home = held->record.driver, *before = held->record.driver_override;
	const char *lead = home[0] && before[0] && strcmp(before, home) != 0 ? home : before;
	char driver[64];
	int ret = choose(op, held->name, lead);

	operation_driver(op, held->name, driver);
	if (!ret && home[0] && !strcmp(driver, home)) {
		ret = verify(op, held);
	} else {
		if (!ret && driver[0])
			ret = operation_detach(op, held->name, driver);
		if (!ret && home[0])
			ret = bring_home(op, held, &lead);
	}
	if (!ret && strcmp(lead, before) != 0)
		ret = choose(op, held->name, before);
	return ret;
}

/* power/control: VFIO changes it while it has a device, and leaves it at "on". */
static int restore_power(const struct operation *op, const struct held *held)
{
	const char *before = held->record.power;
	char dir[PATH_MAX], now[8];

	if (!before[0] || sysfs_path(dir, "%s/bus/pci/devices/%s", context_sysfs(op->context), held->name) ||
	    sysfs_read(dir, "power/control", now, sizeof(now)) < 0 || !strcmp(now, before))
		return 0;
	return operation_write(op, held->name, "power/control", before, "restoring its power/control");
}

/* The driver's ids name the device: it is what the kernel finds, as long as they are there. */
static int say_taken_again(const struct operation *op, const char *name, const char *driver)
{
	char dir[PATH_MAX], vendor[12] = "", device[12] = "";

	if (!sysfs_path(dir, "%s/bus/pci/devices/%s", context_sysfs(op->context), name)) {
		sysfs_read(dir, "vendor", vendor, sizeof(vendor));
		sysfs_read(dir, "device", device, sizeof(device));
	}
	return error_say(op->error, -EBUSY,
			 "%s: %s took it again, because its list of ids has such devices; take them off the "
			 "list, and give it back again: echo %s %s > %s/bus/pci/drivers/%s/remove_id",
			 name, driver, vendor, device, context_sysfs(op->context), driver);
}

/* A device that lend did not take goes to the driver that the kernel finds for it. */
static int let_go(const struct operation *op, const struct held *held)
{
	char driver[64];
	int ret = operation_override(op, held->name, "");

	operation_driver(op, held->name, driver);
	if (!ret && driver[0])
		ret = operation_detach(op, held->name, driver);
	if (!ret)
		ret = operation_probe(op, held->name);
	operation_driver(op, held->name, driver);
	return !ret && lend_host_is_vfio(driver) ? say_taken_again(op, held->name, driver) : ret;
}

static int restore(const struct operation *op, struct held *held)
{
	int ret;

	held->record.phase = PHASE_GIVING;
	/* If there is no room for a new record, the old one stays: it gives the device back the same way. */
	record_write(op->context, held->name, &held->record);
	ret = move_back(op, held);
	if (!ret)
		ret = restore_power(op, held);
	if (!ret && held->record.functions)
		ret = held_restore_functions(op, held, held->record.functions);
	if (!ret)
		ret = held_restore_nodes(op, held);
	return ret;
}

/*
 * Another driver has a device that was lent: somebody gave it to that driver, so it is
 * not ours any more. Our driver_override is removed: it would give the device to VFIO
 * when a driver is loaded next.
 */
static int leave(const struct operation *op, const struct held *held, const char *driver)
{
	char override[64];
	int ret = operation_read_override(op, held->name, override);

	if (!ret && lend_host_is_vfio(override))
		ret = operation_override(op, held->name, held->record.driver_override);
	if (ret)
		return ret;
	record_remove(op->context, held->name);
	operation_note(op, "%s: another hand gave it to %s; it is left there", held->name, driver);
	return 0;
}

int held_give(const struct operation *op, struct held *held)
{
	char driver[64];
	int ret;

	operation_driver(op, held->name, driver);
	if (held->record.phase == PHASE_LENT && driver[0] && !lend_host_is_vfio(driver))
		return leave(op, held, driver);
	if (held->record.phase != PHASE_NONE) {
		held->record.phase = PHASE_GIVING;
		/* If there is no room for a new record, the old one stays: it gives the device back the same
		 * way. */
		record_write(op->context, held->name, &held->record);
	}
	if (lend_host_is_vfio(driver))
		reset(op, held->name);
	ret = held->record.phase == PHASE_NONE ? let_go(op, held) : restore(op, held);
	if (ret)
		return ret;
	record_remove(op->context, held->name);
	operation_driver(op, held->name, driver);
	operation_note(op, "%s: given back to %s", held->name, driver[0] ? driver : "no driver");
	return 0;
}
