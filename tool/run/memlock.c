/* SPDX-License-Identifier: MIT */
/* The limit of locked memory; see memlock.h. */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tool/run/memlock.h"
#include "tool/tool.h"

/* With CAP_IPC_LOCK the kernel does not look at the limit. */
static bool has_ipc_lock(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

	return !syscall(SYS_capget, &header, data) && data[0].effective & 1u << CAP_IPC_LOCK;
}

/* The soft limit is ours to raise up to the hard one; the hard one takes CAP_SYS_RESOURCE. */
static bool raise_limit(const struct rlimit *now, rlim_t need)
{
	struct rlimit want = *now;

	want.rlim_cur = need;
	if (want.rlim_max < need)
		want.rlim_max = need;
	return !setrlimit(RLIMIT_MEMLOCK, &want);
}

int memlock_prepare(uint64_t need, char said[128], struct lend_error *error)
{
	unsigned long long need_mib = (need + (1 << 20) - 1) >> 20;
	struct rlimit limit;

	said[0] = '\0';
	if (!need || getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur >= need)
		return 0;
	if (raise_limit(&limit, need)) {
		snprintf(said, 128, "the limit of locked memory is raised from %llu KiB to %llu MiB",
			 (unsigned long long)limit.rlim_cur >> 10, need_mib);
		return 0;
	}
	if (has_ipc_lock())
		return 0;
	return tool_fail(error, -EPERM,
			 "the guest's memory must be locked for its devices: that takes a memlock limit of "
			 "%llu KiB, and "
			 "it is %llu KiB; raise it (ulimit -l, memlock in /etc/security/limits.conf, or "
			 "LimitMEMLOCK= of "
			 "the service), or start lend as root",
			 need_mib << 10, (unsigned long long)limit.rlim_max >> 10);
}
