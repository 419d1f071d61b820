/* SPDX-License-Identifier: MIT */
/* Taking one device from its driver, step by step. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/host/taking/operation.h"
#include "lib/host/taking/write.h"

struct gift {
	const struct operation *op;
	const char *folder; /* ".../vfio" or ".../vfio/devices" */
	const char *name;   /* of the device */
};

static int give_node(void *opaque, const char *node)
{
	const struct gift *gift = opaque;
	char path[PATH_MAX];

	if (sysfs_path(path, "%s/%s", gift->folder, node))
		return -ENAMETOOLONG;
	if (!chown(path, gift->op->options.user, (gid_t)-1))
		return 0;
	return error_say(gift->op->error, -errno, "%s: cannot give %s to the user: %s", gift->name, path,
			 strerror(errno));
}

/* The nodes that the user is to open: the group's, and the device's own where there is one. */
int operation_give_nodes(const struct operation *op, const struct lend_survey_device *device)
{
	char dir[PATH_MAX], folder[PATH_MAX], group[16];
	struct gift gift = {op, folder, device->is.name};
	int ret;

	if (!op->options.has_user)
		return 0;
	snprintf(group, sizeof(group), "%d", device->is.group);
	if (sysfs_path(folder, "%s/vfio", context_dev(op->context)))
		return -ENAMETOOLONG;
	ret = give_node(&gift, group);
	if (ret || sysfs_path(folder, "%s/vfio/devices", context_dev(op->context)) ||
	    sysfs_path(dir, "%s/bus/pci/devices/%s/vfio-dev", context_sysfs(op->context), device->is.name))
		return ret;
	ret = access(folder, F_OK) ? 0 : sysfs_each(dir, give_node, &gift);
	return ret == -ENOENT ? 0 : ret;
}

static int verify(const struct operation *op, const char *name)
{
	char driver[64];

	operation_driver(op, name, driver);
	if (!strcmp(driver, op->options.driver))
		return 0;
	return error_say(op->error, -ENODEV, "%s went to %s and not to %s", name,
			 driver[0] ? driver : "no driver", op->options.driver);
}

/*
 * What it was taken from. A record that is there already is kept, since it knows
 * what was before us; but not when somebody else gave the device back meanwhile.
 */
static int remember(const struct operation *op, const struct lend_survey_device *device, struct held *held)
{
	struct record *record = &held->record;
	char dir[PATH_MAX], before[64];
	int ret;

	if (record->phase == PHASE_NONE ||
	    (record->phase == PHASE_LENT && !lend_host_is_vfio(device->is.driver))) {
		memset(record, 0, sizeof(*record));
		if (sysfs_path(dir, "%s/bus/pci/devices/%s", context_sysfs(op->context), held->name))
			return -ENAMETOOLONG;
		ret = host_read(dir, "driver_override", before, sizeof(before), op->options.limit_ms);
		if (ret < 0)
			return error_say(op->error, ret, "%s: cannot read its driver_override: %s",
					 held->name, strerror(-ret));
		if (strcmp(before, "(null)") != 0)
			snprintf(record->driver_override, sizeof(record->driver_override), "%s", before);
		snprintf(record->driver, sizeof(record->driver), "%s", device->is.driver);
		snprintf(record->serial, sizeof(record->serial), "%s",
			 device->serial[0] ? device->serial : device->dsn);
		record->inode = record_inode(op->context, held->name);
	}
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

int held_take(const struct operation *op, const struct lend_survey_device *device, struct held *held)
{
	char driver[64];
	int ret;

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
		ret = operation_give_nodes(op, device);
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
