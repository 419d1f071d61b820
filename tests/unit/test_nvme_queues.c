/* SPDX-License-Identifier: MIT */
/* NVMe: making, filling and deleting queues; completions, vectors, events and aborts. */
#include "tests/unit/nvme_stage.h"

static int start(void **state)
{
	(void)state;
	return begin(4, 0);
}

static void put_read(unsigned queue, unsigned block)
{
	guest_blocks(&guest, sqe, IO_READ, block, 1, GUEST_DATA + block * NVME_PAGE, 0);
	guest_put(&guest, queue, sqe);
}

/* Queues of few entries go round many times: the phase changes each time. */
static void wraps(void **state)
{
	struct guest_completion completion;

	(void)state;
	guest_queue(&guest, 1, 5);
	for (unsigned i = 0; i < 100; i++) {
		for (unsigned j = 0; j <= i % 4; j++)
			put_read(1, j);
		guest_work(&guest);
		for (unsigned j = 0; j <= i % 4; j++) {
			assert_true(guest_take(&guest, 1, &completion));
			assert_int_equal(completion.status, NVME_SUCCESS);
		}
		assert_int_equal(completion.sq_head, guest.queues[1].tail);
		assert_false(guest_take(&guest, 1, &completion));
	}
}

/* One completion queue for two submission queues is full sooner than they are. */
static void waits_for_room(void **state)
{
	struct guest_completion completion;
	unsigned count = 0;

	(void)state;
	guest_queue(&guest, 1, 4);
	guest_command(&guest, sqe, ADMIN_CREATE_SQ, 0);
	put64(sqe + 24, guest_sq(2));
	put32(sqe + 40, 15 << 16 | 2);
	put32(sqe + 44, 1 << 16 | 1);
	assert_int_equal(guest_do(&guest, 0, sqe, NULL), NVME_SUCCESS);
	guest.queues[2].entries = 16;
	for (unsigned i = 0; i < 10; i++)
		put_read(2, i);
	guest_work(&guest);
	assert_int_equal(guest.counts[DISK_READ], 10);
	while (guest_take(&guest, 1, &completion)) {
		assert_int_equal(completion.sq, 2);
		count++;
		guest_work(&guest);
	}
	assert_int_equal(count, 10);
}

static void vectors(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 4; i++)
		guest_queue(&guest, i, 16);
	memset(guest.signals, 0, sizeof(guest.signals));
	put_read(3, 0);
	put_read(3, 1);
	put_read(4, 2);
	guest_work(&guest);
	assert_int_equal(guest.signals[0] + guest.signals[1] + guest.signals[2], 0);
	/* Two completions that are posted together are one interrupt. */
	assert_int_equal(guest.signals[3], 1);
	assert_int_equal(guest.signals[4], 1);
}

static unsigned create(uint8_t opcode, unsigned id, unsigned entries, uint64_t address, uint32_t dw11)
{
	guest_command(&guest, sqe, opcode, 0);
	put64(sqe + 24, address);
	put32(sqe + 40, (entries - 1) << 16 | id);
	put32(sqe + 44, dw11);
	return guest_do(&guest, 0, sqe, NULL);
}

static void bad_queues(void **state)
{
	static const uint8_t both[] = {ADMIN_CREATE_CQ, ADMIN_CREATE_SQ};

	(void)state;
	guest_queue(&guest, 1, 16);
	for (unsigned i = 0; i < 2; i++) {
		uint32_t dw11 = i ? 1 << 16 | 1 : 1;

		assert_int_equal(create(both[i], 0, 16, GUEST_DATA, dw11), NVME_QUEUE_ID);
		assert_int_equal(create(both[i], 1, 16, GUEST_DATA, dw11), NVME_QUEUE_ID);
		assert_int_equal(create(both[i], 5, 16, GUEST_DATA, dw11), NVME_QUEUE_ID);
		assert_int_equal(create(both[i], 0xffff, 16, GUEST_DATA, dw11), NVME_QUEUE_ID);
		assert_int_equal(create(both[i], 2, 1, GUEST_DATA, dw11), NVME_QUEUE_SIZE);
		assert_int_equal(create(both[i], 2, 1025, GUEST_DATA, dw11), NVME_QUEUE_SIZE);
		assert_int_equal(create(both[i], 2, 65536, GUEST_DATA, dw11), NVME_QUEUE_SIZE);
		assert_int_equal(create(both[i], 2, 16, GUEST_DATA + 64, dw11), NVME_PRP_OFFSET);
		assert_int_equal(create(both[i], 2, 16, GUEST_DATA, dw11 & ~1U), NVME_INVALID_FIELD);
		assert_int_equal(create(both[i], 2, 16, GUEST_BASE + GUEST_SIZE, dw11), NVME_DATA_TRANSFER);
		assert_int_equal(create(both[i], 2, 1024, UINT64_MAX - 4095, dw11), NVME_DATA_TRANSFER);
	}
	assert_int_equal(create(ADMIN_CREATE_CQ, 2, 16, GUEST_DATA, 5 << 16 | 3), NVME_VECTOR);
	assert_int_equal(create(ADMIN_CREATE_CQ, 2, 16, GUEST_DATA, 0xffffU << 16 | 3), NVME_VECTOR);
	assert_int_equal(create(ADMIN_CREATE_SQ, 2, 16, GUEST_DATA, 0 << 16 | 1), NVME_CQ_INVALID);
	assert_int_equal(create(ADMIN_CREATE_SQ, 2, 16, GUEST_DATA, 2 << 16 | 1), NVME_CQ_INVALID);
	assert_int_equal(create(ADMIN_CREATE_SQ, 2, 16, GUEST_DATA, 5 << 16 | 1), NVME_CQ_INVALID);
	assert_int_equal(create(ADMIN_CREATE_SQ, 2, 16, GUEST_DATA, 0xffffU << 16 | 1), NVME_CQ_INVALID);
}

static unsigned delete (uint8_t opcode, unsigned id)
{
	guest_command(&guest, sqe, opcode, 0);
	put32(sqe + 40, id);
	return guest_do(&guest, 0, sqe, NULL);
}

static void deletes(void **state)
{
	(void)state;
	guest_queue(&guest, 2, 16);
	assert_int_equal(delete (ADMIN_DELETE_CQ, 2), NVME_QUEUE_DELETION);
	assert_int_equal(delete (ADMIN_DELETE_SQ, 0), NVME_QUEUE_ID);
	assert_int_equal(delete (ADMIN_DELETE_SQ, 1), NVME_QUEUE_ID);
	assert_int_equal(delete (ADMIN_DELETE_SQ, 0xffff), NVME_QUEUE_ID);
	assert_int_equal(delete (ADMIN_DELETE_SQ, 2), NVME_SUCCESS);
	assert_int_equal(delete (ADMIN_DELETE_SQ, 2), NVME_QUEUE_ID);
	assert_int_equal(delete (ADMIN_DELETE_CQ, 0), NVME_QUEUE_ID);
	assert_int_equal(delete (ADMIN_DELETE_CQ, 2), NVME_SUCCESS);
	assert_int_equal(delete (ADMIN_DELETE_CQ, 2), NVME_QUEUE_ID);
	guest_queue(&guest, 2, 32);
}

/* The deletion of a submission queue is done when its commands are. */
static void deletes_when_commands_are_done(void **state)
{
	struct guest_completion completion;

	(void)state;
	guest_queue(&guest, 1, 16);
	guest.hold = true;
	put_read(1, 0);
	put_read(1, 1);
	guest_work(&guest);
	guest_command(&guest, sqe, ADMIN_DELETE_SQ, 0);
	put32(sqe + 40, 1);
	guest_put(&guest, 0, sqe);
	guest_release(&guest, 1);
	guest_work(&guest);
	assert_false(guest_take(&guest, 0, &completion));
	assert_true(guest_take(&guest, 1, &completion));
	guest_release(&guest, 0);
	guest_work(&guest);
	assert_true(guest_take(&guest, 1, &completion));
	assert_true(guest_take(&guest, 0, &completion));
	assert_int_equal(completion.status, NVME_SUCCESS);
}

/* Completions that nobody made room for go with their queue, and their commands are free again. */
static void deletes_unposted(void **state)
{
	struct guest_completion completion;

	(void)state;
	for (unsigned round = 0; round < 600; round++) {
		guest_queue(&guest, 1, 2);
		guest.queues[1].entries = 2;
		put_read(1, 0);
		guest_work(&guest);
		put_read(1, 1);
		guest_work(&guest);
		assert_int_equal(delete (ADMIN_DELETE_SQ, 1), NVME_SUCCESS);
		assert_int_equal(delete (ADMIN_DELETE_CQ, 1), NVME_SUCCESS);
	}
	guest_queue(&guest, 1, 16);
	put_read(1, 0);
	guest_work(&guest);
	assert_true(guest_take(&guest, 1, &completion));
}

static void put_event_request(void)
{
	guest_command(&guest, sqe, ADMIN_ASYNC_EVENT, 0);
	guest_put(&guest, 0, sqe);
	guest_work(&guest);
}

static unsigned read_errors(bool retain)
{
	guest_command(&guest, sqe, ADMIN_GET_LOG, UINT32_MAX);
	put64(sqe + 24, GUEST_DATA);
	put32(sqe + 40, 15 << 16 | (unsigned)retain << 15 | 1);
	return guest_do(&guest, 0, sqe, NULL);
}

/* An event is told once, until its log page is read. */
static void events(void **state)
{
	struct guest_completion completion;

	(void)state;
	put_event_request();
	put_event_request();
	assert_false(guest_take(&guest, 0, &completion));
	guest_write32(&guest, REG_DOORBELLS + 8 * 3, 0);
	guest_work(&guest);
	assert_true(guest_take(&guest, 0, &completion));
	assert_int_equal(completion.result, 1 << 16 | 0 << 8 | 0);
	guest_write32(&guest, REG_DOORBELLS, 16);
	guest_work(&guest);
	assert_false(guest_take(&guest, 0, &completion));
	assert_int_equal(read_errors(true), NVME_SUCCESS);
	assert_false(guest_take(&guest, 0, &completion));
	guest_put(&guest, 0, sqe);
	guest_at(&guest, guest_sq(0) + (guest.queues[0].tail + 15) % 16 * NVME_SQE)[41] = 0;
	guest_work(&guest);
	assert_true(guest_take(&guest, 0, &completion));
	/* The page was read, so the second event is told now, by its own completion. */
	if (completion.result == 0)
		assert_true(guest_take(&guest, 0, &completion));
	assert_int_equal(completion.result, 1 << 16 | 1 << 8 | 0);
}

static void event_requests_are_limited(void **state)
{
	struct guest_completion completion;
	uint32_t result;
	uint16_t cid;

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		put_event_request();
	cid = get16(sqe + 2);
	put_event_request();
	assert_true(guest_take(&guest, 0, &completion));
	assert_int_equal(completion.status, NVME_EVENT_LIMIT);
	/* Abort: the request that waits is completed, and then the command. */
	guest_command(&guest, sqe, ADMIN_ABORT, 0);
	put32(sqe + 40, (uint32_t)cid << 16);
	guest_put(&guest, 0, sqe);
	guest_work(&guest);
	assert_true(guest_take(&guest, 0, &completion));
	assert_int_equal(completion.cid, cid);
	assert_int_equal(completion.status, NVME_ABORTED);
	assert_false(completion.final);
	assert_true(guest_take(&guest, 0, &completion));
	assert_int_equal(completion.result, 0);
	assert_int_equal(guest_do(&guest, 0, sqe, &result), NVME_SUCCESS);
	assert_int_equal(result, 1);
}

/* What the disk has begun is not aborted, and the guest is told so. */
static void abort_of_io(void **state)
{
	struct guest_completion completion;
	uint32_t result;
	uint16_t cid;

	(void)state;
	guest_queue(&guest, 1, 16);
	guest.hold = true;
	put_read(1, 0);
	cid = get16(sqe + 2);
	guest_work(&guest);
	guest_command(&guest, sqe, ADMIN_ABORT, 0);
	put32(sqe + 40, (uint32_t)cid << 16 | 1);
	assert_int_equal(guest_do(&guest, 0, sqe, &result), NVME_SUCCESS);
	assert_int_equal(result, 1);
	guest_release(&guest, 0);
	guest_work(&guest);
	assert_true(guest_take(&guest, 1, &completion));
	assert_int_equal(completion.status, NVME_SUCCESS);
}

/* Numbers beyond a queue, and heads beyond what was posted, are ignored. */
static void bad_doorbells(void **state)
{
	(void)state;
	guest_queue(&guest, 1, 16);
	guest_write32(&guest, REG_DOORBELLS + 8, 16);
	guest_write32(&guest, REG_DOORBELLS + 8, UINT32_MAX);
	guest_write32(&guest, REG_DOORBELLS + 12, 3);
	guest_write32(&guest, REG_DOORBELLS + 12, UINT32_MAX);
	guest_write32(&guest, REG_DOORBELLS + 8 * 5, 1);
	guest_write32(&guest, REG_DOORBELLS + 0xff8, 1);
	guest_work(&guest);
	assert_int_equal(guest.counts[DISK_READ], 0);
	guest_blocks(&guest, sqe, IO_READ, 0, 1, GUEST_DATA, 0);
	assert_int_equal(guest_do(&guest, 1, sqe, NULL), NVME_SUCCESS);
}

/* More commands than the pool has: the rest is taken when others are done, and the admin queue goes on. */
static void commands_are_bounded(void **state)
{
	struct guest_completion completion;
	unsigned count = 0;

	(void)state;
	guest.hold = true;
	for (unsigned i = 1; i <= 4; i++)
		guest_queue(&guest, i, 256);
	for (unsigned i = 0; i < 1000; i++)
		put_read(1 + i % 4, i % 64);
	guest_work(&guest);
	assert_in_range(guest.held_count, 400, 512);
	guest_command(&guest, sqe, ADMIN_IDENTIFY, 0);
	put64(sqe + 24, GUEST_DATA);
	sqe[40] = 1;
	assert_int_equal(guest_do(&guest, 0, sqe, NULL), NVME_SUCCESS);
	guest.hold = false;
	guest_release(&guest, 0);
	guest_work(&guest);
	for (unsigned i = 1; i <= 4; i++)
		while (guest_take(&guest, i, &completion))
			count++;
	assert_int_equal(count, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(wraps, start, end),
		cmocka_unit_test_setup_teardown(waits_for_room, start, end),
		cmocka_unit_test_setup_teardown(vectors, start, end),
		cmocka_unit_test_setup_teardown(bad_queues, start, end),
		cmocka_unit_test_setup_teardown(deletes, start, end),
		cmocka_unit_test_setup_teardown(deletes_when_commands_are_done, start, end),
		cmocka_unit_test_setup_teardown(deletes_unposted, start, end),
		cmocka_unit_test_setup_teardown(events, start, end),
		cmocka_unit_test_setup_teardown(event_requests_are_limited, start, end),
		cmocka_unit_test_setup_teardown(abort_of_io, start, end),
		cmocka_unit_test_setup_teardown(bad_doorbells, start, end),
		cmocka_unit_test_setup_teardown(commands_are_bounded, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
