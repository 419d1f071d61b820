/* SPDX-License-Identifier: MIT */
/*
 * For one test program each: a processor's thread on a double of KVM that plays
 * a script, or does what the test's own KVM_RUN does.
 */
#ifndef TESTS_UNIT_VCPU_DOUBLES_H
#define TESTS_UNIT_VCPU_DOUBLES_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/cmocka.h"
#include "vmm/kvm.h"
#include "vmm/vcpu.h"

enum { RUN_BYTES = 8192, DATA_OFFSET = 4096, STEPS_MAX = 16 };

struct step {
	int ret;      /* of KVM_RUN */
	uint64_t rip; /* where the guest is then */
	int removed;  /* what the fault callback removes */
	unsigned reason;
	bool write;
	uint64_t address;
	unsigned length, count;
	uint8_t data[8];
};

static struct {
	struct step steps[STEPS_MAX];
	unsigned step_count, at;
	uint64_t rip;
	int removed;
	unsigned completions;            /* KVM_RUN entered to complete an exit */
	int (*run)(struct kvm_run *run); /* in place of the script; NULL: the script */
	unsigned runs;
	unsigned broken; /* pages that failed, and the last one's address */
	void *broken_at;
	char fatal[256];
	unsigned shutdowns, shutdown_id;
	unsigned msr_reads, msr_writes;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool done; /* the script has been played, or the machine has ended */
} play = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static struct vcpus vcpus;
static struct bus memory_bus, port_bus;

static void set_done(void)
{
	pthread_mutex_lock(&play.lock);
	play.done = true;
	pthread_cond_broadcast(&play.changed);
	pthread_mutex_unlock(&play.lock);
}

static inline void wait_done(void)
{
	pthread_mutex_lock(&play.lock);
	while (!play.done)
		pthread_cond_wait(&play.changed, &play.lock);
	pthread_mutex_unlock(&play.lock);
}

int hv_run(int vcpu)
{
	struct kvm_run *run = vcpus.vcpu[vcpu].run;
	const struct step *step;

	if (play.run)
		return play.run(run);
	if (__atomic_load_n(&run->immediate_exit, __ATOMIC_ACQUIRE)) {
		__atomic_fetch_add(&play.completions, 1, __ATOMIC_RELAXED);
		return -EINTR;
	}
	if (play.at == play.step_count) {
		vcpus_order(&vcpus, VCPUS_PAUSE);
		set_done();
		return -EINTR;
	}
	step = &play.steps[play.at++];
	play.rip = step->rip;
	play.removed = step->removed;
	run->exit_reason = step->reason;
	if (step->reason == KVM_EXIT_MMIO) {
		run->mmio.phys_addr = step->address;
		run->mmio.len = step->length;
		run->mmio.is_write = step->write;
		memcpy(run->mmio.data, step->data, 8);
	} else if (step->reason == KVM_EXIT_IO) {
		run->io.port = (uint16_t)step->address;
		run->io.size = (uint8_t)step->length;
		run->io.count = step->count;
		run->io.direction = step->write ? KVM_EXIT_IO_OUT : KVM_EXIT_IO_IN;
		run->io.data_offset = DATA_OFFSET;
		memcpy((uint8_t *)run + DATA_OFFSET, step->data, 8);
	}
	return step->ret;
}

int hv_get_regs(int vcpu, struct kvm_regs *regs)
{
	(void)vcpu;
	*regs = (struct kvm_regs){.rip = play.rip};
	return 0;
}

int hv_get_msrs(int vcpu, struct kvm_msrs *msrs)
{
	(void)vcpu;
	play.msr_reads++;
	return (int)msrs->nmsrs;
}

int hv_set_msrs(int vcpu, const struct kvm_msrs *msrs)
{
	(void)vcpu;
	play.msr_writes++;
	return (int)msrs->nmsrs;
}

/* The rest of KVM is there, and says nothing. */
#define SILENT(name, ...)                                                                                    \
	int name(__VA_ARGS__);                                                                               \
	int name(__VA_ARGS__)                                                                                \
	{                                                                                                    \
		return 0;                                                                                    \
	}
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wredundant-decls"
SILENT(hv_create_vcpu, int vm, unsigned id)
SILENT(hv_tsc_khz, int vcpu)
SILENT(hv_set_cpuid, int vcpu, const struct kvm_cpuid2 *cpuid)
SILENT(hv_vcpu_mmap_size, int kvm)
SILENT(hv_msr_list, int kvm, struct kvm_msr_list *list)
SILENT(hv_set_regs, int vcpu, const struct kvm_regs *regs)
SILENT(hv_get_sregs, int vcpu, struct kvm_sregs *sregs)
SILENT(hv_set_sregs, int vcpu, const struct kvm_sregs *sregs)
SILENT(hv_get_lapic, int vcpu, struct kvm_lapic_state *lapic)
SILENT(hv_set_lapic, int vcpu, const struct kvm_lapic_state *lapic)
SILENT(hv_get_fpu, int vcpu, struct kvm_fpu *fpu)
SILENT(hv_set_fpu, int vcpu, const struct kvm_fpu *fpu)
SILENT(hv_get_xcrs, int vcpu, struct kvm_xcrs *xcrs)
SILENT(hv_set_xcrs, int vcpu, const struct kvm_xcrs *xcrs)
SILENT(hv_get_events, int vcpu, struct kvm_vcpu_events *events)
SILENT(hv_set_events, int vcpu, const struct kvm_vcpu_events *events)
SILENT(hv_get_debug, int vcpu, struct kvm_debugregs *debug)
SILENT(hv_set_debug, int vcpu, const struct kvm_debugregs *debug)
SILENT(hv_get_mp_state, int vcpu, struct kvm_mp_state *state)
SILENT(hv_set_mp_state, int vcpu, const struct kvm_mp_state *state)

static int on_fault(void *opaque)
{
	(void)opaque;
	return play.removed;
}

static void on_fatal(void *opaque, const char *text)
{
	(void)opaque;
	strncpy(play.fatal, text, sizeof(play.fatal) - 1);
	set_done();
}

static void on_shutdown(void *opaque, unsigned id)
{
	(void)opaque;
	play.shutdowns++;
	play.shutdown_id = id;
	set_done();
}

static void on_broken(void *opaque, const struct memory_note *note)
{
	(void)opaque;
	play.broken++;
	play.broken_at = note->address;
	set_done();
}

static const struct vcpus_ops ops = {
	.fault = on_fault, .fatal = on_fatal, .shutdown = on_shutdown, .broken = on_broken};

/* A register that remembers, on both buses. */
static uint64_t last_value;
static unsigned accesses;

static uint64_t box_read(void *opaque, uint64_t offset, unsigned length)
{
	(void)opaque;
	(void)offset;
	(void)length;
	accesses++;
	return 0x1122334455667788;
}

static void box_write(void *opaque, uint64_t offset, unsigned length, uint64_t value)
{
	(void)opaque;
	(void)offset;
	(void)length;
	accesses++;
	last_value = value;
}

static const struct bus_ops box = {.read = box_read, .write = box_write};

static int set_up(void **state)
{
	const struct bus_range memory = {.start = 0xe0000000, .length = 0x1000, .ops = &box};
	const struct bus_range ports = {.start = 0x60, .length = 8, .ops = &box};

	(void)state;
	memset(&play.steps, 0, sizeof(play.steps));
	play.step_count = play.at = play.completions = play.runs = play.broken = play.shutdowns = 0;
	play.run = NULL;
	play.done = false;
	play.fatal[0] = 0;
	accesses = 0;
	memset(&vcpus, 0, sizeof(vcpus));
	bus_init(&memory_bus);
	bus_init(&port_bus);
	assert_int_equal(bus_add(&memory_bus, &memory), 0);
	assert_int_equal(bus_add(&port_bus, &ports), 0);
	vcpus.memory_bus = &memory_bus;
	vcpus.port_bus = &port_bus;
	vcpus.ops = &ops;
	vcpus.order = VCPUS_PAUSE;
	vcpus.count = 1;
	vcpus.run_size = RUN_BYTES;
	pthread_mutex_init(&vcpus.lock, NULL);
	pthread_cond_init(&vcpus.changed, NULL);
	vcpus.vcpu = calloc(1, sizeof(*vcpus.vcpu));
	vcpus.vcpu[0] = (struct vcpu){.all = &vcpus};
	return posix_memalign((void **)&vcpus.vcpu[0].run, 4096, RUN_BYTES);
}

static int tear_down(void **state)
{
	struct kvm_run *run = vcpus.vcpu[0].run;

	(void)state;
	vcpus_order(&vcpus, VCPUS_QUIT);
	pthread_join(vcpus.vcpu[0].thread, NULL);
	free(run);
	free(vcpus.vcpu);
	return 0;
}

static inline void run_script(const struct step *steps, unsigned count)
{
	if (count)
		memcpy(play.steps, steps, count * sizeof(*steps));
	play.step_count = count;
	memset(vcpus.vcpu[0].run, 0, RUN_BYTES);
	assert_int_equal(vcpus_start(&vcpus, NULL), 0);
	vcpus_wait_parked(&vcpus); /* as a machine's are before it runs */
	vcpus_order(&vcpus, VCPUS_RUN);
	wait_done();
	vcpus_order(&vcpus, VCPUS_PAUSE);
	vcpus_wait_parked(&vcpus);
}

static inline void start(void)
{
	memset(vcpus.vcpu[0].run, 0, RUN_BYTES);
	assert_int_equal(vcpus_start(&vcpus, NULL), 0);
	vcpus_wait_parked(&vcpus);
	vcpus_order(&vcpus, VCPUS_RUN);
}

#endif
