/* SPDX-License-Identifier: MIT */
/* NVMe: registers, enabling, shutdown, resets with commands in flight, and memory that goes. */
#include <errno.h>

#include "tests/unit/nvme_stage.h"

static const uint32_t enabled = CC_EN | 6 << 16 | 4 << 20;

static int start(void **state)
{
	(void)state;
	guest_start(&guest, 2);
	return 0;
}

static void put_reads(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		guest_blocks(&guest, sqe, IO_READ, i, 1, GUEST_DATA + i * NVME_PAGE, 0);
		guest_put(&guest, 1, sqe);
	}
	guest_work(&guest);
}

static void registers(void **state)
{
	uint8_t bytes[64];

	(void)state;
	assert_int_equal(guest_read32(&guest, REG_VS), NVME_VERSION);
	assert_int_equal(guest_read32(&guest, REG_CAP) & 0xffff, NVME_ENTRIES_MAX - 1);
	guest_write32(&guest, REG_CAP, 0);
	guest_write32(&guest, REG_CSTS, 0xffffffff);
	assert_int_equal(guest_read32(&guest, REG_CSTS), 0);
	guest_write32(&guest, REG_AQA, 0xffffffff);
	assert_int_equal(guest_read32(&guest, REG_AQA), 0x0fff0fff);
	put64(bytes, 0x123456789abcdfff);
	nvme_register_write(guest.ctl, REG_ASQ, bytes, 8);
	nvme_register_write(guest.ctl, REG_ACQ, bytes, 4);
	guest_write32(&guest, REG_ACQ + 4, 7);
	nvme_register_read(guest.ctl, REG_ASQ, bytes, 16);
	assert_true(get64(bytes) == 0x123456789abcd000 && get64(bytes + 8) == 0x79abcd000);
	guest_write32(&guest, REG_INTMS, 5);
	guest_write32(&guest, REG_INTMC, 1);
	assert_int_equal(guest_read32(&guest, REG_INTMS), 4);
	assert_int_equal(guest_read32(&guest, REG_INTMC), 4);
	/* Odd accesses: nothing is written; what is read is the same bytes, and zeros beyond. */
	nvme_register_write(guest.ctl, REG_INTMS, bytes, 2);
	nvme_register_write(guest.ctl, REG_INTMS + 1, bytes, 4);
	assert_int_equal(guest_read32(&guest, REG_INTMS), 4);
	nvme_register_read(guest.ctl, REG_VS + 1, bytes, 3);
	assert_int_equal(bytes[1], 1);
	memset(bytes, 0xff, sizeof(bytes));
	nvme_register_read(guest.ctl, REG_END - 8, bytes, sizeof(bytes));
	nvme_register_read(guest.ctl, 0x3ff8, bytes + 32, 8);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(bytes[i], 0);
}

static void enabling(void **state)
{
	static const struct {
		uint32_t aqa, cc;
		bool works;
	} rows[] = {
		{15 << 16 | 15, 0x00460001, true},
		{15 << 16 | 15, 0x00000001, true},
		{4095 << 16 | 4095, 0x00460001, true},
		{0, 0x00460001, false},
		{15, 0x00460001, false},
		{15 << 16, 0x00460001, false},
		{15 << 16 | 15, 0x00460011, false}, /* another command set */
		{15 << 16 | 15, 0x00460081, false}, /* pages of 8 KiB */
		{15 << 16 | 15, 0x00460801, false}, /* weighted arbitration */
		{15 << 16 | 15, 0x00470001, false},
		{15 << 16 | 15, 0x00560001, false},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		guest_write32(&guest, REG_AQA, rows[i].aqa);
		guest_write32(&guest, REG_CC, rows[i].cc);
		assert_int_equal(guest_read32(&guest, REG_CSTS), rows[i].works ? CSTS_RDY : CSTS_CFS);
		guest_work(&guest);
		guest_write32(&guest, REG_CC, rows[i].cc & ~1U);
		assert_int_equal(guest_read32(&guest, REG_CSTS), 0);
	}
}

/* Queues in memory that is not there, or that goes, are a fatal error until the next reset. */
static void lost_memory(void **state)
{
	(void)state;
	guest.mastering = true;
	guest_write32(&guest, REG_AQA, 15 << 16 | 15);
	guest_write32(&guest, REG_CC, enabled);
	guest_write32(&guest, REG_DOORBELLS, 1);
	guest_work(&guest);
	assert_int_equal(guest_read32(&guest, REG_CSTS), CSTS_RDY | CSTS_CFS);
	guest_write32(&guest, REG_CC, 0);
	guest_enable(&guest);
	guest_queue(&guest, 1, 16);
	guest.hole = guest_cq(1);
	guest.hole_length = 16;
	nvme_memory_changed(guest.ctl);
	put_reads(1);
	assert_int_equal(guest_read32(&guest, REG_CSTS), CSTS_RDY | CSTS_CFS);
	guest_work(&guest);
	guest.hole_length = 0;
	nvme_memory_changed(guest.ctl);
	guest_write32(&guest, REG_CC, 0);
	assert_int_equal(guest_read32(&guest, REG_CSTS), 0);
	guest_enable(&guest);
	guest_queue(&guest, 1, 16);
	put_reads(1);
	assert_int_equal(guest_read32(&guest, REG_CSTS), CSTS_RDY);
}

/* A reset by the guest waits for the disk: what it still writes is the old driver's memory. */
static void reset_in_flight(void **state)
{
	struct guest_completion completion;

	(void)state;
	guest_enable(&guest);
	guest_queue(&guest, 1, 16);
	guest.hold = true;
	put_reads(3);
	guest_write32(&guest, REG_CC, 0);
	guest_work(&guest);
	assert_int_equal(guest_read32(&guest, REG_CSTS), CSTS_RDY);
	guest_release(&guest, 1);
	guest_release(&guest, 0);
	guest_work(&guest);
	assert_int_equal(guest_read32(&guest, REG_CSTS), CSTS_RDY);
	/* Enabled again before it was done: that comes after it. */
	guest_write32(&guest, REG_CC, enabled);
	guest_release(&guest, 0);
	guest_work(&guest);
	assert_int_equal(guest_read32(&guest, REG_CSTS), CSTS_RDY);
	assert_false(guest_take(&guest, 1, &completion));
	guest.hold = false;
	guest_enable(&guest);
	guest_queue(&guest, 1, 16);
	put_reads(1);
	assert_true(guest_take(&guest, 1, &completion));
	assert_false(guest_take(&guest, 1, &completion));
}

/* A reset by the client, and its end, return when nothing is in flight. */
static void client_reset(void **state)
{
	struct guest_completion completion;

	(void)state;
	guest_enable(&guest);
	guest_queue(&guest, 1, 16);
	guest.hold = true;
	put_reads(5);
	nvme_reset(guest.ctl);
	guest.mastering = false;
	assert_int_equal(guest.held_count, 0);
	assert_int_equal(guest.waits, 5);
	assert_int_equal(guest_read32(&guest, REG_CSTS), 0);
	assert_int_equal(guest_read32(&guest, REG_CC), 0);
	assert_int_equal(guest_read32(&guest, REG_AQA), 0);
	guest_work(&guest);
	assert_false(guest_take(&guest, 1, &completion));
	put_reads(5);
}

/* When guest memory goes, the disk is waited for; the commands are completed after that. */
static void drains(void **state)
{
	struct guest_completion completion;

	(void)state;
	guest_enable(&guest);
	guest_queue(&guest, 1, 16);
	guest.hold = true;
	put_reads(2);
	nvme_drain(guest.ctl);
	assert_int_equal(guest.held_count, 0);
	assert_false(guest_take(&guest, 1, &completion));
	guest_work(&guest);
	assert_true(guest_take(&guest, 1, &completion));
	assert_true(guest_take(&guest, 1, &completion));
}

static void shutdown(void **state)
{
	(void)state;
	guest_enable(&guest);
	guest_queue(&guest, 1, 16);
	guest.hold = true;
	guest_write32(&guest, REG_CC, enabled | 1 << CC_SHN_SHIFT);
	guest_work(&guest);
	assert_int_equal(guest_read32(&guest, REG_CSTS), CSTS_RDY | CSTS_SHST_BUSY);
	guest_write32(&guest, REG_CC, enabled | 2 << CC_SHN_SHIFT);
	assert_int_equal(guest.held_count, 1);
	guest_release(&guest, 0);
	guest_work(&guest);
	assert_int_equal(guest_read32(&guest, REG_CSTS), CSTS_RDY | CSTS_SHST_DONE);
	assert_int_equal(guest.counts[DISK_FLUSH], 1);
	guest_write32(&guest, REG_CC, 0);
	assert_int_equal(guest_read32(&guest, REG_CSTS), 0);
	/* A flush that fails is no silent end. */
	guest_enable(&guest);
	guest.hold = false;
	guest.fail = -EIO;
	guest_write32(&guest, REG_CC, enabled | 1 << CC_SHN_SHIFT);
	guest_work(&guest);
	assert_int_equal(guest_read32(&guest, REG_CSTS), CSTS_RDY | CSTS_SHST_DONE | CSTS_CFS);
	assert_int_equal(guest.said, 1);
	/* Of a controller that is not enabled; enabling it begins anew. */
	guest_write32(&guest, REG_CC, 0);
	guest.hold = true;
	guest.fail = -EIO;
	guest_write32(&guest, REG_CC, 1 << CC_SHN_SHIFT);
	guest_write32(&guest, REG_CC, enabled);
	assert_int_equal(guest_read32(&guest, REG_CSTS), CSTS_SHST_BUSY);
	guest_release(&guest, 0);
	guest_work(&guest);
	assert_int_equal(guest_read32(&guest, REG_CSTS), CSTS_RDY);
}

static void guest_resets(void)
{
	guest_write32(&guest, REG_CC, 0);
	guest_work(&guest);
	while (guest.held_count)
		guest_release(&guest, 0);
	guest_work(&guest);
}

static void client_resets(void)
{
	nvme_reset(guest.ctl);
}

/* A reset drops a flush, or that of a shutdown, which fails meanwhile: no later one may succeed. */
static void flush_fails_in_a_reset(void **state)
{
	static void (*const resets[])(void) = {guest_resets, client_resets};

	for (unsigned i = 0; i < 4; i++) {
		guest_enable(&guest);
		guest_queue(&guest, 1, 16);
		guest.hold = true;
		if (i % 2) {
			guest_write32(&guest, REG_CC, enabled | 1 << CC_SHN_SHIFT);
		} else {
			guest_command(&guest, sqe, IO_FLUSH, 1);
			guest_put(&guest, 1, sqe);
		}
		guest_work(&guest);
		assert_int_equal(guest.held_count, 1);
		guest.fail = -EIO;
		resets[i / 2]();
		assert_int_equal(guest.held_count, 0);
		guest.hold = false;
		guest_enable(&guest);
		guest_queue(&guest, 1, 16);
		guest_command(&guest, sqe, IO_FLUSH, 1);
		assert_int_equal(guest_do(&guest, 1, sqe, NULL), NVME_WRITE_FAULT);
		guest_write32(&guest, REG_CC, enabled | 1 << CC_SHN_SHIFT);
		guest_work(&guest);
		assert_int_equal(guest_read32(&guest, REG_CSTS), CSTS_RDY | CSTS_SHST_DONE | CSTS_CFS);
		end(state);
		start(state);
	}
}

/* A fault of the guest leaves the first error of the image to be told. */
static void tells_each_kind_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		guest_write32(&guest, REG_AQA, 0);
		guest_write32(&guest, REG_CC, enabled);
		assert_int_equal(guest_read32(&guest, REG_CSTS), CSTS_CFS);
		guest_write32(&guest, REG_CC, 0);
		assert_int_equal(guest.said, 1 + i);
		guest_enable(&guest);
		guest_queue(&guest, 1, 16);
		guest.fail = -EIO;
		put_reads(1);
		assert_int_equal(guest.said, 2);
		guest_write32(&guest, REG_CC, 0);
	}
}

/*
 * The process was started again behind a driver that believes its controller to be
 * enabled: it finds that it failed, until it writes CC.
 */
static void driver_without_controller(void **state)
{
	(void)state;
	assert_int_equal(guest_read32(&guest, REG_CSTS), 0);
	guest.mastering = true;
	assert_int_equal(guest_read32(&guest, REG_CSTS), CSTS_CFS);
	guest_write32(&guest, REG_DOORBELLS + 8, 3);
	guest_work(&guest);
	assert_int_equal(guest_read32(&guest, REG_CSTS), CSTS_CFS);
	guest_write32(&guest, REG_CC, 0);
	assert_int_equal(guest_read32(&guest, REG_CSTS), 0);
	guest_enable(&guest);
	nvme_reset(guest.ctl);
	assert_int_equal(guest_read32(&guest, REG_CSTS), CSTS_CFS);
}

/* Without MSI-X the line is up as long as there is something that the guest has not taken. */
static void line(void **state)
{
	struct guest_completion completion;

	(void)state;
	guest.pin = true;
	guest_enable(&guest);
	guest_queue(&guest, 1, 16);
	assert_false(guest.line);
	put_reads(2);
	assert_true(guest.line);
	guest_write32(&guest, REG_INTMS, 1 << 1);
	assert_false(guest.line);
	guest_write32(&guest, REG_INTMC, 1 << 1);
	assert_true(guest.line);
	assert_true(guest_take(&guest, 1, &completion));
	assert_true(guest.line);
	assert_true(guest_take(&guest, 1, &completion));
	assert_false(guest.line);
	put_reads(1);
	guest_write32(&guest, REG_CC, 0);
	assert_false(guest.line);
}

/* What waits at the end is waited for. */
static void free_in_flight(void **state)
{
	(void)state;
	guest_enable(&guest);
	guest_queue(&guest, 1, 16);
	guest.hold = true;
	put_reads(3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(registers, start, end),
		cmocka_unit_test_setup_teardown(enabling, start, end),
		cmocka_unit_test_setup_teardown(lost_memory, start, end),
		cmocka_unit_test_setup_teardown(reset_in_flight, start, end),
		cmocka_unit_test_setup_teardown(client_reset, start, end),
		cmocka_unit_test_setup_teardown(drains, start, end),
		cmocka_unit_test_setup_teardown(shutdown, start, end),
		cmocka_unit_test_setup_teardown(flush_fails_in_a_reset, start, end),
		cmocka_unit_test_setup_teardown(tells_each_kind_once, start, end),
		cmocka_unit_test_setup_teardown(driver_without_controller, start, end),
		cmocka_unit_test_setup_teardown(line, start, end),
		cmocka_unit_test_setup_teardown(free_in_flight, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
