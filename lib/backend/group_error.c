/* SPDX-License-Identifier: MIT */
/* What stands in the way of a device, said so that a person can cure it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/backend/group_error.h"
#include "lib/context.h"
#include "lib/error.h"

enum { SIBLINGS_MAX = 64 };

bool group_is_vfio_driver(const char *driver)
{
	return strstr(driver, "vfio") != NULL;
}

int group_say_open(struct lend_context *context, const struct lend_host_device *host, const char *path,
		   int code, struct lend_error *error)
{
	struct lend_host_holder holder;

	switch (code) {
	case EBUSY:
		if (!lend_host_holder(context, path, &holder))
			return error_say(error, -EBUSY,
					 "%s is in use by process %d (%s), which has %s open; end that first",
					 host->name, (int)holder.pid, holder.command, path);
		return error_say(
			error, -EBUSY,
			"%s is in use by another process, which has %s open; as root, fuser -v %s names it",
			host->name, path, path);
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return error_say(error, -EACCES,
				 "%s: %s is not there; is the device's driver loaded (modprobe vfio-pci) and "
				 "/dev a devtmpfs?",
				 host->name, path);
	case EACCES:
	case EPERM:
		return error_say(error, -EACCES,
				 "%s: no permission to open %s; run as root, or once as root: chown $USER %s",
				 host->name, path, path);
	default:
		return error_say(error, -code, "%s: cannot open %s: %s", host->name, path, strerror(code));
	}
}

/* Devices that the kernel tolerates beside a lent one (vfio: driverless, bridges, pci-stub). */
static bool in_the_way(const struct lend_host_device *device)
{
	return device->driver[0] && !device->is_bridge && !group_is_vfio_driver(device->driver) &&
	       strcmp(device->driver, "pci-stub") != 0;
}

int group_say_not_viable(struct lend_context *context, const struct lend_host_device *host,
			 struct lend_error *error)
{
	struct lend_host_device siblings[SIBLINGS_MAX];
	char who[200] = "", names[120] = "";
	int count = lend_host_group(context, host->group, siblings, SIBLINGS_MAX);
	size_t at = 0, also = 0;

	for (int i = 0; i < count && i < SIBLINGS_MAX; i++) {
		if (!in_the_way(&siblings[i]))
			continue;
		if (at < sizeof(who))
			at += (size_t)snprintf(who + at, sizeof(who) - at, "%s%s (%s)", at ? ", " : "",
					       siblings[i].name, siblings[i].driver);
		if (also < sizeof(names))
			also += (size_t)snprintf(names + also, sizeof(names) - also, " %s", siblings[i].name);
	}
	if (!at)
		return error_say(
			error, -EPERM,
			"%s: IOMMU group %d is not viable: a device of it is in the hands of a driver of "
			"the host; see /sys/kernel/iommu_groups/%d/devices",
			host->name, host->group, host->group);
	return error_say(error, -EPERM,
			 "%s: IOMMU group %d is not viable, these stand in the way: %s; take them from their "
			 "drivers: for d in%s; do echo $d > /sys/bus/pci/devices/$d/driver/unbind; done",
			 host->name, host->group, who, names);
}

int group_say_no_iommu(const struct lend_host_device *host, struct lend_error *error)
{
	return error_say(
		error, -ENOTSUP,
		"%s: no IOMMU keeps its DMA apart from the host's memory; enable VT-d or AMD-Vi in the "
		"firmware and boot the kernel with intel_iommu=on or amd_iommu=on",
		host->name);
}

int group_say_not_bound(struct lend_context *context, const struct lend_host_device *host,
			struct lend_error *error)
{
	const char *sysfs = context_sysfs(context);
	char unbind[32] = "";

	if (host->driver[0])
		snprintf(unbind, sizeof(unbind), "echo $d > driver/unbind; ");
	return error_say(error, -ENXIO,
			 "%s is bound to %s, not to vfio-pci; as root: modprobe vfio-pci; d=%s; "
			 "cd %s/bus/pci/devices/$d && echo vfio-pci > driver_override; %secho $d > "
			 "%s/bus/pci/drivers_probe",
			 host->name, host->driver[0] ? host->driver : "no driver", host->name, sysfs, unbind,
			 sysfs);
}
