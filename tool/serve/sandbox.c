/* SPDX-License-Identifier: MIT */
/*
 * What a server gives up before its first client: capabilities, new privileges, every
 * file that is not open (Landlock), and each system call that is not in the table.
 */
#include <errno.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tool/serve/serve.h"

static const int calls[] = {
	/* The loop, eventfds, lines on standard error. */
	SCMP_SYS(poll),
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(close),
	/* Clients, and their second sockets. */
	SCMP_SYS(accept4),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(socketpair),
	SCMP_SYS(fcntl),
	/* Guest memory: what it is, and copies by its file. Maps: see below. */
	SCMP_SYS(fstat),
	SCMP_SYS(munmap),
	SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),
	/* A client's descriptors, whatever they are. */
	SCMP_SYS(preadv2),
	SCMP_SYS(pwritev2),
	SCMP_SYS(rt_sigpending),
	SCMP_SYS(rt_sigtimedwait),
	/* malloc(). */
	SCMP_SYS(brk),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	/* Signals, time, locks, the end. */
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(futex),
	SCMP_SYS(getrandom),
	SCMP_SYS(gettid),
	SCMP_SYS(getpid),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

/*
 * The socket's path stays: whoever may remove it may remove its neighbours, too. The
 * next server replaces it.
 */
static const int refused[] = {SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(lstat), SCMP_SYS(newfstatat)};

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {0};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return syscall(SYS_capset, &header, none) ? -errno : 0;
}

/* linux/landlock.h of the oldest kernel headers that this builds with does not have all of it. */
enum { LANDLOCK_VERSION_FLAG = 1, LANDLOCK_CREATE = 444, LANDLOCK_RESTRICT = 446 };

struct landlock_rules {
	uint64_t files, network, scopes;
};

/* All rights that the kernel can withhold, and no rule that gives one back. */
static int lock_files(void)
{
	struct landlock_rules none = {0};
	long version = syscall(LANDLOCK_CREATE, NULL, 0, LANDLOCK_VERSION_FLAG);
	unsigned rights = version >= 5 ? 16 : version >= 3 ? 15 : version >= 2 ? 14 : 13;
	size_t size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
	long fd;
	int ret;

	if (version < 1)
		return 0;
	none.files = (1ull << rights) - 1;
	none.network = version >= 4 ? 3 : 0;
	none.scopes = version >= 6 ? 3 : 0;
	fd = syscall(LANDLOCK_CREATE, &none, size, 0);
	if (fd < 0)
		return -errno;
	ret = syscall(LANDLOCK_RESTRICT, (int)fd, 0) ? -errno : 0;
	close((int)fd);
	return ret;
}

/* Memory that can be executed is not needed any more. */
static int allow_memory(scmp_filter_ctx filter)
{
	int ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				   SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

	return ret ? ret
		   : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				      SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

static int allow_kind(scmp_filter_ctx filter, const struct serve_device *device)
{
	int ret = 0;

	for (const char *const *name = device->calls; name && *name && !ret; name++) {
		int call = seccomp_syscall_resolve_name(*name);

		ret = call == __NR_SCMP_ERROR ? -EINVAL : seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
		/* It may be in the table above, too. */
		if (ret == -EEXIST)
			ret = 0;
	}
	for (size_t i = 0; i < device->ioctl_count && !ret; i++)
		ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				       SCMP_A1_64(SCMP_CMP_MASKED_EQ, UINT32_MAX, device->ioctls[i]));
	return ret;
}

static int add_rules(scmp_filter_ctx filter, const struct serve_device *device)
{
	int ret = 0;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]) && !ret; i++)
		ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]) && !ret; i++)
		ret = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), refused[i], 0);
	ret = ret ? ret : allow_memory(filter);
	return ret ? ret : allow_kind(filter, device);
}

static int load_filter(const struct serve_device *device)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int ret;

	if (!filter)
		return -ENOMEM;
	ret = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	ret = ret ? ret : seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	ret = ret ? ret : seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	ret = ret ? ret : add_rules(filter, device);
	ret = ret ? ret : seccomp_load(filter);
	seccomp_release(filter);
	return ret;
}

int serve_sandbox(const struct serve_device *device, struct lend_error *error)
{
	int ret = drop_capabilities();

	if (ret)
		return tool_fail(error, ret, "cannot drop privileges: %s", strerror(-ret));
	ret = lock_files();
	if (ret)
		return tool_fail(error, ret, "cannot lock files away: %s", strerror(-ret));
	ret = load_filter(device);
	return ret ? tool_fail(error, ret, "cannot restrict system calls: %s", strerror(-ret)) : 0;
}
