/* SPDX-License-Identifier: MIT */
/* The control groups that this process is in, of both versions, each with all that are above it. */
#ifndef LIB_HOST_CHECK_CGROUP_H
#define LIB_HOST_CHECK_CGROUP_H

#include "lib/host/sysfs.h"

struct cgroup {
	const char *dir;  /* the folder that has its files */
	const char *name; /* "/user.slice/a.service"; the root is "/" */
	bool unified;     /* version 2 */
};

/**
 * Calls `each` for every group that `controller` ("memory", "pids") limits this
 * process by, from the lowest to the root. A group whose folder cannot be seen from
 * here is among them: its files are not there.
 */
void cgroups_each(struct lend_context *context, const char *controller,
		  void (*each)(void *opaque, const struct cgroup *group), void *opaque);

#endif
