/* SPDX-License-Identifier: MIT */
/* Whether /dev/kvm can be used; see kvm_node.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tool/run/kvm_node.h"
#include "tool/tool.h"

/* The module of this computer's processor. */
static const char *module_name(void)
{
#if defined(__x86_64__)
	__builtin_cpu_init();
	return __builtin_cpu_is("intel") ? "kvm-intel" : "kvm-amd";
#else
	return "kvm";
#endif
}

int kvm_node_check(const char *dev, struct lend_error *error)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/kvm", dev);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0) {
		close(fd);
		return 0;
	}
	switch (errno) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return tool_fail(
			error, -errno,
			"%s is not there: load the module (modprobe %s), and switch virtualisation on in the "
			"computer's firmware if that fails",
			path, module_name());
	case EACCES:
	case EPERM:
		return tool_fail(error, -errno,
				 "no permission to use %s: add this user to the group kvm (usermod -aG kvm "
				 "USER, then log "
				 "in again), or start lend as root",
				 path);
	default:
		return tool_fail(error, -errno, "cannot use %s: %s", path, strerror(errno));
	}
}
