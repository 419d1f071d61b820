/* SPDX-License-Identifier: MIT */
/* What a processor's exit does, and when a fault, or an end of the guest, is the end of the machine. */
#include <sched.h>
#include <unistd.h>

#include "tests/unit/vcpu_doubles.h"

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
	assert_int_equal(vcpus.vcpu[0].exits, 4);
	assert_int_equal(vcpus.vcpu[0].mmio, 2);
	assert_int_equal(vcpus.vcpu[0].pio, 2);
	assert_int_equal(vcpus.port[0x64], 1);
	assert_string_equal(play.fatal, "");
	assert_int_equal(play.completions, 2); /* parked at first, and at the end */
}

/* What a string of port accesses carries is behind the run structure, in the width of one access. */
static void port_data_goes_through(void **state)
{
	const struct step write = {.reason = KVM_EXIT_IO,
				   .address = 0x62,
				   .length = 2,
				   .count = 1,
				   .write = true,
				   .data = {0x34, 0x12}};
	const struct step read = {.reason = KVM_EXIT_IO, .address = 0x62, .length = 2, .count = 3};
	const uint16_t value = 0x7788;

	(void)state;
	run_script(&write, 1);
	assert_int_equal(last_value, 0x1234);
	play.at = 0;
	play.done = false;
	run_script(&read, 1);
	for (unsigned i = 0; i < 3; i++)
		assert_memory_equal((uint8_t *)vcpus.vcpu[0].run + DATA_OFFSET + 2 * i, &value, 2);
	assert_int_equal(((uint8_t *)vcpus.vcpu[0].run)[DATA_OFFSET + 6], 0);
}

/* Higher ports are those of BARs, and are counted together. */
static void ports_are_counted_up_to_the_last(void **state)
{
	const struct step steps[] = {
		{.reason = KVM_EXIT_IO, .address = PORTS_COUNTED - 1, .length = 1, .count = 1},
		{.reason = KVM_EXIT_IO, .address = PORTS_COUNTED, .length = 1, .count = 1},
	};
	const struct vcpu *before = vcpus.vcpu;

	(void)state;
	run_script(steps, 2);
	assert_int_equal(vcpus.port[PORTS_COUNTED - 1], 1);
	assert_ptr_equal(vcpus.vcpu, before); /* what is behind the counts */
	assert_int_equal(vcpus.vcpu[0].pio, 2);
}

static struct kvm_coalesced_mmio_ring *ring;
static uint64_t found_at_exit;

static void keep(uint8_t value)
{
	ring->coalesced_mmio[ring->last] =
		(struct kvm_coalesced_mmio){.phys_addr = 0xe0000010, .len = 1, .data = {value}};
	ring->last++;
}

static int exit_with_read(struct kvm_run *run, uint16_t port)
{
	run->exit_reason = KVM_EXIT_IO;
	run->io.port = port;
	run->io.size = 1;
	run->io.count = 1;
	run->io.direction = KVM_EXIT_IO_IN;
	run->io.data_offset = DATA_OFFSET;
	return 0;
}

/* A kept write and an access; then another write, after which the guest is stopped. */
static int run_with_kept_writes(struct kvm_run *run)
{
	if (__atomic_load_n(&run->immediate_exit, __ATOMIC_ACQUIRE))
		return -EINTR;
	if (play.runs++ == 0) {
		keep(0x5a);
		return exit_with_read(run, 0x300);
	}
	found_at_exit = last_value;
	keep(0x5b);
	vcpus_order(&vcpus, VCPUS_PAUSE);
	set_done();
	return -EINTR;
}

/* An access finds what was written before it, though KVM kept that; and so does who pauses the guest. */
static void kept_writes_come_first(void **state)
{
	struct posted posted;

	(void)state;
	ring = calloc(1, 4096);
	posted_init(&posted, &memory_bus, &port_bus, ring, 4096);
	vcpus.posted = &posted;
	play.run = run_with_kept_writes;
	start();
	wait_done();
	vcpus_wait_parked(&vcpus);
	assert_int_equal(found_at_exit, 0x5a);
	assert_int_equal(last_value, 0x5b);
	assert_int_equal(ring->first, ring->last);
	vcpus.posted = NULL;
	posted_end(&posted);
	free(ring);
}

static struct posted *ending;

/* Another processor's write that KVM keeps while this one's exit ends that; then the guest is stopped. */
static uint64_t ends_keeping(void *opaque, uint64_t offset, unsigned length)
{
	(void)opaque, (void)offset, (void)length;
	keep(0x5c);
	posted_again(ending);
	return 0;
}

static int run_with_an_end(struct kvm_run *run)
{
	if (__atomic_load_n(&run->immediate_exit, __ATOMIC_ACQUIRE))
		return -EINTR;
	if (play.runs++ == 0)
		return exit_with_read(run, 0x6000);
	found_at_exit = last_value;
	vcpus_order(&vcpus, VCPUS_PAUSE);
	set_done();
	return -EINTR;
}

/* The guest goes on when nothing is kept any more: no exit may come that would fetch it. */
static void kept_writes_end_with_the_exit(void **state)
{
	static const struct bus_ops ends = {.read = ends_keeping};
	const struct bus_range range = {.start = 0x6000, .length = 1, .ops = &ends, .opaque = &ending};
	struct posted posted;

	(void)state;
	assert_int_equal(bus_add(&port_bus, &range), 0);
	ring = calloc(1, 4096);
	posted_init(&posted, &memory_bus, &port_bus, ring, 4096);
	vcpus.posted = ending = &posted;
	play.run = run_with_an_end;
	start();
	wait_done();
	vcpus_wait_parked(&vcpus);
	assert_int_equal(found_at_exit, 0x5c);
	vcpus.posted = NULL;
	posted_end(&posted);
	free(ring);
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

/* A program that cannot run here would come to the same place each time. */
static void a_triple_fault_before_anything_else_is_the_end(void **state)
{
	const struct step step = {.reason = KVM_EXIT_SHUTDOWN};

	(void)state;
	run_script(&step, 1);
	assert_non_null(strstr(play.fatal, "triple fault"));
	assert_int_equal(play.shutdowns, 0);
}

/* Else it is a reset, as on a PC; and what was used before the last one does not count. */
static void a_triple_fault_of_a_guest_that_ran_is_a_reset(void **state)
{
	const struct step steps[][2] = {
		{{.reason = KVM_EXIT_IO, .address = 0x300, .length = 1, .count = 1, .write = true},
		 {.reason = KVM_EXIT_SHUTDOWN}},
		{{.reason = KVM_EXIT_MMIO, .address = 0xd0000000, .length = 4},
		 {.reason = KVM_EXIT_SHUTDOWN}},
		{{.reason = KVM_EXIT_INTR}, {.reason = KVM_EXIT_SHUTDOWN}},
	};
	static uint8_t ram[1 << 20];
	static struct reset_msrs msrs;
	const struct memory memory = {
		.base = ram, .size = sizeof(ram), .piece_count = 1, .pieces[0].length = sizeof(ram)};
	const struct boot_entry entry = {.rip = 0x1000};

	(void)state;
	vcpus.vcpu[0].reset.msrs = &msrs;
	for (unsigned i = 0; i < 3; i++) {
		play.at = 0;
		play.done = false;
		play.msr_writes = 0;
		assert_int_equal(vcpus_reset(&vcpus, &memory, &entry), 0);
		/* The TSC, which KVM forgets at a shutdown; not at the first start. */
		assert_int_equal(play.msr_writes, i > 0 ? vcpus.count : 0);
		run_script(steps[i], 2);
		assert_int_equal(play.shutdowns, i < 2 ? i + 1 : 2);
		assert_int_equal(play.fatal[0] != 0, i == 2);
	}
	assert_int_equal(play.shutdown_id, 0);
	vcpus.vcpu[0].reset.msrs = NULL;
}

static void errors_are_said(void **state)
{
	static const struct {
		struct step step;
		const char *said;
	} rows[] = {
		{{.ret = -EIO}, "KVM_RUN"},
		{{.reason = KVM_EXIT_SYSTEM_EVENT}, "not handled (24)"},
		{{.reason = KVM_EXIT_FAIL_ENTRY}, "cannot enter the guest"},
		{{.reason = KVM_EXIT_INTERNAL_ERROR, .rip = 0x1234}, "on processor 0 at 0x1234"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		play.at = 0;
		play.done = false;
		play.fatal[0] = 0;
		run_script(&rows[i].step, 1);
		assert_non_null(strstr(play.fatal, rows[i].said));
	}
}

/* One that this process may use; the last, since the first is where a thread may be by chance. */
static unsigned last_allowed(cpu_set_t *set)
{
	unsigned last = 0;

	assert_int_equal(sched_getaffinity(0, sizeof(*set), set), 0);
	for (unsigned i = 0; i < CPU_SETSIZE; i++)
		last = CPU_ISSET(i, set) ? i : last;
	return last;
}

/* Nothing that comes later moves it: a reset ends no thread, and the machine moves none. */
static void a_thread_stays_where_it_is_pinned(void **state)
{
	cpu_set_t set;
	unsigned cpu = last_allowed(&set);

	(void)state;
	vcpus.pin = &cpu;
	for (unsigned resets = 0; resets < 2; resets++) {
		run_script(NULL, 0);
		assert_true(vcpus.vcpu[0].number > 0 && vcpus.vcpu[0].number != gettid());
		assert_int_equal(sched_getaffinity(vcpus.vcpu[0].number, sizeof(set), &set), 0);
		assert_int_equal(CPU_COUNT(&set), 1);
		assert_true(CPU_ISSET(cpu, &set));
		play.done = false;
	}
}

static void a_processor_that_may_not_be_used_is_said(void **state)
{
	unsigned cpu = 8191;
	struct lend_error error = {""};
	struct kvm_run *run = vcpus.vcpu[0].run;

	(void)state;
	vcpus.pin = &cpu;
	memset(run, 0, RUN_BYTES);
	assert_int_equal(vcpus_start(&vcpus, &error), -EINVAL);
	assert_non_null(strstr(error.text, "processor 0 cannot run on processor 8191 of this computer"));
	assert_false(vcpus.vcpu[0].started);
	/* For tear_down(), which ends a thread. */
	vcpus.pin = NULL;
	assert_int_equal(vcpus_start(&vcpus, &error), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_thread_stays_where_it_is_pinned, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_processor_that_may_not_be_used_is_said, set_up, tear_down),
		TEST(accesses_go_to_their_bus),
		TEST(kept_writes_come_first),
		TEST(kept_writes_end_with_the_exit),
		TEST(port_data_goes_through),
		TEST(ports_are_counted_up_to_the_last),
		TEST(nobody_answers_with_ones),
		TEST(a_fault_heals_or_ends),
		TEST(what_another_processor_removed_counts),
		TEST(a_triple_fault_before_anything_else_is_the_end),
		TEST(a_triple_fault_of_a_guest_that_ran_is_a_reset),
		TEST(errors_are_said),
	};

	return cmocka_run_group_tests_name("vmm_vcpu", tests, NULL, NULL);
}
