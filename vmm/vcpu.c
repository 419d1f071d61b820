/* SPDX-License-Identifier: MIT */
/*
 * One way out of the guest: an order and a signal. immediate_exit, set before
 * the signal is sent, closes the gap between looking at the order and entering
 * KVM_RUN (Documentation/virt/kvm/api.rst, 5, immediate_exit).
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "vmm/error.h"
#include "vmm/exits.h"
#include "vmm/kvm.h"
#include "vmm/vcpu.h"

#define KICK SIGUSR2

/*
 * The parts of one trapped access: an operand of 64 bytes that crosses a page
 * has nine, and KVM emulates up to 1,024 steps of a string instruction at once.
 */
enum { STACK_SIZE = 128 << 10, PARTS_MAX = 9 * 1024 };

static enum vcpus_order order_of(const struct vcpus *vcpus)
{
	return __atomic_load_n(&vcpus->order, __ATOMIC_ACQUIRE);
}

/* KVM_RUN. What memory_fault.c notes meanwhile ends the machine. */
static int enter(struct vcpu *vcpu)
{
	int ret;

	vcpu->note.inside = 1;
	ret = hv_run(vcpu->fd);
	vcpu->note.inside = 0;
	if (vcpu->note.code && !vcpu->note_told) {
		vcpu->note_told = true;
		vcpus_order(vcpu->all, VCPUS_PAUSE);
		vcpu->all->ops->broken(vcpu->all->opaque, &vcpu->note);
	}
	return ret;
}

static void run_once(struct vcpu *vcpu)
{
	char text[128];
	int ret = enter(vcpu);

	if (ret == 0) {
		vcpu->fault_rip = 0;
		exit_handle(vcpu);
	} else if (ret == -EFAULT) {
		exit_fault(vcpu);
	} else if (ret != -EINTR && ret != -EAGAIN) {
		snprintf(text, sizeof(text), "KVM_RUN on processor %u: %s", vcpu->id, strerror(-ret));
		exit_fatal(vcpu, text);
	}
}

/*
 * An exit is complete only when KVM_RUN is entered again. That is done without
 * entering the guest: immediate_exit is looked at after the exit is completed.
 * While the access has further parts, KVM returns each as an exit of its own,
 * which is carried out as any other. What is left at the bound stays in KVM,
 * which asks for it when the processor runs again.
 */
static void complete_exit(struct vcpu *vcpu)
{
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < PARTS_MAX && enter(vcpu) == 0; i++)
		exit_handle(vcpu);
}

static void park(struct vcpu *vcpu)
{
	struct vcpus *all = vcpu->all;

	complete_exit(vcpu);
	if (all->posted)
		posted_fetch(all->posted);
	pthread_mutex_lock(&all->lock);
	all->parked++;
	pthread_cond_broadcast(&all->changed);
	while (order_of(all) == VCPUS_PAUSE)
		pthread_cond_wait(&all->changed, &all->lock);
	all->parked--;
	/* Under the lock, so that an order given from now on finds it cleared and sets it again. */
	__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&all->lock);
}

/* A blocked signal stays blocked over exec, so whoever started the program decides unless we do. */
static void allow_kick(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, KICK);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void confine(struct vcpus *all)
{
	int ret = all->calls ? confine_calls(all->calls) : 0;

	if (ret)
		__atomic_store_n(&all->unconfined, ret, __ATOMIC_RELEASE);
}

static void *thread(void *opaque)
{
	struct vcpu *vcpu = opaque;
	char name[16];

	snprintf(name, sizeof(name), "lend-vcpu%u", vcpu->id);
	prctl(PR_SET_NAME, name);
	__atomic_store_n(&vcpu->number, gettid(), __ATOMIC_RELAXED);
	allow_kick();
	memory_fault_watch(&vcpu->note);
	confine(vcpu->all);
	for (;;) {
		enum vcpus_order order = order_of(vcpu->all);

		if (order == VCPUS_QUIT)
			return NULL;
		if (order == VCPUS_PAUSE)
			park(vcpu);
		else
			run_once(vcpu);
	}
}

static void kicked(int signal)
{
	(void)signal;
}

void vcpus_order(struct vcpus *vcpus, enum vcpus_order order)
{
	pthread_mutex_lock(&vcpus->lock);
	/* A machine that ends is not woken up again. */
	if (vcpus->order != VCPUS_QUIT)
		__atomic_store_n(&vcpus->order, order, __ATOMIC_RELEASE);
	pthread_cond_broadcast(&vcpus->changed);
	for (unsigned i = 0; i < vcpus->count && order != VCPUS_RUN; i++) {
		struct vcpu *vcpu = &vcpus->vcpu[i];

		if (!vcpu->run)
			continue;
		__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_RELEASE);
		if (vcpu->started)
			pthread_kill(vcpu->thread, KICK);
	}
	pthread_mutex_unlock(&vcpus->lock);
}

void vcpus_wait_parked(struct vcpus *vcpus)
{
	unsigned started = 0;

	for (unsigned i = 0; i < vcpus->count; i++)
		started += vcpus->vcpu[i].started;
	pthread_mutex_lock(&vcpus->lock);
	while (vcpus->parked < started)
		pthread_cond_wait(&vcpus->changed, &vcpus->lock);
	pthread_mutex_unlock(&vcpus->lock);
}

static int create(struct vcpus *vcpus, unsigned id, const struct cpuid *host,
		  const struct cpuid_config *config)
{
	struct vcpu *vcpu = &vcpus->vcpu[id];
	struct cpuid_config own = *config;
	struct cpuid cpuid = *host;
	void *run;
	int ret;

	vcpu->all = vcpus;
	vcpu->id = id;
	vcpu->fd = hv_create_vcpu(vcpus->vm, id);
	if (vcpu->fd < 0)
		return vcpu->fd;
	run = mmap(NULL, vcpus->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (run == MAP_FAILED)
		return -errno;
	vcpu->run = run;
	ret = hv_tsc_khz(vcpu->fd);
	own.tsc_khz = ret > 0 ? (unsigned)ret : 0;
	cpuid_fit(&cpuid, &own, id);
	ret = hv_set_cpuid(vcpu->fd, cpuid_kernel(&cpuid));
	return ret ? ret : reset_state_take(&vcpu->reset, vcpus->kvm, vcpu->fd, vcpus->mtrrs_off);
}

int vcpus_init(struct vcpus *vcpus, unsigned count, const struct cpuid *cpuid,
	       const struct cpuid_config *config, struct lend_error *error)
{
	int size = hv_vcpu_mmap_size(vcpus->kvm);
	int ret;

	pthread_mutex_init(&vcpus->lock, NULL);
	pthread_cond_init(&vcpus->changed, NULL);
	vcpus->order = VCPUS_PAUSE;
	vcpus->vcpu = calloc(count, sizeof(*vcpus->vcpu));
	if (!vcpus->vcpu || size < 0)
		return fail(error, -ENOMEM, "not enough memory for %u processors", count);
	vcpus->count = count;
	vcpus->run_size = (size_t)size;
	for (unsigned i = 0; i < count; i++)
		vcpus->vcpu[i].fd = -1;
	for (unsigned i = 0; i < count; i++) {
		ret = create(vcpus, i, cpuid, config);
		if (ret)
			return fail(error, ret, "KVM cannot create processor %u of %u: %s", i, count,
				    strerror(-ret));
	}
	return 0;
}

int vcpus_reset(struct vcpus *vcpus, const struct memory *memory, const struct boot_entry *entry)
{
	bool again = __atomic_exchange_n(&vcpus->touched, false, __ATOMIC_RELAXED);
	int ret = 0;

	for (unsigned i = 0; i < vcpus->count && !ret; i++) {
		struct vcpu *vcpu = &vcpus->vcpu[i];
		struct kvm_sregs sregs = vcpu->reset.sregs;
		struct kvm_regs regs = vcpu->reset.regs;

		if (i == 0 && entry)
			ret = boot_registers(memory, entry, &regs, &sregs);
		if (!ret)
			ret = reset_state_put(&vcpu->reset, vcpu->fd, &regs, &sregs);
		if (!ret && again)
			reset_state_tsc(vcpu->fd);
	}
	return ret;
}

/* Before the thread runs, because the sandbox lets nobody move it later; and a reset ends no thread. */
static int pin(pthread_attr_t *attributes, unsigned cpu)
{
	size_t size = CPU_ALLOC_SIZE(cpu + 1);
	cpu_set_t *set = CPU_ALLOC(cpu + 1);
	int ret;

	if (!set)
		return ENOMEM;
	CPU_ZERO_S(size, set);
	CPU_SET_S(cpu, size, set);
	ret = pthread_attr_setaffinity_np(attributes, size, set);
	CPU_FREE(set);
	return ret;
}

static int start(struct vcpus *vcpus, struct vcpu *vcpu, pthread_attr_t *attributes, struct lend_error *error)
{
	int ret = vcpus->pin ? pin(attributes, vcpus->pin[vcpu->id]) : 0;

	vcpu->note = (struct memory_note){.wake = -1, .stop = &vcpu->run->immediate_exit};
	ret = ret ? ret : pthread_create(&vcpu->thread, attributes, thread, vcpu);
	vcpu->started = !ret;
	if (ret == EINVAL && vcpus->pin)
		return fail(error, -ret,
			    "-c pin=: the guest's processor %u cannot run on processor %u of this computer: "
			    "it is offline, or a cpuset forbids it; see taskset -cp $$",
			    vcpu->id, vcpus->pin[vcpu->id]);
	if (ret)
		return fail(error, -ret, "cannot start a thread for a processor: %s", strerror(ret));
	return 0;
}

int vcpus_start(struct vcpus *vcpus, struct lend_error *error)
{
	struct sigaction action = {.sa_handler = kicked};
	pthread_attr_t attributes;
	int ret = 0;

	sigaction(KICK, &action, NULL);
	memory_fault_catch();
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	for (unsigned i = 0; i < vcpus->count && !ret; i++)
		if (!vcpus->vcpu[i].started)
			ret = start(vcpus, &vcpus->vcpu[i], &attributes, error);
	pthread_attr_destroy(&attributes);
	if (!vcpus->calls)
		return ret;
	/* Also when one did not start: the others read the list, which the caller frees. */
	vcpus_wait_parked(vcpus);
	if (ret)
		return ret;
	ret = __atomic_load_n(&vcpus->unconfined, __ATOMIC_ACQUIRE);
	return ret ? fail(error, ret, "cannot restrict the system calls of a processor: %s", strerror(-ret))
		   : 0;
}

void vcpus_free(struct vcpus *vcpus)
{
	if (!vcpus->vcpu)
		return;
	vcpus_order(vcpus, VCPUS_QUIT);
	for (unsigned i = 0; i < vcpus->count; i++) {
		struct vcpu *vcpu = &vcpus->vcpu[i];

		if (vcpu->started)
			pthread_join(vcpu->thread, NULL);
		if (vcpu->run)
			munmap(vcpu->run, vcpus->run_size);
		if (vcpu->fd >= 0)
			close(vcpu->fd);
		reset_state_free(&vcpu->reset);
	}
	free(vcpus->vcpu);
	vcpus->vcpu = NULL;
	vcpus->count = 0;
}
