/* SPDX-License-Identifier: MIT */
/*
 * Two tables: the system calls that stay allowed, and the ioctls of KVM that
 * do, each for the threads that need it; liblend has two of its own. A row is
 * there only if something needs the call after the start; the reason stands
 * above its group.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <unistd.h>

#include "vmm/confine.h"
#include "vmm/error.h"
#include "vmm/machine.h"
#include "vmm/sandbox.h"

/* The classes of threads: the event loop, the processors, and the one that opens and closes devices. */
enum class { LOOP = 1, VCPU = 2, WORKER = 4, ALL = LOOP | VCPU | WORKER };

static const struct {
	int call;
	unsigned classes;
} calls[] = {
	/* Eventfds, serial line, control socket, trapped BARs, images at a reboot. */
	{SCMP_SYS(read), ALL},
	{SCMP_SYS(write), ALL},
	{SCMP_SYS(writev), ALL},
	{SCMP_SYS(sendto), ALL},
	{SCMP_SYS(epoll_ctl), ALL},
	{SCMP_SYS(poll), ALL},
	{SCMP_SYS(close), ALL},
	{SCMP_SYS(fstat), ALL}, /* not newfstatat, which tells of any path whether it exists */
	/* Waiting for all of them. */
	{SCMP_SYS(epoll_wait), LOOP},
	/* At a reboot: where the kernel lies, and what its generator begins with. */
	{SCMP_SYS(getrandom), LOOP},
	/* Memory of malloc, and BAR mappings that go. mmap and mprotect: confine_allow_memory(). */
	{SCMP_SYS(munmap), ALL},
	{SCMP_SYS(madvise), ALL},
	{SCMP_SYS(brk), ALL},
	{SCMP_SYS(mremap), ALL},
	/* Threads, signals, time. */
	{SCMP_SYS(futex), ALL},
	{SCMP_SYS(rt_sigreturn), ALL},
	{SCMP_SYS(rt_sigprocmask), ALL},
	{SCMP_SYS(rt_sigaction), ALL},
	{SCMP_SYS(restart_syscall), ALL},
	{SCMP_SYS(gettid), ALL},
	{SCMP_SYS(getpid), ALL},
	{SCMP_SYS(clock_gettime), ALL},
	{SCMP_SYS(clock_nanosleep), ALL},
	{SCMP_SYS(timerfd_settime), ALL},
	{SCMP_SYS(exit), VCPU | WORKER},
	{SCMP_SYS(exit_group), ALL},
};

static const struct {
	unsigned request;
	unsigned classes;
} ioctls[] = {
	{KVM_RUN, VCPU},
	/* Where a guest failed, and whether it goes on once a BAR was withdrawn (exits.c). */
	{KVM_GET_REGS, VCPU},
	/* At a reboot, resetting the processors. */
	{KVM_SET_REGS, LOOP},
	{KVM_SET_SREGS, LOOP},
	{KVM_GET_MSRS, LOOP},
	{KVM_SET_MSRS, LOOP},
	{KVM_SET_LAPIC, LOOP},
	{KVM_SET_FPU, LOOP},
	{KVM_SET_XCRS, LOOP},
	{KVM_SET_VCPU_EVENTS, LOOP},
	{KVM_SET_DEBUGREGS, LOOP},
	{KVM_SET_MP_STATE, LOOP},
	{KVM_SET_IRQCHIP, LOOP},
	{KVM_SET_PIT2, LOOP},
	/* Going on after a pause. */
	{KVM_KVMCLOCK_CTRL, LOOP},
	/* BARs that move, interrupts that change. */
	{KVM_SET_USER_MEMORY_REGION, ALL},
	{KVM_SET_GSI_ROUTING, ALL},
	{KVM_IRQFD, ALL},
	{KVM_IRQ_LINE, ALL},
	/* A root port's own interrupt, which tells of an error. */
	{KVM_SIGNAL_MSI, LOOP},
	/* Flash of firmware that becomes memory and a chip in turn, tables of MSI-X that are masked as a whole. */
	{KVM_REGISTER_COALESCED_MMIO, ALL},
	{KVM_UNREGISTER_COALESCED_MMIO, ALL},
	/* Writes that are learned (NVIDIA's acknowledgements). */
	{KVM_IOEVENTFD, ALL},
	/* Giving devices back. */
	{KVM_SET_DEVICE_ATTR, LOOP | WORKER},
};

/* What rules are made for. */
struct rules {
	const struct vmm *vmm;
	enum class class;
};

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

/* What devices need that come while the guest runs: the worker opens them. */
static int allow_plugs(scmp_filter_ctx filter)
{
	const uint32_t *requests;
	const char *const *names;
	size_t request_count = lend_open_ioctls(&requests), count = lend_open_syscalls(&names);
	int ret = 0;

	for (size_t i = 0; i < request_count && !ret; i++)
		ret = allow_ioctl(filter, requests[i]);
	return ret ? ret : allow_named(filter, names, count);
}

/* Signals to threads of this process alone. */
static int allow_signals(scmp_filter_ctx filter)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
}

static int add_rules(scmp_filter_ctx filter, const void *opaque)
{
	const struct rules *rules = opaque;
	const uint32_t *devices;
	size_t device_count = lend_ioctls(&devices);
	int ret = 0;

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls) && !ret; i++)
		if (calls[i].classes & rules->class)
			ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i].call, 0);
	for (size_t i = 0; i < sizeof(ioctls) / sizeof(*ioctls) && !ret; i++)
		if (ioctls[i].classes & rules->class)
			ret = allow_ioctl(filter, ioctls[i].request);
	for (size_t i = 0; i < device_count && !ret; i++)
		ret = allow_ioctl(filter, devices[i]);
	ret = ret ? ret : allow_library(filter);
	if (!ret && rules->vmm->config.ports && rules->class == WORKER)
		ret = allow_plugs(filter);
	/* The timer of a device that comes. */
	if (!ret && rules->vmm->config.ports && rules->class == LOOP)
		ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(timerfd_create), 0);
	/* The guest's UEFI variables, which pwrite64 of the library's list writes, reach the disk. */
	if (!ret && rules->vmm->config.firmware && rules->class != WORKER)
		ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fdatasync), 0);
	ret = ret ? ret : allow_signals(filter);
	return ret ? ret : confine_allow_memory(filter);
}

static int give_up_rights(const struct vmm_sandbox *sandbox, struct lend_error *error)
{
	int ret = sandbox->has_user ? confine_user(sandbox->user, sandbox->group) : 0;

	if (ret)
		return fail(error, ret, "the machine cannot become user %u: %s", sandbox->user,
			    strerror(-ret));
	ret = confine_privileges();
	if (ret)
		return fail(error, ret, "cannot drop privileges: %s", strerror(-ret));
	ret = confine_files();
	return ret ? fail(error, ret, "cannot lock files away: %s", strerror(-ret)) : 0;
}

static int program(const struct vmm *vmm, const struct vmm_sandbox *sandbox, enum class class,
		   struct sock_fprog *out, struct lend_error *error)
{
	const struct rules rules = {vmm, class};
	int ret = confine_program(add_rules, &rules, sandbox->log, out);

	return ret ? fail(error, ret, "cannot make the list of system calls: %s", strerror(-ret)) : 0;
}

/* Each thread begins with its own list; the calling one, whose list lets it start none, is the last. */
static int start_threads(struct vmm *vmm, const struct sock_fprog *vcpu, const struct sock_fprog *worker,
			 struct lend_error *error)
{
	int ret;

	vmm->vcpus.calls = vcpu;
	ret = vcpus_start(&vmm->vcpus, error);
	vmm->plugs.worker.calls = worker;
	ret = ret ? ret : plugs_start(vmm, error);
	vmm->vcpus.calls = vmm->plugs.worker.calls = NULL;
	return ret;
}

int vmm_sandbox(struct vmm *vmm, const struct vmm_sandbox *sandbox, struct lend_error *error)
{
	struct sock_fprog loop = {0}, vcpu = {0}, worker = {0};
	int ret = give_up_rights(sandbox, error);

	ret = ret ? ret : program(vmm, sandbox, LOOP, &loop, error);
	ret = ret ? ret : program(vmm, sandbox, VCPU, &vcpu, error);
	ret = ret ? ret : program(vmm, sandbox, WORKER, &worker, error);
	ret = ret ? ret : start_threads(vmm, &vcpu, &worker, error);
	if (!ret) {
		ret = confine_calls(&loop);
		if (ret)
			fail(error, ret, "cannot restrict system calls: %s", strerror(-ret));
	}
	confine_free(&loop);
	confine_free(&vcpu);
	confine_free(&worker);
	return ret;
}
