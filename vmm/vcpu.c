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
#include "vmm/kvm.h"
#include "vmm/vcpu.h"

#define KICK SIGUSR2

enum { STACK_SIZE = 128 << 10 };

static enum vcpus_order order_of(const struct vcpus *vcpus)
{
	return __atomic_load_n(&vcpus->order, __ATOMIC_ACQUIRE);
}

static void fatal(struct vcpu *vcpu, const char *text)
{
	vcpus_order(vcpu->all, VCPUS_PAUSE);
	vcpu->all->ops->fatal(vcpu->all->opaque, text);
}

static void do_ports(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	unsigned size = run->io.size;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	vcpu->pio++;
	if (run->io.port < 0x100)
		__atomic_fetch_add(&vcpu->all->port[run->io.port], 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < run->io.count; i++, data += size) {
		uint64_t value = 0;

		if (run->io.direction == KVM_EXIT_IO_IN) {
			bus_read(vcpu->all->port_bus, run->io.port, size, &value);
			memcpy(data, &value, size);
		} else {
			memcpy(&value, data, size);
			bus_write(vcpu->all->port_bus, run->io.port, size, value);
		}
	}
}

static void do_memory(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	unsigned length = run->mmio.len;
	uint64_t value = 0;

	vcpu->mmio++;
	if (run->mmio.is_write) {
		memcpy(&value, run->mmio.data, length);
		bus_write(vcpu->all->memory_bus, run->mmio.phys_addr, length, value);
	} else {
		bus_read(vcpu->all->memory_bus, run->mmio.phys_addr, length, &value);
		memcpy(run->mmio.data, &value, length);
	}
}

static void do_internal_error(struct vcpu *vcpu)
{
	char text[128];
	struct kvm_regs regs = {0};

	hv_get_regs(vcpu->fd, &regs);
	snprintf(text, sizeof(text), "KVM cannot go on (internal error %u) on processor %u at %#llx",
		 vcpu->run->internal.suberror, vcpu->id, (unsigned long long)regs.rip);
	fatal(vcpu, text);
}

static void do_entry_failure(struct vcpu *vcpu)
{
	char text[128];

	snprintf(text, sizeof(text), "KVM cannot enter the guest (hardware reason %#llx) on processor %u",
		 (unsigned long long)vcpu->run->fail_entry.hardware_entry_failure_reason, vcpu->id);
	fatal(vcpu, text);
}

static void do_exit(struct vcpu *vcpu)
{
	char text[128];

	vcpu->exits++;
	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_IO:
		do_ports(vcpu);
		break;
	case KVM_EXIT_MMIO:
		do_memory(vcpu);
		break;
	case KVM_EXIT_INTR:
		break;
	case KVM_EXIT_SHUTDOWN:
	case KVM_EXIT_SYSTEM_EVENT:
		snprintf(text, sizeof(text), "the guest's processor %u shut down (triple fault)", vcpu->id);
		fatal(vcpu, text);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		do_entry_failure(vcpu);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		do_internal_error(vcpu);
		break;
	default:
		snprintf(text, sizeof(text), "KVM left the guest for a reason that is not handled (%u)",
			 vcpu->run->exit_reason);
		fatal(vcpu, text);
	}
}

/*
 * A BAR that the kernel withdrew: take the slots of what is not served away and
 * enter again, the access then traps. Twice at one instruction with nothing
 * removed in between, by whichever processor, would be for ever.
 */
static void do_fault(struct vcpu *vcpu)
{
	struct vcpus *all = vcpu->all;
	char text[128];
	struct kvm_regs regs = {0};
	int count = all->ops->fault(all->opaque);
	uint64_t removed =
		__atomic_add_fetch(&all->removed, count > 0 ? (unsigned)count : 0, __ATOMIC_SEQ_CST);

	vcpu->faults++;
	hv_get_regs(vcpu->fd, &regs);
	if (count > 0 || vcpu->fault_rip != regs.rip || vcpu->fault_removed != removed) {
		vcpu->fault_rip = count > 0 ? 0 : regs.rip;
		vcpu->fault_removed = removed;
		return;
	}
	snprintf(text, sizeof(text), "processor %u cannot reach memory that it was given (EFAULT at %#llx)",
		 vcpu->id, (unsigned long long)regs.rip);
	fatal(vcpu, text);
}

static void run_once(struct vcpu *vcpu)
{
	char text[128];
	int ret = hv_run(vcpu->fd);

	if (ret == 0) {
		vcpu->fault_rip = 0;
		do_exit(vcpu);
	} else if (ret == -EFAULT) {
		do_fault(vcpu);
	} else if (ret != -EINTR && ret != -EAGAIN) {
		snprintf(text, sizeof(text), "KVM_RUN on processor %u: %s", vcpu->id, strerror(-ret));
		fatal(vcpu, text);
	}
}

/* An exit is complete only when KVM_RUN is entered again: do that without entering the guest. */
static void complete_exit(struct vcpu *vcpu)
{
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_RELEASE);
	hv_run(vcpu->fd);
}

static void park(struct vcpu *vcpu)
{
	struct vcpus *all = vcpu->all;

	complete_exit(vcpu);
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

static void *thread(void *opaque)
{
	struct vcpu *vcpu = opaque;
	char name[16];

	snprintf(name, sizeof(name), "lend-vcpu%u", vcpu->id);
	prctl(PR_SET_NAME, name);
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
	return ret ? ret : reset_state_take(&vcpu->reset, vcpus->kvm, vcpu->fd);
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
	int ret = 0;

	for (unsigned i = 0; i < vcpus->count && !ret; i++) {
		struct vcpu *vcpu = &vcpus->vcpu[i];
		struct kvm_sregs sregs = vcpu->reset.sregs;
		struct kvm_regs regs = vcpu->reset.regs;

		if (i == 0)
			ret = boot_registers(memory, entry, &regs, &sregs);
		if (!ret)
			ret = reset_state_put(&vcpu->reset, vcpu->fd, &regs, &sregs);
	}
	return ret;
}

int vcpus_start(struct vcpus *vcpus, struct lend_error *error)
{
	struct sigaction action = {.sa_handler = kicked};
	pthread_attr_t attributes;
	int ret = 0;

	sigaction(KICK, &action, NULL);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	for (unsigned i = 0; i < vcpus->count && !ret; i++) {
		if (vcpus->vcpu[i].started)
			continue;
		ret = pthread_create(&vcpus->vcpu[i].thread, &attributes, thread, &vcpus->vcpu[i]);
		vcpus->vcpu[i].started = !ret;
	}
	pthread_attr_destroy(&attributes);
	if (ret)
		return fail(error, -ret, "cannot start a thread for a processor: %s", strerror(ret));
	return 0;
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
