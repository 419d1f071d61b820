/* SPDX-License-Identifier: MIT */
/*
 * Two tables: the system calls that stay allowed, and the ioctls of KVM that
 * do; liblend has two of its own. A row is there only if something needs the
 * call after the start; the reason stands above its group.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/kvm.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/error.h"
#include "vmm/machine.h"
#include "vmm/sandbox.h"

static const int calls[] = {
	/* Event loop, eventfds, serial line, control socket, trapped BARs, images at a reboot. */
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(sendto),
	SCMP_SYS(recvfrom),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(poll),
	SCMP_SYS(close),
	SCMP_SYS(fstat), /* not newfstatat, which tells of any path whether it exists */
	/* Memory of malloc, and BAR mappings that go. mmap and mprotect: see below. */
	SCMP_SYS(munmap),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(mremap),
	/* Threads, signals, time. */
	SCMP_SYS(futex),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(gettid),
	SCMP_SYS(getpid),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(getrandom),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

static const unsigned ioctls[] = {
	/* Running and, at a reboot, resetting the processors. */
	KVM_RUN,
	KVM_GET_REGS,
	KVM_SET_REGS,
	KVM_SET_SREGS,
	KVM_GET_MSRS,
	KVM_SET_MSRS,
	KVM_SET_LAPIC,
	KVM_SET_FPU,
	KVM_SET_XCRS,
	KVM_SET_VCPU_EVENTS,
	KVM_SET_DEBUGREGS,
	KVM_SET_MP_STATE,
	KVM_SET_IRQCHIP,
	KVM_SET_PIT2,
	/* Going on after a pause. */
	KVM_KVMCLOCK_CTRL,
	/* BARs that move, interrupts that change. */
	KVM_SET_USER_MEMORY_REGION,
	KVM_SET_GSI_ROUTING,
	KVM_IRQFD,
	KVM_IRQ_LINE,
	/* A root port's own interrupt. */
	KVM_SIGNAL_MSI,
	/* Flash of firmware that becomes memory and a chip in turn. */
	KVM_REGISTER_COALESCED_MMIO,
	KVM_UNREGISTER_COALESCED_MMIO,
	/* Writes that are learned (NVIDIA's acknowledgements). */
	KVM_IOEVENTFD,
	/* Giving devices back. */
	KVM_SET_DEVICE_ATTR,
};

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {0};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return syscall(SYS_capset, &header, none) ? -errno : 0;
}

static int allow_ioctl(scmp_filter_ctx filter, uint32_t request)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				SCMP_A1_64(SCMP_CMP_MASKED_EQ, UINT32_MAX, request));
}

/* A call that two tables have is one rule. */
static int allow_named(scmp_filter_ctx filter, const char *const *names, size_t count)
{
	int ret = 0;

	for (size_t i = 0; i < count && !ret; i++) {
		int call = seccomp_syscall_resolve_name(names[i]);

		ret = call == __NR_SCMP_ERROR ? -EINVAL : seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
		if (ret == -EEXIST)
			ret = 0;
	}
	return ret;
}

static int allow_library(scmp_filter_ctx filter)
{
	const char *const *names;
	size_t count = lend_syscalls(&names);

	return allow_named(filter, names, count);
}

/* What devices need that come while the guest runs: they are opened then. */
static int allow_plugs(scmp_filter_ctx filter)
{
	const uint32_t *requests;
	const char *const *names;
	size_t request_count = lend_open_ioctls(&requests), count = lend_open_syscalls(&names);
	/* A device's timer. */
	int ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(timerfd_create), 0);

	for (size_t i = 0; i < request_count && !ret; i++)
		ret = allow_ioctl(filter, requests[i]);
	return ret ? ret : allow_named(filter, names, count);
}

static int add_rules(scmp_filter_ctx filter, const struct vmm *vmm)
{
	const uint32_t *devices;
	size_t device_count = lend_ioctls(&devices);
	int ret = 0;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]) && !ret; i++)
		ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	for (size_t i = 0; i < sizeof(ioctls) / sizeof(ioctls[0]) && !ret; i++)
		ret = allow_ioctl(filter, ioctls[i]);
	for (size_t i = 0; i < device_count && !ret; i++)
		ret = allow_ioctl(filter, devices[i]);
	ret = ret ? ret : allow_library(filter);
	if (!ret && vmm->config.ports)
		ret = allow_plugs(filter);
	/* The guest's UEFI variables, which pwrite64 of the library's list writes, reach the disk. */
	if (!ret && vmm->config.firmware)
		ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fdatasync), 0);
	/* Signals to threads of this process alone; a thread's name. */
	ret = ret ? ret
		  : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
	ret = ret ? ret
		  : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
				     SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME, 0));
	/* New memory, but none that can be executed. */
	ret = ret ? ret
		  : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				     SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	ret = ret ? ret
		  : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				     SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return ret;
}

static int load_filter(const struct vmm *vmm)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int ret;

	if (!filter)
		return -ENOMEM;
	/* The default ends one thread alone, and the machine would live on without it. */
	ret = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	ret = ret ? ret : seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	ret = ret ? ret : seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	ret = ret ? ret : add_rules(filter, vmm);
	ret = ret ? ret : seccomp_load(filter);
	seccomp_release(filter);
	return ret;
}

int vmm_sandbox(struct vmm *vmm, struct lend_error *error)
{
	int ret = drop_capabilities();

	if (ret)
		return fail(error, ret, "cannot drop privileges: %s", strerror(-ret));
	ret = vcpus_start(&vmm->vcpus, error);
	ret = ret ? ret : plugs_start(vmm, error);
	if (ret)
		return ret;
	ret = load_filter(vmm);
	return ret ? fail(error, ret, "cannot restrict system calls: %s", strerror(-ret)) : 0;
}
