/* SPDX-License-Identifier: MIT */
/* NVMe: the I/O commands, on a disk in memory. */
#include <errno.h>

#include "tests/unit/nvme_stage.h"

enum { DEALLOCATE = 1 << 25, FUA = 1 << 30 };

static int start(void **state)
{
	(void)state;
	return begin(4, 64);
}

static unsigned blocks(uint8_t opcode, uint64_t first, unsigned count, uint64_t address)
{
	guest_blocks(&guest, sqe, opcode, first, count, address, 0);
	return guest_do(&guest, 1, sqe, NULL);
}

static void fill(uint64_t address, size_t length, unsigned seed)
{
	for (size_t i = 0; i < length; i++)
		guest_at(&guest, address)[i] = (uint8_t)(seed + i * 3);
}

static void reads_and_writes(void **state)
{
	(void)state;
	assert_int_equal(blocks(IO_READ, 5, 8, GUEST_DATA), NVME_SUCCESS);
	assert_memory_equal(guest_at(&guest, GUEST_DATA), guest.blocks + 5 * NVME_BLOCK, 4096);
	fill(GUEST_DATA, 1024, 9);
	assert_int_equal(blocks(IO_WRITE, 100, 2, GUEST_DATA), NVME_SUCCESS);
	assert_memory_equal(guest_at(&guest, GUEST_DATA), guest.blocks + 100 * NVME_BLOCK, 1024);
	assert_int_equal(guest.signals[1], 2);
	assert_int_equal(guest.durable, 0);
}

/* A write with Force Unit Access, or without a cache, is on the disk when it is done. */
static void durable_writes(void **state)
{
	(void)state;
	guest_blocks(&guest, sqe, IO_WRITE, 0, 1, GUEST_DATA, 0);
	put32(sqe + 48, 1U << 30);
	assert_int_equal(guest_do(&guest, 1, sqe, NULL), NVME_SUCCESS);
	assert_int_equal(guest.durable, 1);
	assert_int_equal(blocks(IO_WRITE, 0, 1, GUEST_DATA), NVME_SUCCESS);
	assert_int_equal(guest.durable, 1);
	guest_command(&guest, sqe, ADMIN_SET_FEATURES, 0);
	sqe[40] = 6;
	assert_int_equal(guest_do(&guest, 0, sqe, NULL), NVME_SUCCESS);
	assert_int_equal(blocks(IO_WRITE, 0, 1, GUEST_DATA), NVME_SUCCESS);
	assert_int_equal(guest.durable, 2);
}

static void checks_ranges(void **state)
{
	const uint64_t all = GUEST_DISK / NVME_BLOCK;
	static const uint8_t opcodes[] = {IO_READ, IO_WRITE, IO_COMPARE, IO_WRITE_ZEROES};

	(void)state;
	for (unsigned i = 0; i < sizeof(opcodes); i++) {
		assert_int_equal(blocks(opcodes[i], all, 1, GUEST_DATA), NVME_LBA_RANGE);
		assert_int_equal(blocks(opcodes[i], all - 1, 2, GUEST_DATA), NVME_LBA_RANGE);
		assert_int_equal(blocks(opcodes[i], UINT64_MAX, 2, GUEST_DATA), NVME_LBA_RANGE);
		assert_int_equal(blocks(opcodes[i], UINT64_MAX / NVME_BLOCK + 1, 1, GUEST_DATA),
				 NVME_LBA_RANGE);
		guest_blocks(&guest, sqe, opcodes[i], 0, 1, GUEST_DATA, 0);
		put32(sqe + 4, 2);
		assert_int_equal(guest_do(&guest, 1, sqe, NULL), NVME_INVALID_NAMESPACE);
		put32(sqe + 4, 0);
		assert_int_equal(guest_do(&guest, 1, sqe, NULL), NVME_INVALID_NAMESPACE);
	}
	assert_int_equal(guest.counts[DISK_READ] + guest.counts[DISK_WRITE] + guest.counts[DISK_ZERO], 0);
	assert_int_equal(blocks(IO_READ, all - 1, 1, GUEST_DATA), NVME_SUCCESS);
}

static void limits_a_transfer(void **state)
{
	uint64_t list = GUEST_DATA;

	(void)state;
	for (unsigned i = 0; i < 128; i++)
		put64(guest_at(&guest, list + 8 * i), GUEST_DATA + 0x10000 + i * NVME_PAGE);
	guest_blocks(&guest, sqe, IO_READ, 0, 1024, GUEST_DATA + 0xf000, list);
	assert_int_equal(guest_do(&guest, 1, sqe, NULL), NVME_SUCCESS);
	assert_memory_equal(guest_at(&guest, GUEST_DATA + 0xf000), guest.blocks, 512 * 1024);
	guest_blocks(&guest, sqe, IO_READ, 0, 1025, GUEST_DATA + 0xf000, list);
	assert_int_equal(guest_do(&guest, 1, sqe, NULL), NVME_INVALID_FIELD);
}

/* What the disk says becomes a status that lets the guest retry what may work. */
static void tells_errors(void **state)
{
	static const struct {
		uint8_t opcode;
		int error;
		unsigned status;
	} rows[] = {
		{IO_READ, -EIO, NVME_READ_ERROR},          {IO_WRITE, -EIO, NVME_WRITE_FAULT},
		{IO_WRITE, -ENOSPC, NVME_CAPACITY},        {IO_WRITE, -EDQUOT, NVME_CAPACITY},
		{IO_READ, -EFAULT, NVME_DATA_TRANSFER},    {IO_READ, -ENOMEM, NVME_INTERNAL},
		{IO_WRITE_ZEROES, -EIO, NVME_WRITE_FAULT},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		guest.fail = rows[i].error;
		assert_int_equal(blocks(rows[i].opcode, 0, 1, GUEST_DATA), rows[i].status);
		assert_int_equal(blocks(rows[i].opcode, 0, 1, GUEST_DATA), NVME_SUCCESS);
	}
	assert_int_equal(guest.said, 1);
}

/* After a flush that failed, what was written before may be lost: no later one may claim the contrary. */
static void flushes(void **state)
{
	(void)state;
	guest_command(&guest, sqe, IO_FLUSH, 1);
	assert_int_equal(guest_do(&guest, 1, sqe, NULL), NVME_SUCCESS);
	put32(sqe + 4, UINT32_MAX);
	assert_int_equal(guest_do(&guest, 1, sqe, NULL), NVME_SUCCESS);
	assert_int_equal(guest.counts[DISK_FLUSH], 2);
	put32(sqe + 4, 7);
	assert_int_equal(guest_do(&guest, 1, sqe, NULL), NVME_INVALID_NAMESPACE);
	put32(sqe + 4, 1);
	guest.fail = -EIO;
	assert_int_equal(guest_do(&guest, 1, sqe, NULL), NVME_WRITE_FAULT);
	assert_int_equal(guest_do(&guest, 1, sqe, NULL), NVME_WRITE_FAULT);
	assert_int_equal(guest.counts[DISK_FLUSH], 3);
}

/* A durable write that failed may have lost what a flush promises; a lack of room or of memory did not. */
static void durable_writes_that_fail(void **state)
{
	static const struct {
		uint32_t flags;
		int error;
		bool lost;
	} rows[] = {
		{FUA, -EFAULT, false}, {FUA, -ENOSPC, false}, {FUA, -EDQUOT, false},
		{0, -EIO, false},      {FUA, -EIO, true},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		guest_blocks(&guest, sqe, IO_WRITE, 0, 1, GUEST_DATA, 0);
		put32(sqe + 48, rows[i].flags);
		guest.fail = rows[i].error;
		assert_int_not_equal(guest_do(&guest, 1, sqe, NULL), NVME_SUCCESS);
		guest_command(&guest, sqe, IO_FLUSH, 1);
		assert_int_equal(guest_do(&guest, 1, sqe, NULL),
				 rows[i].lost ? NVME_WRITE_FAULT : NVME_SUCCESS);
	}
}

/* A flush is completed after the disk has done it, and not when it was taken. */
static void flush_waits_for_the_disk(void **state)
{
	struct guest_completion completion;

	(void)state;
	guest.hold = true;
	guest_command(&guest, sqe, IO_FLUSH, 1);
	guest_put(&guest, 1, sqe);
	guest_work(&guest);
	assert_false(guest_take(&guest, 1, &completion));
	guest_release(&guest, 0);
	guest_work(&guest);
	assert_true(guest_take(&guest, 1, &completion));
	assert_int_equal(completion.status, NVME_SUCCESS);
}

static void compares(void **state)
{
	(void)state;
	memcpy(guest_at(&guest, GUEST_DATA), guest.blocks, 8192);
	guest_blocks(&guest, sqe, IO_COMPARE, 0, 16, GUEST_DATA, GUEST_DATA + NVME_PAGE);
	assert_int_equal(guest_do(&guest, 1, sqe, NULL), NVME_SUCCESS);
	guest_at(&guest, GUEST_DATA)[8191] ^= 1;
	assert_int_equal(guest_do(&guest, 1, sqe, NULL), NVME_COMPARE_FAILURE);
}

static bool is_zero(uint64_t offset, uint64_t length)
{
	for (uint64_t i = offset; i < offset + length; i++)
		if (guest.blocks[i])
			return false;
	return true;
}

static void write_zeros(unsigned flags, uint64_t first, unsigned count)
{
	guest_blocks(&guest, sqe, IO_WRITE_ZEROES, first, count, 0, 0);
	put32(sqe + 48, (count - 1) | flags);
	assert_int_equal(guest_do(&guest, 1, sqe, NULL), NVME_SUCCESS);
	assert_true(is_zero(first * NVME_BLOCK, count * (uint64_t)NVME_BLOCK));
	assert_false(is_zero(first * NVME_BLOCK - 3, 3));
	assert_false(is_zero((first + count) * NVME_BLOCK, 3));
}

static void writes_zeros(void **state)
{
	(void)state;
	write_zeros(0, 1, 3);
	assert_int_equal(guest.counts[DISK_ZERO], 1);
	write_zeros(DEALLOCATE, 10, 3);
	assert_int_equal(guest.counts[DISK_DISCARD], 1);
	assert_int_equal(guest.counts[DISK_FLUSH], 0);
	write_zeros(FUA, 20, 1);
	assert_int_equal(guest.counts[DISK_FLUSH], 1);
	guest.no_discard = true;
	write_zeros(DEALLOCATE, 30, 3);
	assert_int_equal(guest.counts[DISK_ZERO], 3);
}

/* A file system without zeros gets them written, in several parts if they are many. */
static void writes_zeros_by_hand(void **state)
{
	(void)state;
	guest.no_zero = guest.no_discard = true;
	write_zeros(DEALLOCATE, 3, 8000);
	assert_int_equal(guest.counts[DISK_WRITE], 1);
	write_zeros(FUA, 8100, 1);
	assert_int_equal(guest.counts[DISK_WRITE], 2);
	assert_int_equal(guest.counts[DISK_FLUSH], 1);
}

static void range(unsigned index, uint64_t first, uint32_t count)
{
	uint8_t *at = guest_at(&guest, GUEST_DATA + index * 16);

	put32(at + 4, count);
	put64(at + 8, first);
}

static unsigned dataset(unsigned count, unsigned attributes)
{
	guest_command(&guest, sqe, IO_DATASET, 1);
	put64(sqe + 24, GUEST_DATA);
	put32(sqe + 40, count - 1);
	put32(sqe + 44, attributes);
	return guest_do(&guest, 1, sqe, NULL);
}

static void deallocates(void **state)
{
	(void)state;
	range(0, 2, 2);
	range(1, 77, 0);
	range(2, 10, 5);
	assert_int_equal(dataset(3, 3), NVME_SUCCESS);
	assert_int_equal(guest.counts[DISK_DISCARD], 0);
	assert_int_equal(dataset(3, 4), NVME_SUCCESS);
	assert_int_equal(guest.counts[DISK_DISCARD], 2);
	assert_true(is_zero(2 * NVME_BLOCK, 2 * NVME_BLOCK) && is_zero(10 * NVME_BLOCK, 5 * NVME_BLOCK));
	assert_false(is_zero(4 * NVME_BLOCK, 3));
	range(2, GUEST_DISK / NVME_BLOCK, 1);
	assert_int_equal(dataset(3, 4), NVME_LBA_RANGE);
	range(2, UINT64_MAX, UINT32_MAX);
	assert_int_equal(dataset(3, 4), NVME_LBA_RANGE);
	for (unsigned i = 0; i < 256; i++)
		range(i, i, 1);
	assert_int_equal(dataset(256, 4), NVME_SUCCESS);
	guest.no_discard = true;
	assert_int_equal(dataset(256, 4), NVME_SUCCESS);
	guest.fail = -EIO;
	assert_int_equal(dataset(1, 4), NVME_WRITE_FAULT);
}

static void readonly(void **state)
{
	(void)state;
	guest.disk.readonly = true;
	range(0, 2, 2);
	assert_int_equal(blocks(IO_WRITE, 0, 1, GUEST_DATA), NVME_WRITE_PROTECTED);
	assert_int_equal(blocks(IO_WRITE_ZEROES, 0, 1, GUEST_DATA), NVME_WRITE_PROTECTED);
	assert_int_equal(dataset(1, 4), NVME_WRITE_PROTECTED);
	assert_int_equal(blocks(IO_READ, 0, 1, GUEST_DATA), NVME_SUCCESS);
	assert_int_equal(guest.counts[DISK_WRITE] + guest.counts[DISK_ZERO] + guest.counts[DISK_DISCARD], 0);
}

static void refuses_others(void **state)
{
	struct guest_completion completion;

	(void)state;
	guest_command(&guest, sqe, 0x7f, 1);
	guest_put(&guest, 1, sqe);
	guest_work(&guest);
	assert_true(guest_take(&guest, 1, &completion));
	assert_int_equal(completion.status, NVME_INVALID_OPCODE);
	assert_true(completion.final);
	guest_blocks(&guest, sqe, IO_READ, 0, 1, GUEST_DATA, 0);
	sqe[1] = 1; /* the first of two fused commands */
	assert_int_equal(guest_do(&guest, 1, sqe, NULL), NVME_INVALID_FIELD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_and_writes, start, end),
		cmocka_unit_test_setup_teardown(durable_writes, start, end),
		cmocka_unit_test_setup_teardown(checks_ranges, start, end),
		cmocka_unit_test_setup_teardown(limits_a_transfer, start, end),
		cmocka_unit_test_setup_teardown(tells_errors, start, end),
		cmocka_unit_test_setup_teardown(flushes, start, end),
		cmocka_unit_test_setup_teardown(durable_writes_that_fail, start, end),
		cmocka_unit_test_setup_teardown(flush_waits_for_the_disk, start, end),
		cmocka_unit_test_setup_teardown(compares, start, end),
		cmocka_unit_test_setup_teardown(writes_zeros, start, end),
		cmocka_unit_test_setup_teardown(writes_zeros_by_hand, start, end),
		cmocka_unit_test_setup_teardown(deallocates, start, end),
		cmocka_unit_test_setup_teardown(readonly, start, end),
		cmocka_unit_test_setup_teardown(refuses_others, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
