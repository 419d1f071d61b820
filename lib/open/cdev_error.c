/* SPDX-License-Identifier: MIT */
/* What the errors of VFIO_DEVICE_BIND_IOMMUFD mean. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "lib/context.h"
#include "lib/error.h"
#include "lib/open/cdev.h"
#include "lib/open/cdev_error.h"
#include "lib/open/group_error.h"
#include "lib/open/token_owner.h"

/*
 * The kernel has one error for two cases: a driver of the host has another device
 * of the group, or a process has this device. So sysfs and procfs are looked at.
 */
static int say_busy(struct lend_context *context, const struct lend_host_device *host,
		    struct lend_error *error)
{
	char node[PATH_MAX];

	if (!context)
		return group_say_busy(NULL, host, NULL, error);
	if (group_is_blocked(context, host))
		return group_say_not_viable(context, host, error);
	cdev_path(context, host, node);
	return group_say_busy(context, host, node, error);
}

int cdev_say_bind(struct lend_context *context, const struct lend_host_device *host, int code, bool token,
		  struct lend_error *error)
{
	switch (code) {
	case -EBUSY:
		return say_busy(context, host, error);
	case -EINVAL:
		/*
		 * The device is bound already, or no token is taken: by the kernel at all, or for this
		 * device. Where sysfs could be looked at, the latter was said before (token_check()).
		 */
		if (token && !context)
			return token_say_not_taken(host, error);
		if (token)
			return error_say(
				error, -EOPNOTSUPP,
				"%s: this kernel takes no VF token with iommufd; use the legacy way, "
				"iommufd=off",
				host->name);
		return say_busy(context, host, error);
	case -EPERM:
		return error_say(
			error, code,
			"%s: the kernel refuses it because interrupts are not remapped, so the device could "
			"raise any interrupt of the host; enable interrupt remapping (VT-d, AMD-Vi) in the "
			"firmware or, unsafe, for a guest you trust: echo 1 > "
			"/sys/module/iommufd/parameters/allow_unsafe_interrupts",
			host->name);
	case -EACCES:
		return token_say_refused(context, host, token, error);
	case -ENOTTY:
		return error_say(error, code, "%s: what is open is no VFIO device node", host->name);
	default:
		return error_say(error, code, "%s: cannot bind it to the iommufd: %s; dmesg may say why",
				 host->name, strerror(-code));
	}
}
