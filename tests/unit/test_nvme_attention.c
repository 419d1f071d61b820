/* SPDX-License-Identifier: MIT */
/* NVMe: when the controller looks for what comes next, and when it sleeps and is rung for. */
#include "tests/unit/nvme_buffer_stage.h"

static uint64_t wake_ns;          /* from a ring until the controller is awake */
static uint64_t wait_ns, next_at; /* 0: a command is under way */
static unsigned left_to_put;

/* The guest gives its next command `wait_ns` after it has the result of the last one. */
static void one_by_one(void)
{
	if (take(1)) {
		next_at = guest.time + wait_ns;
	} else if (left_to_put && next_at && guest.time >= next_at) {
		next_at = 0;
		put(1, --left_to_put % 32);
	}
}

static unsigned rings_of(unsigned commands, unsigned us)
{
	unsigned before = rings, seen = rings;

	wait_ns = us * 1000;
	next_at = guest.time + 1000000;
	left_to_put = commands;
	while (left_to_put) {
		one_by_one();
		guest.time += rings == seen ? 0 : wake_ns;
		guest_work(&guest);
		seen = rings;
		if (guest.timer)
			guest_fire_timer(&guest);
		guest.time += 1000;
	}
	guest_work(&guest);
	one_by_one();
	assert_true(next_at);
	return rings - before;
}

/* One command at a time: if the guest is fast, it is waited for and does not ring; if not, each one rings. */
static void one_at_a_time(void **state)
{
	uint64_t before;

	(void)state;
	assert_int_equal(configure(DOORBELLS, EVENTS), NVME_SUCCESS);
	guest_work(&guest);
	guest.meanwhile = one_by_one;
	assert_in_range(rings_of(100, 20), 1, 10);
	assert_in_range(rings_of(100, 200), 95, 100);
	assert_in_range(rings_of(100, 20), 1, 10);
	/* What it takes to be woken does not make a guest slow. */
	assert_in_range(rings_of(100, 200), 95, 100);
	wake_ns = 90000;
	assert_in_range(rings_of(100, 60), 1, 10);
	wake_ns = 0;
	guest.meanwhile = NULL;
	/* It stops: it is waited for once. */
	before = guest.time;
	for (unsigned i = 0; i < 4; i++) {
		guest_command(&guest, sqe, ADMIN_IDENTIFY, 0);
		put64(sqe + 24, GUEST_DATA);
		sqe[40] = 1;
		assert_int_equal(guest_do(&guest, 0, sqe, NULL), NVME_SUCCESS);
	}
	assert_in_range(guest.time - before, 1000, 150000);
}

/* No time is waited for while such a guest's only command is at the disk; a second one ends that. */
static void only_command(void **state)
{
	(void)state;
	assert_int_equal(configure(DOORBELLS, EVENTS), NVME_SUCCESS);
	for (unsigned i = 0; i < 5; i++) {
		guest_work(&guest);
		put(1, i);
		guest_work(&guest);
		assert_int_equal(take(1), 1);
		if (guest.timer)
			guest_fire_timer(&guest);
	}
	guest_work(&guest);
	guest.hold = true;
	rings = 0;
	put(1, 5);
	guest_work(&guest);
	assert_null(guest.timer);
	put(1, 6);
	assert_int_equal(rings, 2);
	guest_work(&guest);
	assert_int_equal(guest.held_count, 2);
	assert_non_null(guest.timer);
	put(1, 7);
	assert_int_equal(rings, 2);
}

/* With one processor for both, the guest does nothing while it is waited for: so it is not. */
static void one_processor(void **state)
{
	(void)state;
	guest.alone = true;
	assert_int_equal(configure(DOORBELLS, EVENTS), NVME_SUCCESS);
	guest_work(&guest);
	guest.meanwhile = one_by_one;
	assert_in_range(rings_of(100, 20), 95, 100);
}

static uint64_t latency_ns, due; /* 0: the disk has nothing to do */

static void disk_goes_on(void)
{
	if (guest.held_count && !due)
		due = guest.time + latency_ns;
	if (!guest.held_count || guest.time < due)
		return;
	due = 0;
	guest_release(&guest, 0);
}

/* How often the controller slept while the disk was at work. */
static unsigned sleeps_of(unsigned commands, unsigned us)
{
	unsigned sleeps = 0;

	latency_ns = us * 1000;
	for (unsigned i = 0; i < commands; i++) {
		put(1, i % 32);
		guest_work(&guest);
		sleeps += guest.held_count;
		while (guest.held_count) {
			guest.time += 1000;
			disk_goes_on();
		}
		guest_work(&guest);
		assert_int_equal(take(1), 1);
		if (guest.timer)
			guest_fire_timer(&guest);
	}
	return sleeps;
}

/* A fast disk is waited for, and a slow one is slept for. */
static void fast_disk(void **state)
{
	uint64_t before;

	(void)state;
	assert_int_equal(configure(DOORBELLS, EVENTS), NVME_SUCCESS);
	guest_work(&guest);
	guest.hold = true;
	guest.meanwhile = disk_goes_on;
	assert_in_range(sleeps_of(100, 20), 1, 10);
	before = guest.time;
	assert_int_equal(sleeps_of(100, 500), 100);
	/* Half a second is the disk's. The rest is looks for the guest, which is not always as fast. */
	assert_in_range(guest.time - before, 50000000, 54000000);
	assert_in_range(sleeps_of(100, 20), 1, 10);
	guest.alone = true;
	assert_int_equal(sleeps_of(100, 20), 100);
}

enum { BATCH = 8 };

static unsigned taken;

/* The guest takes a whole batch, and gives the next one 20 us later. */
static void by_batches(void)
{
	taken += take(1);
	if (taken < BATCH)
		return;
	if (!next_at)
		next_at = guest.time + 20000;
	if (guest.time < next_at)
		return;
	next_at = taken = 0;
	for (unsigned i = 0; i < BATCH; i++)
		put(1, i);
}

/* Queues that were armed while a slow disk was at work do not make the guest ring when it is done. */
static void slow_batches(void **state)
{
	(void)state;
	assert_int_equal(configure(DOORBELLS, EVENTS), NVME_SUCCESS);
	guest_work(&guest);
	guest.hold = true;
	taken = BATCH;
	next_at = 0;
	guest.meanwhile = by_batches;
	for (unsigned i = 0; i < 100; i++) {
		while (!guest.held_count) {
			guest.time += 1000;
			by_batches();
			guest_work(&guest);
		}
		assert_int_equal(guest.held_count, BATCH);
		for (unsigned j = 0; j < 3 && guest.timer; j++) {
			guest.time += 100000;
			guest_fire_timer(&guest);
			guest_work(&guest);
		}
		assert_null(guest.timer);
		while (guest.held_count)
			guest_release(&guest, 0);
		guest_work(&guest);
	}
	assert_in_range(rings, 1, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_at_a_time, start, end),
		cmocka_unit_test_setup_teardown(only_command, start, end),
		cmocka_unit_test_setup_teardown(one_processor, start, end),
		cmocka_unit_test_setup_teardown(fast_disk, start, end),
		cmocka_unit_test_setup_teardown(slow_batches, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
