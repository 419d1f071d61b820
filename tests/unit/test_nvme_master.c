/* SPDX-License-Identifier: MIT */
/*
 * NVMe: a guest that clears Bus Master stops the controller, and it goes on when the bit
 * is set again. The guest's memory faults meanwhile (nvme_guest.c).
 */
#include "tests/unit/nvme_stage.h"

static int start(void **state)
{
	(void)state;
	return begin(2, 16);
}

static void put_read(unsigned block)
{
	guest_blocks(&guest, sqe, IO_READ, block, 1, GUEST_DATA + block * NVME_PAGE, 0);
	guest_put(&guest, 1, sqe);
}

static unsigned take(unsigned queue)
{
	struct guest_completion completion;
	unsigned count = 0;

	for (; guest_take(&guest, queue, &completion); count++)
		assert_int_equal(completion.status, NVME_SUCCESS);
	return count;
}

/* A guest that sets the bit has the same controller as before, which is well. */
static void master(bool on)
{
	guest.mastering = on;
	guest_work(&guest);
	assert_int_equal(guest_read32(&guest, REG_CSTS) & CSTS_CFS, 0);
}

static void fetches_nothing(void **state)
{
	(void)state;
	master(false);
	put_read(0);
	guest_command(&guest, sqe, ADMIN_IDENTIFY, 0);
	put64(sqe + 24, GUEST_DATA);
	put32(sqe + 40, 1);
	guest_put(&guest, 0, sqe);
	guest_work(&guest);
	assert_int_equal(guest.counts[DISK_READ], 0);
	master(true);
	assert_int_equal(guest.counts[DISK_READ], 1);
	assert_int_equal(take(0), 1);
	assert_int_equal(take(1), 1);
}

/* What is in flight at the disk ends; that is told when the bit is set. */
static void posts_nothing(void **state)
{
	(void)state;
	guest.hold = true;
	put_read(0);
	put_read(1);
	guest_work(&guest);
	memset(guest.signals, 0, sizeof(guest.signals));
	guest.mastering = false;
	guest_release(&guest, 1);
	guest_release(&guest, 0);
	guest_work(&guest);
	assert_int_equal(guest.signals[1], 0);
	assert_int_equal(take(1), 0);
	master(true);
	assert_int_equal(guest.signals[1], 1);
	assert_int_equal(take(1), 2);
}

/* Data that is copied after the disk has read it, into memory that is reached by messages, waits as well. */
static void copies_nothing(void **state)
{
	(void)state;
	guest.remote = GUEST_DATA;
	guest.remote_length = 0x100000;
	guest.hold = true;
	for (unsigned i = 0; i < 4; i++)
		put_read(i);
	guest_work(&guest);
	guest.mastering = false;
	while (guest.held_count)
		guest_release(&guest, 0);
	guest_work(&guest);
	assert_int_equal(guest.messages, 0);
	guest.hold = false;
	master(true);
	assert_int_equal(take(1), 4);
	assert_memory_equal(guest_at(&guest, GUEST_DATA + NVME_PAGE), guest.blocks + NVME_BLOCK, NVME_BLOCK);
}

/* A read in the buffer, and no doorbell. */
static void leave_read(void)
{
	guest_blocks(&guest, sqe, IO_READ, 0, 1, GUEST_DATA, 0);
	memcpy(guest_at(&guest, guest_sq(1)), sqe, NVME_SQE);
	put32(guest_at(&guest, DOORBELLS + 8), 1);
}

/* The doorbell buffer is left alone, by a doorbell, too; the admin queue's numbers are right after it. */
static void buffer(void **state)
{
	(void)state;
	assert_int_equal(configure(DOORBELLS, EVENTS), NVME_SUCCESS);
	master(false);
	leave_read();
	guest_write32(&guest, REG_DOORBELLS + 8, 1);
	guest_write32(&guest, REG_DOORBELLS + 12, 0);
	guest_command(&guest, sqe, ADMIN_GET_FEATURES, 0);
	sqe[40] = 6;
	guest_put(&guest, 0, sqe);
	guest_work(&guest);
	assert_int_equal(guest.counts[DISK_READ], 0);
	master(true);
	assert_int_equal(guest.counts[DISK_READ], 1);
	assert_int_equal(take(0), 1);
	assert_int_equal(get32(guest_at(&guest, EVENTS)), guest.queues[0].tail);
	assert_int_equal(get32(guest_at(&guest, EVENTS + 4)), guest.queues[0].head);
}

/* The line is no DMA; a head in the buffer is looked for when that is allowed. */
static void line(void **state)
{
	(void)state;
	assert_int_equal(configure(DOORBELLS, EVENTS), NVME_SUCCESS);
	guest.pin = true;
	leave_read();
	guest_work(&guest);
	assert_true(guest.line);
	master(false);
	put32(guest_at(&guest, DOORBELLS + 12), 1);
	guest_write32(&guest, REG_INTMS, 2);
	assert_false(guest.line);
	guest_write32(&guest, REG_INTMC, 2);
	assert_true(guest.line);
	master(true);
	assert_false(guest.line);
}

/* Neither a shutdown nor a reset needs the bit. */
static void life(void **state)
{
	const uint32_t enabled = guest_read32(&guest, REG_CC);

	(void)state;
	guest.hold = true;
	put_read(0);
	guest_work(&guest);
	master(false);
	guest_write32(&guest, REG_CC, enabled | 1 << CC_SHN_SHIFT);
	guest_work(&guest);
	assert_int_equal(guest_read32(&guest, REG_CSTS), CSTS_RDY | CSTS_SHST_BUSY);
	guest_release(&guest, 1);
	guest_work(&guest);
	assert_int_equal(guest_read32(&guest, REG_CSTS), CSTS_RDY | CSTS_SHST_DONE);
	guest_write32(&guest, REG_CC, 0);
	guest_work(&guest);
	assert_int_equal(guest_read32(&guest, REG_CSTS), CSTS_RDY | CSTS_SHST_DONE);
	guest_release(&guest, 0);
	guest_work(&guest);
	assert_int_equal(guest_read32(&guest, REG_CSTS), 0);
	guest_write32(&guest, REG_CC, enabled);
	assert_int_equal(guest_read32(&guest, REG_CSTS), CSTS_RDY);
	guest.hold = false;
	guest_write32(&guest, REG_CC, 0);
	guest_enable(&guest);
	guest_queue(&guest, 1, 16);
	put_read(0);
	guest_work(&guest);
	assert_int_equal(take(1), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(fetches_nothing, start, end),
		cmocka_unit_test_setup_teardown(posts_nothing, start, end),
		cmocka_unit_test_setup_teardown(copies_nothing, start, end),
		cmocka_unit_test_setup_teardown(buffer, start, end),
		cmocka_unit_test_setup_teardown(line, start, end),
		cmocka_unit_test_setup_teardown(life, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
