/* SPDX-License-Identifier: MIT */
/* NVMe: the doorbell buffer, by which a busy guest need not ring. */
#include "tests/unit/nvme_buffer_stage.h"

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
	assert_int_equal(guest.messages, 0);
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
		cmocka_unit_test_setup_teardown(rings_are_heard, start, end),
		cmocka_unit_test_setup_teardown(new_queues, start, end),
		cmocka_unit_test_setup_teardown(old_queues, start, end),
		cmocka_unit_test_setup_teardown(bad_numbers, start, end),
		cmocka_unit_test_setup_teardown(full, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
