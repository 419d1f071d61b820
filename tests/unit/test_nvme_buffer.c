/* SPDX-License-Identifier: MIT */
/* NVMe: the doorbell buffer, by which a busy guest need not ring. */
#include "tests/unit/nvme_stage.h"

static unsigned rings;

enum { DOORBELLS = GUEST_BASE + 0x80000, EVENTS = GUEST_BASE + 0x81000 };

static unsigned configure(uint64_t doorbells, uint64_t events)
{
	guest_command(&guest, sqe, ADMIN_DOORBELL_BUFFER, 0);
	put64(sqe + 24, doorbells);
	put64(sqe + 32, events);
	return guest_do(&guest, 0, sqe, NULL);
}

static int start(void **state)
{
	(void)state;
	rings = 0;
	return begin(2, 32);
}

static uint32_t word(uint64_t page, unsigned id, bool head)
{
	return get32(guest_at(&guest, page + 8 * id + 4 * head));
}

/* As a driver does it: it stores the number, and rings if it passed the one of events. */
static void set(unsigned id, bool head, unsigned value)
{
	uint16_t old = (uint16_t)word(DOORBELLS, id, head), event;

	put32(guest_at(&guest, DOORBELLS + 8 * id + 4 * head), value);
	event = (uint16_t)word(EVENTS, id, head);
	if ((uint16_t)(value - event - 1) < (uint16_t)(value - old)) {
		rings++;
		guest_write32(&guest, REG_DOORBELLS + 8 * id + 4 * head, value);
	}
}

static void put(unsigned id, unsigned block)
{
	unsigned *tail = &guest.queues[id].tail;

	guest_blocks(&guest, sqe, IO_READ, block, 1, GUEST_DATA + block * NVME_PAGE, 0);
	memcpy(guest_at(&guest, guest_sq(id) + *tail * NVME_SQE), sqe, NVME_SQE);
	*tail = (*tail + 1) % guest.queues[id].entries;
	set(id, false, *tail);
}

static unsigned take(unsigned id)
{
	unsigned *head = &guest.queues[id].head, count = 0;

	while ((guest_at(&guest, guest_cq(id) + *head * NVME_CQE)[14] & 1U) == guest.queues[id].phase) {
		*head = (*head + 1) % guest.queues[id].entries;
		guest.queues[id].phase ^= *head ? 0 : 1;
		count++;
	}
	if (count)
		set(id, true, *head);
	return count;
}

static void is_announced(void **state)
{
	(void)state;
	assert_int_equal(configure(DOORBELLS + 8, EVENTS), NVME_INVALID_FIELD);
	assert_int_equal(configure(DOORBELLS, EVENTS + 8), NVME_INVALID_FIELD);
	assert_int_equal(configure(0, EVENTS), NVME_DATA_TRANSFER);
	guest.remote = EVENTS;
	guest.remote_length = 8;
	assert_int_equal(configure(DOORBELLS, EVENTS), NVME_INVALID_FIELD);
	guest.remote_length = 0;
	assert_int_equal(configure(DOORBELLS, EVENTS), NVME_SUCCESS);
}

/* While the disk works, a guest that keeps it busy never rings. */
static void busy(void **state)
{
	unsigned done = 0;

	(void)state;
	assert_int_equal(configure(DOORBELLS, EVENTS), NVME_SUCCESS);
	guest_work(&guest);
	guest.hold = true;
	put(1, 0);
	guest_work(&guest);
	assert_int_equal(rings, 1);
	rings = 0;
	for (unsigned i = 1; i < 1000; i++) {
		put(1, i % 32);
		/* A completion wakes the controller; that it finds the new command shows that it looked. */
		guest_release(&guest, 0);
		guest_work(&guest);
		assert_int_equal(guest.held_count, 1);
		done += take(1);
	}
	assert_int_equal(rings, 0);
	assert_int_equal(done, 999);
}

/* A guest that pauses while the disk works rings after a while; if the disk is idle, at once. */
static void quiet(void **state)
{
	(void)state;
	assert_int_equal(configure(DOORBELLS, EVENTS), NVME_SUCCESS);
	guest_work(&guest);
	put(1, 0);
	assert_int_equal(rings, 1);
	guest_work(&guest);
	take(1);
	guest_work(&guest);
	rings = 0;
	guest.hold = true;
	put(1, 1);
	assert_int_equal(rings, 1);
	guest_work(&guest);
	assert_non_null(guest.timer);
	put(1, 2);
	assert_int_equal(rings, 1);
	/* Nothing else happens: the time is over, and the command is found. */
	guest_fire_timer(&guest);
	guest_work(&guest);
	assert_int_equal(guest.held_count, 2);
	guest_fire_timer(&guest);
	guest_work(&guest);
	if (guest.timer) {
		guest_fire_timer(&guest);
		guest_work(&guest);
	}
	assert_null(guest.timer);
	put(1, 3);
	assert_int_equal(rings, 2);
	guest_work(&guest);
	assert_int_equal(guest.held_count, 3);
}

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
	unsigned before = rings;

	wait_ns = us * 1000;
	next_at = guest.time + 1000000;
	left_to_put = commands;
	while (left_to_put) {
		one_by_one();
		guest_work(&guest);
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
	assert_in_range(rings_of(100, 20), 1, 5);
	assert_in_range(rings_of(100, 200), 95, 100);
	assert_in_range(rings_of(100, 20), 1, 5);
	guest.meanwhile = NULL;
	/* It stops: it is waited for once. */
	before = guest.time;
	for (unsigned i = 0; i < 4; i++) {
		guest_command(&guest, sqe, ADMIN_IDENTIFY, 0);
		put64(sqe + 24, GUEST_DATA);
		sqe[40] = 1;
		assert_int_equal(guest_do(&guest, 0, sqe, NULL), NVME_SUCCESS);
	}
	assert_in_range(guest.time - before, 1000, 100000);
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

/* A driver that rings without need is served, too; the admin queue is always rung for. */
static void rings_are_heard(void **state)
{
	struct guest_completion completion;

	(void)state;
	assert_int_equal(configure(DOORBELLS, EVENTS), NVME_SUCCESS);
	put32(guest_at(&guest, DOORBELLS + 8), 1);
	guest_put(&guest, 1, sqe);
	guest_work(&guest);
	assert_int_equal(take(1), 1);
	guest_command(&guest, sqe, ADMIN_IDENTIFY, 0);
	put64(sqe + 24, GUEST_DATA);
	sqe[40] = 1;
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(word(EVENTS, 0, false), guest.queues[0].tail);
		assert_int_equal(word(EVENTS, 0, true), guest.queues[0].head);
		assert_int_equal(guest_do(&guest, 0, sqe, NULL), NVME_SUCCESS);
	}
	assert_false(guest_take(&guest, 0, &completion));
}

/* A queue that is made after it starts at 0, whatever an earlier one left there. */
static void new_queues(void **state)
{
	(void)state;
	put32(guest_at(&guest, DOORBELLS + 16), 7);
	put32(guest_at(&guest, DOORBELLS + 20), 7);
	assert_int_equal(configure(DOORBELLS, EVENTS), NVME_SUCCESS);
	guest_queue(&guest, 2, 16);
	assert_int_equal(word(DOORBELLS, 2, false), 0);
	assert_int_equal(word(DOORBELLS, 2, true), 0);
	guest_work(&guest);
	assert_int_equal(guest.counts[DISK_READ], 0);
	put(2, 3);
	guest_work(&guest);
	assert_int_equal(take(2), 1);
}

/* Queues that have moved before it was there go on where they are. */
static void old_queues(void **state)
{
	struct guest_completion completion;

	(void)state;
	guest_blocks(&guest, sqe, IO_READ, 0, 1, GUEST_DATA, 0);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(guest_do(&guest, 1, sqe, NULL), NVME_SUCCESS);
	assert_int_equal(configure(DOORBELLS, EVENTS), NVME_SUCCESS);
	guest_work(&guest);
	assert_int_equal(guest.counts[DISK_READ], 5);
	assert_int_equal(word(DOORBELLS, 1, false), 5);
	put(1, 1);
	guest_work(&guest);
	assert_true(guest_take(&guest, 1, &completion));
	assert_int_equal(guest.counts[DISK_READ], 6);
}

static void bad_numbers(void **state)
{
	(void)state;
	assert_int_equal(configure(DOORBELLS, EVENTS), NVME_SUCCESS);
	put32(guest_at(&guest, DOORBELLS + 8), 32);
	put32(guest_at(&guest, DOORBELLS + 12), 9);
	guest_work(&guest);
	put32(guest_at(&guest, DOORBELLS + 8), UINT32_MAX);
	guest_work(&guest);
	assert_int_equal(guest.counts[DISK_READ], 0);
	put32(guest_at(&guest, DOORBELLS + 8), 0);
	put32(guest_at(&guest, DOORBELLS + 12), 0);
	put(1, 0);
	guest_work(&guest);
	assert_int_equal(take(1), 1);
	/* The memory goes. */
	guest.hole = EVENTS;
	guest.hole_length = 1;
	nvme_memory_changed(guest.ctl);
	put(1, 0);
	guest_work(&guest);
	assert_int_equal(guest_read32(&guest, REG_CSTS), CSTS_RDY | CSTS_CFS);
}

/* A full completion queue is continued when the guest has moved its head. */
static void full(void **state)
{
	unsigned done = 0;

	(void)state;
	assert_int_equal(configure(DOORBELLS, EVENTS), NVME_SUCCESS);
	guest_queue(&guest, 2, 4);
	guest.hold = true;
	for (unsigned i = 0; i < 3; i++)
		put(2, i);
	guest_work(&guest);
	for (unsigned i = 3; i < 6; i++) {
		put(2, i);
		guest_work(&guest);
	}
	while (guest.held_count) {
		guest_release(&guest, 0);
		guest_work(&guest);
	}
	for (unsigned n; (n = take(2)); done += n)
		guest_work(&guest);
	assert_int_equal(done, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_announced, start, end),
		cmocka_unit_test_setup_teardown(busy, start, end),
		cmocka_unit_test_setup_teardown(quiet, start, end),
		cmocka_unit_test_setup_teardown(one_at_a_time, start, end),
		cmocka_unit_test_setup_teardown(only_command, start, end),
		cmocka_unit_test_setup_teardown(rings_are_heard, start, end),
		cmocka_unit_test_setup_teardown(new_queues, start, end),
		cmocka_unit_test_setup_teardown(old_queues, start, end),
		cmocka_unit_test_setup_teardown(bad_numbers, start, end),
		cmocka_unit_test_setup_teardown(full, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
