/* SPDX-License-Identifier: MIT */
/* Taking one device from its driver, step by step. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/error.h"
#include "lib/host/taking/made.h"
#include "lib/host/taking/operation.h"

static int verify(const struct operation *op, const char *name)
{
	char driver[64];

	operation_driver(op, name, driver);
	if (!strcmp(driver, op->options.driver))
		return 0;
	return error_say(op->error, -ENODEV, "%s went to %s and not to %s", name,
			 driver[0] ? driver : "no driver", op->options.driver);
}

/* Fills a record with what there is now: nothing of it is lend's. */
static void look(const struct operation *op, const struct lend_survey_device *device, struct held *held)
{
	struct record *record = &held->record;
	uint32_t counted = record->counting ? record->counted : device->vfs;
	char dir[PATH_MAX];

	memset(record, 0, sizeof(*record));
	record_identify(op->context, held->name, record);
	snprintf(record->driver, sizeof(record->driver), "%s", device->is.driver);
	snprintf(record->serial, sizeof(record->serial), "%s",
		 device->serial[0] ? device->serial : device->dsn);
	record->made = device_made(op->context, held->name, ~0u);
	/* An unfinished change of the number of functions is undone with the rest. */
	record->functions = counted;
	if (sysfs_path(dir, "%s/bus/pci/devices/%s", context_sysfs(op->context), held->name))
		return;
	if (sysfs_read(dir, "power/control", record->power, sizeof(record->power)) < 0)
		record->power[0] = '\0';
	if (sysfs_link(dir, "driver/module", record->module, sizeof(record->module)))
		record->module[0] = '\0';
}

/*
 * Fills the record with what the device is taken from. A record that is there is kept:
 * it says what there was before lend. But what somebody else has changed since then is
 * taken over: another driver, another driver_override. A device without a driver was
 * left so by lend, or by somebody who took it from VFIO.
 */
static int remember(const struct operation *op, const struct lend_survey_device *device, struct held *held)
{
	struct record *record = &held->record;
	bool lent = record->phase == PHASE_LENT, fresh = record->phase == PHASE_NONE;
	char override[64], before[64];
	int ret = operation_read_override(op, held->name, override);

	if (ret)
		return ret;
	snprintf(before, sizeof(before), "%s", record->driver_override);
	if (lent && device->is.driver[0] && !lend_host_is_vfio(device->is.driver))
		look(op, device, held);
	else if (fresh)
		look(op, device, held);
	if (fresh || (lent && !lend_host_is_vfio(override)))
		snprintf(before, sizeof(before), "%s", override);
	snprintf(record->driver_override, sizeof(record->driver_override), "%s", before);
	record->phase = PHASE_TAKING;
	record->owner = 0;
	record->born = 0;
	if (op->options.managed)
		record_own(op->context, record);
	ret = record_write(op->context, held->name, record);
	if (ret)
		return error_say(op->error, ret, "%s: cannot remember its driver in %s: %s", held->name,
				 context_state(op->context), strerror(-ret));
	held->changed = true;
	return 0;
}

/* Whether the device is still what it was when it was looked at without the lock. */
static int check_same(const struct operation *op, const struct lend_survey_device *device,
		      const struct held *held)
{
	char driver[64];

	operation_driver(op, held->name, driver);
	if (!strcmp(driver, device->is.driver))
		return 0;
	return error_say(op->error, -EBUSY, "%s: another process moved it from %s to %s just now; try again",
			 held->name, device->is.driver[0] ? device->is.driver : "no driver",
			 driver[0] ? driver : "no driver");
}

int held_take(const struct operation *op, const struct lend_survey_device *device, struct held *held)
{
	char driver[64];
	int ret;

	ret = check_same(op, device, held);
	if (!ret)
		ret = remember(op, device, held);
	if (!ret)
		ret = operation_override(op, held->name, op->options.driver);
	if (ret)
		return ret;
	operation_driver(op, held->name, driver);
	if (strcmp(driver, op->options.driver) != 0) {
		if (driver[0])
			ret = operation_detach(op, held->name, driver);
		if (!ret)
			ret = operation_probe(op, held->name);
	}
	if (!ret)
		ret = verify(op, held->name);
	if (!ret)
		ret = held_give_nodes(op, held);
	if (ret)
		return ret;
	held->record.phase = PHASE_LENT;
	ret = record_write(op->context, held->name, &held->record);
	if (ret)
		return error_say(op->error, ret, "%s: cannot remember that it is taken: %s", held->name,
				 strerror(-ret));
	operation_note(op, "%s: taken from %s, now with %s", held->name,
		       held->record.driver[0] ? held->record.driver : "no driver", op->options.driver);
	return 0;
}
