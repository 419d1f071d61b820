/* SPDX-License-Identifier: MIT */
/* An order reaches a processor's thread wherever it is, and loses nothing of what the guest does. */
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/vcpu_doubles.h"

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

static sem_t inside;
static bool overslept;

/* As KVM does: out at once with immediate_exit, else in the guest until a signal that is not blocked comes.
 */
static int guest_that_never_traps(struct kvm_run *run)
{
	const struct timespec long_enough = {.tv_sec = 60};
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
		TEST(a_thousand_pauses),
		TEST(a_pause_reaches_a_guest_that_never_traps),
		TEST(a_pause_does_not_rely_on_the_mask_that_was_inherited),
		TEST(an_order_on_the_way_in_is_not_lost),
		TEST(a_pause_amid_an_access_loses_no_part),
		TEST(a_pause_amid_a_read_answers_each_part),
		TEST(parts_without_end_are_bounded),
		TEST(a_page_that_fails_ends_the_machine_in_order),
	};

	return cmocka_run_group_tests_name("vmm_pause", tests, NULL, NULL);
}
