/* SPDX-License-Identifier: MIT */
/*
 * What a server gives up before its first client: capabilities, new privileges, every
 * file that is not open (Landlock), and each system call that is not in the table.
 */
#include <errno.h>
#include <seccomp.h>
#include <string.h>

#include "tool/serve/serve.h"
#include "vmm/confine.h"

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
	SCMP_SYS(timerfd_settime),
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

static int add_rules(scmp_filter_ctx filter, const void *opaque)
{
	const struct serve_device *device = opaque;
	int ret = 0;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]) && !ret; i++)
		ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]) && !ret; i++)
		ret = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), refused[i], 0);
	ret = ret ? ret : confine_allow_memory(filter);
	return ret ? ret : allow_kind(filter, device);
}

/* A server has one thread. */
static int restrict_calls(const struct serve_device *device)
{
	struct sock_fprog program;
	int ret = confine_program(add_rules, device, false, &program);

	ret = ret ? ret : confine_calls(&program);
	confine_free(&program);
	return ret;
}

int serve_sandbox(const struct serve_device *device, struct lend_error *error)
{
	int ret = confine_privileges();

	if (ret)
		return tool_fail(error, ret, "cannot drop privileges: %s", strerror(-ret));
	ret = confine_files();
	if (ret)
		return tool_fail(error, ret, "cannot lock files away: %s", strerror(-ret));
	ret = restrict_calls(device);
	return ret ? tool_fail(error, ret, "cannot restrict system calls: %s", strerror(-ret)) : 0;
}
