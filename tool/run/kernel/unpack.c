/* SPDX-License-Identifier: MIT */
/*
 * The process has the packed bytes in its memory, a copy of ours, the file mapped and its library loaded
 * when it gives up all system calls but those of malloc() and its end. So whatever the bytes make of the
 * library, it writes nothing but the file that is checked afterwards. What it maps, and the file's size, are
 * bounded by the image's sizes, its time by a limit.
 */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool/run/kernel/unpack.h"
#include "vmm/confine.h"

enum { CPU_SECONDS = 60 };

static const int calls[] = {
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	SCMP_SYS(exit),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(exit_group),
	/* A build with sanitizers looks for its stack at the end. */
	SCMP_SYS(sigaltstack),
};

static int add_rules(scmp_filter_ctx filter)
{
	int ret = 0;

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls) && !ret; i++)
		ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return ret ? ret : confine_allow_memory(filter);
}

static int lock_up(void)
{
	const struct rlimit time = {CPU_SECONDS, CPU_SECONDS}, none = {0, 0};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int ret = filter ? 0 : -ENOMEM;

	if (!ret && (setrlimit(RLIMIT_CPU, &time) || setrlimit(RLIMIT_CORE, &none) ||
		     prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)))
		ret = -errno;
	ret = ret ? ret : add_rules(filter);
	ret = ret ? ret : seccomp_load(filter);
	seccomp_release(filter);
	return ret;
}

static int unpack_here(const uint8_t *packed, const struct payload *payload, int to)
{
	uint8_t *out;
	int ret;

	signal(SIGXFSZ, SIG_IGN);
	ret = -posix_fallocate(to, 0, (off_t)payload->unpacked);
	if (ret)
		return ret;
	out = mmap(NULL, payload->unpacked, PROT_READ | PROT_WRITE, MAP_SHARED, to, 0);
	if (out == MAP_FAILED)
		return -errno;
	return payload_unpack(packed, payload->size, out, payload->unpacked, lock_up);
}

/* In the child, which has our descriptors: it does not outlive us. */
static bool is_tied_to(pid_t parent)
{
	return !prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) && getppid() == parent;
}

int unpack(const uint8_t *packed, const struct payload *payload, int to)
{
	pid_t parent = getpid(), pid = fork(), ended;
	int status;

	if (pid < 0)
		return -errno;
	if (!pid) /* an errno of Linux fits */
		_exit(is_tied_to(parent) ? -unpack_here(packed, payload, to) & 0xff : ECHILD);
	do
		ended = waitpid(pid, &status, 0);
	while (ended < 0 && errno == EINTR);
	if (ended != pid || !WIFEXITED(status))
		return -EIO;
	return -WEXITSTATUS(status);
}
