/* SPDX-License-Identifier: MIT */
/* liblend's host operations on this machine: BARs as ranges of a bus and memory slots. */
#include <pthread.h>

#include "tests/unit/vmm_doubles.h"

static uint8_t page[4096];

static void map(unsigned bar, bool io, uint64_t address, uint64_t size, bool direct)
{
	const struct lend_bar_direct part = {.length = 4096, .va = page, .shares_page = size < 4096};
	const struct lend_bar_map what = {.bar = bar,
					  .io = io,
					  .address = address,
					  .size = size,
					  .direct_count = direct,
					  .direct = &part};

	assert_int_equal(assign_ops.bar_map(&vmm, device, &what), 0);
}

static void unmap(unsigned bar)
{
	assign_ops.bar_begin(&vmm, device);
	assert_int_equal(assign_ops.bar_unmap(&vmm, device, bar), 0);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
}

static bool answers(struct bus *bus, uint64_t address)
{
	uint64_t value;

	return bus_read(bus, address, 4, &value) == 0;
}

static void a_bar_is_a_range_and_slots(void **state)
{
	uint64_t value;

	(void)state;
	assign_ops.bar_begin(&vmm, device);
	map(0, false, 0xe0000000, 0x4000, true);
	map(2, true, 0x1000, 0x20, false);
	assert_int_equal(kvm.slot_count, 0); /* nothing before commit */
	assert_false(answers(&vmm.memory_bus, 0xe0000000));
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
	assert_int_equal(kvm.slot_count, 1);
	assert_int_equal(kvm.slots[0].gpa, 0xe0000000);
	assert_int_equal(bus_read(&vmm.memory_bus, 0xe0001004, 4, &value), 0);
	assert_int_equal(value, 0x1004);
	assert_int_equal(bus_read(&vmm.port_bus, 0x1004, 1, &value), 0);
	assert_int_equal(value, 0x20004);
}

/* An expansion ROM: reads are those of memory, and a write comes to the library. */
static void a_read_only_part_is_a_read_only_slot(void **state)
{
	const struct lend_bar_direct part = {.length = 4096, .va = page, .read_only = true};
	const struct lend_bar_map what = {.bar = LEND_REGION_ROM,
					  .address = 0xe0010000,
					  .size = 0x4000,
					  .direct_count = 1,
					  .direct = &part};

	(void)state;
	assign_ops.bar_begin(&vmm, device);
	map(0, false, 0xe0000000, 0x4000, true);
	assert_int_equal(assign_ops.bar_map(&vmm, device, &what), 0);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
	assert_int_equal(kvm.slot_count, 2);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(kvm.slots[i].flags, kvm.slots[i].gpa == what.address ? KVM_MEM_READONLY : 0);
	assert_true(answers(&vmm.memory_bus, 0xe0010000));
}

static void a_move_takes_away_before_it_adds(void **state)
{
	(void)state;
	assign_ops.bar_begin(&vmm, device);
	map(0, false, 0xe0000000, 0x4000, true);
	map(1, false, 0xe0004000, 0x4000, true);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
	memset(kvm.order, 0, sizeof(kvm.order));
	assign_ops.bar_begin(&vmm, device);
	map(0, false, 0xe0004000, 0x4000, true); /* they change places */
	map(1, false, 0xe0000000, 0x4000, true);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
	assert_string_equal(kvm.order, "ssSS");
	assert_int_equal(kvm.slot_count, 2);
	assert_int_equal(vmm.memory_bus.count, 2);
	assign_ops.bar_begin(&vmm, device);
	assert_int_equal(assign_ops.bar_unmap(&vmm, device, 0), 0);
	assert_int_equal(assign_ops.bar_unmap(&vmm, device, 1), 0);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
	assert_int_equal(kvm.slot_count, 0);
	assert_int_equal(vmm.memory_bus.count, 0);
}

struct hammer {
	bool stop;
	unsigned long lost;
};

static void *hammer(void *opaque)
{
	struct hammer *mine = opaque;

	while (!__atomic_load_n(&mine->stop, __ATOMIC_RELAXED))
		mine->lost += bus_write(&vmm.memory_bus, 0xe0000004, 4, 1) != 0;
	return NULL;
}

/* What another processor writes while the direct parts change is not lost. */
static void a_refresh_keeps_the_range(void **state)
{
	struct hammer mine = {0};
	pthread_t thread;

	(void)state;
	assign_ops.bar_begin(&vmm, device);
	map(0, false, 0xe0000000, 0x4000, true);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
	assert_int_equal(pthread_create(&thread, NULL, hammer, &mine), 0);
	for (unsigned i = 0; i < 100000; i++) {
		assign_ops.bar_begin(&vmm, device);
		map(0, false, 0xe0000000, 0x4000, i & 1);
		assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
	}
	__atomic_store_n(&mine.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_int_equal(mine.lost, 0);
	assert_int_equal(kvm.slot_count, 1);
}

static void ram_and_interrupt_controllers_win(void **state)
{
	static const uint64_t taken[] = {0, 0x3ffff000, 0xfec00000, 0xfee00000, 0xffffc000};

	(void)state;
	for (unsigned i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		assign_ops.bar_begin(&vmm, device);
		map(0, false, taken[i], 0x4000, true);
		assert_int_equal(assign_ops.bar_commit(&vmm, device), 1 << 0);
		assert_int_equal(kvm.slot_count, 0);
		assert_false(answers(&vmm.memory_bus, taken[i]));
	}
	assign_ops.bar_begin(&vmm, device);
	map(0, true, 0xfff8, 0x20, false);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 1 << 0);
	assert_false(answers(&vmm.port_bus, 0xfff8));
}

static void without_a_slot_the_bar_traps(void **state)
{
	(void)state;
	kvm.slot_error = -ENOSPC;
	assign_ops.bar_begin(&vmm, device);
	map(0, false, 0xe0000000, 0x4000, true);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
	assert_int_equal(vmm.slots.used, 0);
	assert_true(answers(&vmm.memory_bus, 0xe0000000));
}

/* Slots that were not released when a BAR is unmapped would run out. */
static void ch_0d6cef452_slots_are_back_after_many_toggles(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		assign_ops.bar_begin(&vmm, device);
		map(0, false, 0xe0000000 + (i & 7) * 0x4000, 0x4000, true);
		assign_ops.bar_commit(&vmm, device);
		assign_ops.bar_begin(&vmm, device);
		assign_ops.bar_unmap(&vmm, device, 0);
		assign_ops.bar_commit(&vmm, device);
	}
	assert_int_equal(vmm.slots.used, 0);
	assert_int_equal(kvm.slot_count, 0);
	assert_int_equal(vmm.memory_bus.count, 0);
	assign_ops.bar_begin(&vmm, device);
	map(0, false, 0xe0000000, 0x4000, true);
	assign_ops.bar_commit(&vmm, device);
	assert_int_equal(kvm.slot_count, 1); /* there still is one to be had */
}

/* spec 3.4: a BAR smaller than a page is mapped by its page until somebody else comes into it. */
static void small_bar_has_its_page_alone(void **state)
{
	(void)state;
	assign_ops.bar_begin(&vmm, device);
	map(0, false, 0xe0000000, 0x100, true);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
	assert_int_equal(kvm.slot_count, 1);
	assert_int_equal(kvm.slots[0].size, 4096);
	assign_ops.bar_begin(&vmm, device);
	map(1, false, 0xe0000800, 0x100, false);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
	assert_int_equal(kvm.slot_count, 0);
	assert_true(answers(&vmm.memory_bus, 0xe0000000));
	assert_true(answers(&vmm.memory_bus, 0xe0000800));
	/* The page next door is another one. */
	assign_ops.bar_begin(&vmm, device);
	assert_int_equal(assign_ops.bar_unmap(&vmm, device, 1), 0);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
	assert_int_equal(kvm.slot_count, 1); /* the neighbour has gone: the BAR has its page again */
	assign_ops.bar_begin(&vmm, device);
	map(1, false, 0xe0001000, 0x100, false);
	map(2, false, 0xdffff000, 0x1000, false);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
	assert_int_equal(kvm.slot_count, 1);
	unmap(1);
	unmap(2);
	assert_int_equal(kvm.slot_count, 1);
	assign_ops.bar_begin(&vmm, device);
	assert_int_equal(assign_ops.bar_unmap(&vmm, device, 0), 0);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
	assert_int_equal(kvm.slot_count, 0);
}

/* The neighbour comes with it, or was there before. */
static void case_14_9_small_bar_beside_another(void **state)
{
	(void)state;
	for (unsigned before = 0; before < 2; before++) {
		assign_ops.bar_begin(&vmm, device);
		map(1, false, 0xe0000800, 0x100, false);
		if (before) {
			assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
			assign_ops.bar_begin(&vmm, device);
		}
		map(0, false, 0xe0000000, 0x100, true);
		assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
		assert_int_equal(kvm.slot_count, 0);
		assert_true(answers(&vmm.memory_bus, 0xe0000000));
		assert_true(answers(&vmm.memory_bus, 0xe0000800));
		assign_ops.bar_begin(&vmm, device);
		assert_int_equal(assign_ops.bar_unmap(&vmm, device, 0), 0);
		assert_int_equal(assign_ops.bar_unmap(&vmm, device, 1), 0);
		assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
	}
}

/* Which BAR answers; the double of a BAR's read says so. */
static int who(struct bus *bus, uint64_t address)
{
	uint64_t value;

	return bus_read(bus, address, 4, &value) ? -1 : (int)(value >> 16);
}

/* A guest moves one BAR onto another, and then the other away. */
static void who_comes_second_waits_for_the_place(void **state)
{
	(void)state;
	for (unsigned io = 0; io < 2; io++) {
		struct bus *bus = io ? &vmm.port_bus : &vmm.memory_bus;
		const uint64_t place = io ? 0x1000 : 0xe0000000, other = io ? 0x2000 : 0xe1000000;

		assign_ops.bar_begin(&vmm, device);
		map(1, io, place, 0x1000, !io);
		map(2, io, other, 0x1000, !io);
		assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
		assign_ops.bar_begin(&vmm, device);
		map(2, io, place, 0x1000, !io);
		assert_int_equal(assign_ops.bar_commit(&vmm, device), 1 << 2);
		assert_int_equal(who(bus, place), 1);
		assert_int_equal(who(bus, other), -1);
		assert_int_equal(kvm.slot_count, !io);
		assign_ops.bar_begin(&vmm, device);
		map(1, io, other, 0x1000, !io);
		assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
		assert_int_equal(who(bus, place), 2);
		assert_int_equal(who(bus, other), 1);
		assert_int_equal(kvm.slot_count, io ? 0 : 2);
		unmap(1);
		unmap(2);
		assert_int_equal(bus->count, 0);
		assert_int_equal(kvm.slot_count, 0);
	}
}

/* Who waits and goes elsewhere, or is unmapped, does not come up at the old place. */
static void who_gave_up_waiting_does_not_come(void **state)
{
	(void)state;
	assign_ops.bar_begin(&vmm, device);
	map(1, false, 0xe0000000, 0x1000, true);
	map(2, false, 0xe0000000, 0x1000, true);
	map(3, false, 0xe0000000, 0x1000, true);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 1 << 2 | 1 << 3);
	unmap(2);
	assign_ops.bar_begin(&vmm, device);
	map(3, false, 0xe2000000, 0x1000, true);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
	unmap(1);
	assert_int_equal(who(&vmm.memory_bus, 0xe0000000), -1);
	assert_int_equal(who(&vmm.memory_bus, 0xe2000000), 3);
	assert_int_equal(kvm.slot_count, 1);
	unmap(3);
}

/* The other one is of another device. */
static void places_are_the_whole_machines(void **state)
{
	struct assigned *pair[2] = {device, add_device(1)};
	const struct lend_bar_direct part = {.length = 4096, .va = page};
	const struct lend_bar_map what = {
		.bar = 4, .address = 0xe0000000, .size = 0x1000, .direct_count = 1, .direct = &part};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		assign_ops.bar_begin(&vmm, pair[i]);
		assert_int_equal(assign_ops.bar_map(&vmm, pair[i], &what), 0);
		assert_int_equal(assign_ops.bar_commit(&vmm, pair[i]), i ? 1 << 4 : 0);
	}
	assert_int_equal(asked.wakes, 0);
	assert_ptr_equal(vmm.memory_bus.ranges[0].opaque, &pair[0]->bars[4]);
	assign_ops.bar_begin(&vmm, pair[0]);
	assert_int_equal(assign_ops.bar_unmap(&vmm, pair[0], 4), 0);
	assert_int_equal(assign_ops.bar_commit(&vmm, pair[0]), 0);
	assert_int_equal(vmm.memory_bus.count, 1);
	assert_ptr_equal(vmm.memory_bus.ranges[0].opaque, &pair[1]->bars[4]);
	assert_int_equal(kvm.slot_count, 1);
	/* The loop tells the library, which has it as a BAR that no other device reaches. */
	assert_true(pair[1]->shown);
	assert_false(pair[0]->shown);
	assert_int_equal(asked.wakes, 1);
}

/* KVM may refuse a deletion (it needs memory for it): the BAR is still there then, and says so. */
static void a_slot_that_kvm_keeps_is_not_forgotten(void **state)
{
	(void)state;
	assign_ops.bar_begin(&vmm, device);
	map(0, false, 0xe0000000, 0x4000, true);
	map(1, false, 0xe1000000, 0x100, true); /* by its page */
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
	kvm.removal_error = -ENOMEM;
	for (unsigned bar = 0; bar < 2; bar++) {
		assign_ops.bar_begin(&vmm, device);
		assert_int_equal(assign_ops.bar_unmap(&vmm, device, bar), 0);
		assert_int_equal(assign_ops.bar_commit(&vmm, device), -ENOMEM);
		assign_ops.bar_begin(&vmm, device); /* moved, and with nothing direct any more */
		map(bar, false, bar ? 0xe3000000 : 0xe2000000, bar ? 0x100 : 0x4000, true);
		assert_int_equal(assign_ops.bar_commit(&vmm, device), -ENOMEM);
		assign_ops.bar_begin(&vmm, device);
		map(bar, false, bar ? 0xe1000000 : 0xe0000000, bar ? 0x100 : 0x4000, false);
		assert_int_equal(assign_ops.bar_commit(&vmm, device), -ENOMEM);
	}
	assert_int_equal(vmm.slots.used, 2);
	assert_int_equal(who(&vmm.memory_bus, 0xe0000000), 0);
	assert_int_equal(who(&vmm.memory_bus, 0xe1000000), 1);
	/* A new one gets another number; the double refuses one that is in use, as KVM does. */
	assign_ops.bar_begin(&vmm, device);
	map(2, false, 0xe4000000, 0x4000, true);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
	assert_int_equal(vmm.slots.used, 3);
	assert_int_equal(kvm.slot_count, 3);
	/* Nothing of it comes into a page that KVM keeps. */
	assign_ops.bar_begin(&vmm, device);
	map(3, false, 0xe1000800, 0x100, false);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 1 << 3);
	assert_int_equal(who(&vmm.memory_bus, 0xe1000800), -1);
	kvm.removal_error = 0;
	for (unsigned bar = 0; bar < 3; bar++)
		unmap(bar);
	assert_int_equal(who(&vmm.memory_bus, 0xe1000800), 3);
	assert_int_equal(vmm.slots.used, 0);
	assert_int_equal(kvm.slot_count, 0);
	unmap(3);
}

/* Of several that go, one is kept: the others come back, since liblend has them as mapped. */
static void what_was_taken_for_nothing_comes_back(void **state)
{
	(void)state;
	assign_ops.bar_begin(&vmm, device);
	map(0, false, 0xe0000000, 0x4000, true);
	map(1, false, 0xe1000000, 0x4000, true);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
	kvm.removal_error = -ENOMEM;
	kvm.removals_before_error = 1;
	assign_ops.bar_begin(&vmm, device);
	assert_int_equal(assign_ops.bar_unmap(&vmm, device, 0), 0);
	assert_int_equal(assign_ops.bar_unmap(&vmm, device, 1), 0);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), -ENOMEM);
	assert_int_equal(kvm.slot_count, 2);
	assert_true(answers(&vmm.memory_bus, 0xe0000000));
	assert_true(answers(&vmm.memory_bus, 0xe1000000));
}

/* A message of a vector that goes through the loop: sent by the GSI that has its route. */
static void a_signal_is_a_message(void **state)
{
	(void)state;
	assert_int_equal(assign_ops.msi_signal(&vmm, device, 0), -ENOENT);
	assert_int_equal(assign_ops.msi_signal(&vmm, device, VECTORS_MAX), -ENOENT);
	assign_ops.msi_begin(&vmm, device);
	assert_int_equal(assign_ops.msi_set(&vmm, device, 3, 0xfee00000, 0x41), 0);
	assert_int_equal(assign_ops.msi_commit(&vmm, device), 0);
	kvm.level_changes = 0;
	assert_int_equal(assign_ops.msi_signal(&vmm, device, 3), 0);
	assert_int_equal(kvm.level_changes, 1);
}

static void request_and_error_reach_the_machine(void **state)
{
	(void)state;
	assign_ops.event(&vmm, device, LEND_EVENT_ERROR, "broken");
	assert_int_equal(asked.errors, 1);
	assert_int_equal(asked.error, LEND_EVENT_ERROR);
	assert_false(device->leaving);
	assign_ops.event(&vmm, device, LEND_EVENT_REPORTED, "told");
	assert_int_equal(asked.errors, 2);
	assert_int_equal(asked.error, LEND_EVENT_REPORTED);
	assign_ops.event(&vmm, device, LEND_EVENT_REQUEST, "wanted");
	assert_true(device->leaving);
	assert_int_equal(asked.wakes, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_bar_is_a_range_and_slots),
		TEST(a_read_only_part_is_a_read_only_slot),
		TEST(a_move_takes_away_before_it_adds),
		TEST(a_refresh_keeps_the_range),
		TEST(ram_and_interrupt_controllers_win),
		TEST(without_a_slot_the_bar_traps),
		TEST(ch_0d6cef452_slots_are_back_after_many_toggles),
		TEST(small_bar_has_its_page_alone),
		TEST(case_14_9_small_bar_beside_another),
		TEST(who_comes_second_waits_for_the_place),
		TEST(who_gave_up_waiting_does_not_come),
		TEST(places_are_the_whole_machines),
		TEST(a_slot_that_kvm_keeps_is_not_forgotten),
		TEST(what_was_taken_for_nothing_comes_back),
		TEST(a_signal_is_a_message),
		TEST(request_and_error_reach_the_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
