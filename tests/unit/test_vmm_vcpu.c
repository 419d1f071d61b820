/* SPDX-License-Identifier: MIT */
/*
 * The processors' threads, with a double of KVM that plays a script: what an
 * exit does, when a fault is the end, and that an order reaches a thread
 * wherever it is.
 */
#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

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

static void wait_done(void)
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
SILENT(hv_get_msrs, int vcpu, struct kvm_msrs *msrs)
SILENT(hv_set_msrs, int vcpu, const struct kvm_msrs *msrs)
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

static void on_broken(void *opaque, const struct memory_note *note)
{
	(void)opaque;
	play.broken++;
	play.broken_at = note->address;
	set_done();
}

static const struct vcpus_ops ops = {.fault = on_fault, .fatal = on_fatal, .broken = on_broken};

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
	play.step_count = play.at = play.completions = play.runs = play.broken = 0;
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

static void run_script(const struct step *steps, unsigned count)
{
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

static void accesses_go_to_their_bus(void **state)
{
	const struct step steps[] = {
		{.reason = KVM_EXIT_MMIO,
		 .address = 0xe0000010,
		 .length = 4,
		 .write = true,
		 .data = {0x78, 0x56}},
		{.reason = KVM_EXIT_MMIO, .address = 0xd0000000, .length = 8},
		{.reason = KVM_EXIT_IO, .address = 0x64, .length = 1, .count = 3},
		{.reason = KVM_EXIT_IO, .address = 0x300, .length = 2, .count = 1, .write = true},
	};

	(void)state;
	run_script(steps, 4);
	assert_int_equal(last_value, 0x5678);
	assert_int_equal(accesses, 1 + 3); /* a string of three is three accesses */
	assert_int_equal(vcpus.vcpu[0].mmio, 2);
	assert_int_equal(vcpus.vcpu[0].pio, 2);
	assert_int_equal(vcpus.port[0x64], 1);
	assert_string_equal(play.fatal, "");
	assert_int_equal(play.completions, 2); /* parked at first, and at the end */
}

static void nobody_answers_with_ones(void **state)
{
	const struct step step = {.reason = KVM_EXIT_MMIO, .address = 0xd0000000, .length = 8};

	(void)state;
	run_script(&step, 1);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(vcpus.vcpu[0].run->mmio.data[i], 0xff);
}

/* CVE-2020-12888: a withdrawn BAR does not end the machine; a fault that removes nothing is not retried. */
static void a_fault_heals_or_ends(void **state)
{
	const struct step steps[] = {
		{.ret = -EFAULT, .rip = 0x1000, .removed = 1}, /* removed: goes on */
		{.ret = -EFAULT, .rip = 0x1000},               /* nothing: once more */
		{.reason = KVM_EXIT_INTR},                     /* the guest ran on: forgotten */
		{.ret = -EFAULT, .rip = 0x1000},
		{.ret = -EFAULT, .rip = 0x2000}, /* another instruction */
		{.ret = -EFAULT, .rip = 0x2000}, /* the same, and nothing was removed: the end */
		{.ret = -EFAULT, .rip = 0x3000},
	};

	(void)state;
	run_script(steps, 7);
	assert_int_equal(play.at, 6);
	assert_int_equal(vcpus.vcpu[0].faults, 5);
	assert_non_null(strstr(play.fatal, "EFAULT at 0x2000"));
}

static void what_another_processor_removed_counts(void **state)
{
	const struct step first[] = {{.ret = -EFAULT, .rip = 0x1000}};
	const struct step second[] = {{.ret = -EFAULT, .rip = 0x1000}};

	(void)state;
	run_script(first, 1);
	vcpus.removed++; /* it did, meanwhile */
	play.at = 0;
	play.done = false;
	run_script(second, 1);
	assert_string_equal(play.fatal, "");
}

static void ends_are_said(void **state)
{
	const struct step step = {.reason = KVM_EXIT_SHUTDOWN};

	(void)state;
	run_script(&step, 1);
	assert_non_null(strstr(play.fatal, "triple fault"));
}

static void errors_are_said(void **state)
{
	const struct step step = {.ret = -EIO};

	(void)state;
	run_script(&step, 1);
	assert_non_null(strstr(play.fatal, "KVM_RUN"));
}

static void a_thousand_pauses(void **state)
{
	(void)state;
	memset(vcpus.vcpu[0].run, 0, RUN_BYTES);
	assert_int_equal(vcpus_start(&vcpus, NULL), 0);
	for (unsigned i = 0; i < 1000; i++) {
		vcpus_order(&vcpus, VCPUS_RUN);
		vcpus_order(&vcpus, VCPUS_PAUSE);
		vcpus_wait_parked(&vcpus);
	}
	assert_int_equal(vcpus.parked, 1);
}

static void start(void)
{
	memset(vcpus.vcpu[0].run, 0, RUN_BYTES);
	assert_int_equal(vcpus_start(&vcpus, NULL), 0);
	vcpus_wait_parked(&vcpus);
	vcpus_order(&vcpus, VCPUS_RUN);
}

static sem_t inside;
static bool overslept;

/* As KVM does: out at once with immediate_exit, else in the guest until a signal that is not blocked comes.
 */
static int guest_that_never_traps(struct kvm_run *run)
{
	const struct timespec long_enough = {.tv_sec = 5};
	sigset_t kick, before;
	int ret = -1;

	sigemptyset(&kick);
	sigaddset(&kick, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &kick, &before);
	sem_post(&inside);
	if (!__atomic_load_n(&run->immediate_exit, __ATOMIC_ACQUIRE))
		ret = ppoll(NULL, 0, &long_enough, &before);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	overslept |= ret == 0;
	return -EINTR;
}

static void pause_a_guest_that_never_traps(void)
{
	overslept = false;
	sem_init(&inside, 0, 0);
	play.run = guest_that_never_traps;
	start();
	while (sem_wait(&inside)) /* the one that completes an exit */
		;
	while (sem_wait(&inside))
		;
	vcpus_order(&vcpus, VCPUS_PAUSE);
	vcpus_wait_parked(&vcpus);
	assert_false(overslept);
}

static void a_pause_reaches_a_guest_that_never_traps(void **state)
{
	(void)state;
	pause_a_guest_that_never_traps();
}

/* A signal that the parent had blocked is blocked after exec, too. */
static void a_pause_does_not_rely_on_the_mask_that_was_inherited(void **state)
{
	sigset_t all, before;

	(void)state;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pause_a_guest_that_never_traps();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* The order comes, with its signal, after the thread has looked for one and before KVM sleeps. */
static int order_on_the_way_in(struct kvm_run *run)
{
	if (play.runs++ == 1)
		vcpus_order(&vcpus, VCPUS_PAUSE);
	overslept |= play.runs > 1 && !__atomic_load_n(&run->immediate_exit, __ATOMIC_ACQUIRE);
	if (play.runs > 1)
		set_done();
	return -EINTR;
}

static void an_order_on_the_way_in_is_not_lost(void **state)
{
	(void)state;
	overslept = false;
	play.run = order_on_the_way_in;
	start();
	wait_done();
	vcpus_wait_parked(&vcpus);
	assert_false(overslept);
}

/*
 * Documentation/virt/kvm/api.rst, 5, immediate_exit, and KVM's order in
 * KVM_RUN: the exit is completed first, and what the completion asks for is
 * returned whatever immediate_exit says.
 */
enum { WIDE = 9 }; /* 64 bytes that begin in the middle of 8 */
static uint8_t parts_read[WIDE][8];
static unsigned parts, parts_asked;
static bool part_write;

static int access_of_many_parts(struct kvm_run *run)
{
	unsigned part = parts++;

	if (part && part <= parts_asked)
		memcpy(parts_read[(part - 1) % WIDE], run->mmio.data, 8);
	if (part == 0)
		return -EINTR; /* parked at first: nothing to complete */
	if (part == 1) {       /* while the first part is on its way out */
		vcpus_order(&vcpus, VCPUS_PAUSE);
		set_done();
	}
	if (part > parts_asked)
		return -EINTR;
	memset(run->mmio.data, (int)part, 8);
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = 0xe0000000 + 8ull * (part % 64);
	run->mmio.len = 8;
	run->mmio.is_write = part_write;
	return 0;
}

static void run_parts(unsigned count, bool write)
{
	parts = accesses = 0;
	parts_asked = count;
	part_write = write;
	memset(parts_read, 0, sizeof(parts_read));
	play.run = access_of_many_parts;
	start();
	wait_done();
	vcpus_wait_parked(&vcpus);
}

static void a_pause_amid_an_access_loses_no_part(void **state)
{
	(void)state;
	run_parts(WIDE, true);
	assert_int_equal(accesses, WIDE);
	assert_int_equal(last_value, 0x0909090909090909);
	assert_int_equal(parts, WIDE + 2);
}

static void a_pause_amid_a_read_answers_each_part(void **state)
{
	const uint64_t value = 0x1122334455667788;

	(void)state;
	run_parts(WIDE, false);
	assert_int_equal(accesses, WIDE);
	for (unsigned i = 0; i + 1 < WIDE; i++)
		assert_memory_equal(parts_read[i + 1], &value, 8);
}

/* What never ends does not keep a pause from ending. */
static void parts_without_end_are_bounded(void **state)
{
	(void)state;
	run_parts(UINT32_MAX, true);
	assert_true(accesses >= 9 * 1024);
	assert_true(accesses < 100000);
}

/* The kernel tells a thread that reads a page with an uncorrectable error (signal(7), SIGBUS). */
static int page_that_fails(struct kvm_run *run)
{
	siginfo_t info = {.si_signo = SIGBUS, .si_code = BUS_MCEERR_AR, .si_addr = (void *)0x7f0012345000};

	(void)run;
	if (play.runs++)
		syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGBUS, &info);
	return -EINTR;
}

static void a_page_that_fails_ends_the_machine_in_order(void **state)
{
	sigset_t bus, before;

	(void)state;
	sigemptyset(&bus);
	sigaddset(&bus, SIGBUS);
	pthread_sigmask(SIG_BLOCK, &bus, &before); /* as it may be inherited */
	play.run = page_that_fails;
	start();
	wait_done();
	vcpus_wait_parked(&vcpus); /* it pauses by itself */
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	assert_int_equal(play.broken, 1);
	assert_ptr_equal(play.broken_at, (void *)0x7f0012345000);
	assert_false(vcpus.vcpu[0].note.inside);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(accesses_go_to_their_bus),
		TEST(nobody_answers_with_ones),
		TEST(a_fault_heals_or_ends),
		TEST(what_another_processor_removed_counts),
		TEST(ends_are_said),
		TEST(errors_are_said),
		TEST(a_thousand_pauses),
		TEST(a_pause_reaches_a_guest_that_never_traps),
		TEST(a_pause_does_not_rely_on_the_mask_that_was_inherited),
		TEST(an_order_on_the_way_in_is_not_lost),
		TEST(a_pause_amid_an_access_loses_no_part),
		TEST(a_pause_amid_a_read_answers_each_part),
		TEST(parts_without_end_are_bounded),
		TEST(a_page_that_fails_ends_the_machine_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
