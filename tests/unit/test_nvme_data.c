/* SPDX-License-Identifier: MIT */
/* NVMe: PRP and SGL lists, good and bad, and memory that is reached by messages alone. */
#include "tests/unit/nvme_stage.h"

static int start(void **state)
{
	(void)state;
	return begin(1, 64);
}

static unsigned read_prp(unsigned count, uint64_t prp1, uint64_t prp2)
{
	guest_blocks(&guest, sqe, IO_READ, 0, count, prp1, prp2);
	return guest_do(&guest, 1, sqe, NULL);
}

static void equals(uint64_t address, uint64_t offset, size_t length)
{
	assert_memory_equal(guest_at(&guest, address), guest.blocks + offset, length);
}

enum { LIST = GUEST_DATA + 0x1000, PAGES = GUEST_DATA + 0x10000 };

static void entry(unsigned index, uint64_t address)
{
	put64(guest_at(&guest, LIST + 8 * index), address);
}

/* Pages in the reverse order, so that no two become one piece. */
static uint64_t reverse_page(unsigned index)
{
	return PAGES + (200 - index) * (uint64_t)NVME_PAGE;
}

static void prps(void **state)
{
	(void)state;
	assert_int_equal(read_prp(1, PAGES + 0x204, 0), NVME_SUCCESS);
	equals(PAGES + 0x204, 0, 512);
	/* Over the end of the first page. */
	assert_int_equal(read_prp(8, PAGES + 0x200, PAGES + 0x5000), NVME_SUCCESS);
	equals(PAGES + 0x200, 0, 0xe00);
	equals(PAGES + 0x5000, 0xe00, 0x200);
	/* A list that starts inside its page. */
	for (unsigned i = 0; i < 3; i++)
		entry(5 + i, reverse_page(i));
	assert_int_equal(read_prp(32, PAGES, LIST + 40), NVME_SUCCESS);
	for (unsigned i = 0; i < 3; i++)
		equals(reverse_page(i), (i + 1) * NVME_PAGE, NVME_PAGE);
}

/* The last entry of a page of a list leads to the next page if entries are left, and is one if not. */
static void prp_lists_go_on(void **state)
{
	(void)state;
	entry(510, reverse_page(0));
	entry(511, LIST + 0x1000);
	for (unsigned i = 0; i < 4; i++)
		entry(512 + i, reverse_page(1 + i));
	assert_int_equal(read_prp(48, PAGES, LIST + 510 * 8), NVME_SUCCESS);
	for (unsigned i = 0; i < 5; i++)
		equals(reverse_page(i), (i + 1) * NVME_PAGE, NVME_PAGE);
	entry(511, reverse_page(6));
	assert_int_equal(read_prp(24, PAGES, LIST + 510 * 8), NVME_SUCCESS);
	equals(reverse_page(6), 2 * NVME_PAGE, NVME_PAGE);
	/* Nothing but the link is in the first page. */
	entry(511, LIST + 0x1000);
	assert_int_equal(read_prp(24, PAGES, LIST + 511 * 8), NVME_SUCCESS);
	equals(reverse_page(1), NVME_PAGE, NVME_PAGE);
	equals(reverse_page(2), 2 * NVME_PAGE, NVME_PAGE);
}

static void bad_prps(void **state)
{
	(void)state;
	assert_int_equal(read_prp(1, PAGES + 2, 0), NVME_PRP_OFFSET);
	assert_int_equal(read_prp(16, PAGES, PAGES + 0x1004), NVME_PRP_OFFSET);
	assert_int_equal(read_prp(24, PAGES, LIST + 4), NVME_PRP_OFFSET);
	entry(0, PAGES + 0x1000);
	entry(1, PAGES + 0x2010);
	assert_int_equal(read_prp(24, PAGES, LIST), NVME_PRP_OFFSET);
	entry(511, LIST + 8);
	assert_int_equal(read_prp(24, PAGES, LIST + 511 * 8), NVME_PRP_OFFSET);
	/* Memory that is not there. */
	assert_int_equal(read_prp(1, 0, 0), NVME_DATA_TRANSFER);
	assert_int_equal(read_prp(1, UINT64_MAX - 0x1ff, 0), NVME_DATA_TRANSFER);
	assert_int_equal(read_prp(8, UINT64_MAX - 0xfff, 0), NVME_DATA_TRANSFER);
	assert_int_equal(read_prp(16, PAGES, GUEST_BASE + GUEST_SIZE), NVME_DATA_TRANSFER);
	assert_int_equal(read_prp(24, PAGES, GUEST_BASE + GUEST_SIZE), NVME_DATA_TRANSFER);
	guest.hole = PAGES + 0x1000;
	guest.hole_length = 1;
	assert_int_equal(read_prp(16, PAGES, PAGES + 0x1000), NVME_DATA_TRANSFER);
	assert_int_equal(guest.counts[DISK_READ], 0);
}

static void descriptor(uint8_t *at, unsigned type, uint64_t address, uint32_t length)
{
	put64(at, address);
	put32(at + 8, length);
	put32(at + 12, type << 28);
}

static void in_list(unsigned index, unsigned type, uint64_t address, uint32_t length)
{
	descriptor(guest_at(&guest, LIST + 16 * index), type, address, length);
}

static unsigned read_sgl(unsigned count, unsigned type, uint64_t address, uint32_t length)
{
	guest_blocks(&guest, sqe, IO_READ, 0, count, 0, 0);
	sqe[1] = 1 << 6;
	descriptor(sqe + 24, type, address, length);
	return guest_do(&guest, 1, sqe, NULL);
}

enum { DATA = 0, BUCKET = 1, SEGMENT = 2, LAST = 3, KEYED = 4 };

static void sgls(void **state)
{
	(void)state;
	assert_int_equal(read_sgl(2, DATA, PAGES + 1, 1024), NVME_SUCCESS);
	equals(PAGES + 1, 0, 1024);
	in_list(0, DATA, PAGES + 0x1000, 1000);
	in_list(1, DATA, 0, 0);
	in_list(2, DATA, PAGES + 0x3000, 24);
	assert_int_equal(read_sgl(2, LAST, LIST, 48), NVME_SUCCESS);
	equals(PAGES + 0x1000, 0, 1000);
	equals(PAGES + 0x3000, 1000, 24);
	/* A segment, then the last one. */
	in_list(0, DATA, PAGES + 0x5000, 512);
	in_list(1, LAST, LIST + 0x800, 16);
	in_list(128, DATA, PAGES + 0x7000, 512);
	assert_int_equal(read_sgl(2, SEGMENT, LIST, 32), NVME_SUCCESS);
	equals(PAGES + 0x5000, 0, 512);
	equals(PAGES + 0x7000, 512, 512);
	/* More descriptors than are read at once. */
	for (unsigned i = 0; i < 128; i++)
		in_list(i, DATA, reverse_page(i), 512);
	assert_int_equal(read_sgl(128, LAST, LIST, 2048), NVME_SUCCESS);
	for (unsigned i = 0; i < 128; i++)
		equals(reverse_page(i), i * 512, 512);
}

static void bad_sgls(void **state)
{
	(void)state;
	assert_int_equal(read_sgl(2, DATA, PAGES, 1023), NVME_SGL_LENGTH);
	assert_int_equal(read_sgl(2, DATA, PAGES, 1025), NVME_SGL_LENGTH);
	assert_int_equal(read_sgl(2, BUCKET, PAGES, 1024), NVME_SGL_TYPE);
	assert_int_equal(read_sgl(2, KEYED, PAGES, 1024), NVME_SGL_TYPE);
	assert_int_equal(read_sgl(2, 15, PAGES, 1024), NVME_SGL_TYPE);
	assert_int_equal(read_sgl(2, DATA, UINT64_MAX - 100, 1024), NVME_DATA_TRANSFER);
	assert_int_equal(read_sgl(2, LAST, LIST, 0), NVME_SGL_SEGMENT);
	assert_int_equal(read_sgl(2, LAST, LIST, 24), NVME_SGL_SEGMENT);
	assert_int_equal(read_sgl(2, LAST, GUEST_BASE + GUEST_SIZE, 16), NVME_DATA_TRANSFER);
	/* A link that is not the last one, or is in a last segment. */
	in_list(0, LAST, LIST, 16);
	in_list(1, DATA, PAGES, 1024);
	assert_int_equal(read_sgl(2, SEGMENT, LIST, 32), NVME_SGL_SEGMENT);
	assert_int_equal(read_sgl(2, LAST, LIST, 16), NVME_SGL_SEGMENT);
	/* The data ends too early, or goes on. */
	in_list(0, DATA, PAGES, 512);
	in_list(1, DATA, PAGES, 511);
	assert_int_equal(read_sgl(2, LAST, LIST, 32), NVME_SGL_LENGTH);
	in_list(1, DATA, PAGES, 513);
	assert_int_equal(read_sgl(2, LAST, LIST, 32), NVME_SGL_LENGTH);
	/* Chains without an end, and too many pieces. */
	in_list(0, SEGMENT, LIST, 16);
	assert_int_equal(read_sgl(2, SEGMENT, LIST, 16), NVME_SGL_COUNT);
	for (unsigned i = 0; i < 250; i++)
		in_list(i, DATA, PAGES + (i % 2) * 64, 4);
	assert_int_equal(read_sgl(2, LAST, LIST, 4000), NVME_SGL_COUNT);
	assert_int_equal(guest.counts[DISK_READ], 0);
	/* PSDT: 2 is for metadata, 3 is reserved, and admin commands have PRPs. */
	guest_blocks(&guest, sqe, IO_READ, 0, 1, PAGES, 0);
	sqe[1] = 2 << 6;
	assert_int_equal(guest_do(&guest, 1, sqe, NULL), NVME_INVALID_FIELD);
	sqe[1] = 3 << 6;
	assert_int_equal(guest_do(&guest, 1, sqe, NULL), NVME_INVALID_FIELD);
	guest_command(&guest, sqe, ADMIN_IDENTIFY, 0);
	sqe[1] = 1 << 6;
	sqe[40] = 1;
	descriptor(sqe + 24, DATA, PAGES, 4096);
	assert_int_equal(guest_do(&guest, 0, sqe, NULL), NVME_INVALID_FIELD);
}

/* A piece may lie in two maps. */
static void crosses_maps(void **state)
{
	const uint64_t border = GUEST_PIECE;

	(void)state;
	assert_int_equal(read_sgl(4, DATA, border - 700, 2048), NVME_SUCCESS);
	equals(border - 700, 0, 2048);
	assert_int_equal(guest.messages, 0);
}

/* Memory without a descriptor goes through a buffer of ours, in both directions. */
static void remote_memory(void **state)
{
	(void)state;
	guest.remote = PAGES + 0x1000;
	guest.remote_length = 0x1000;
	assert_int_equal(read_prp(16, PAGES, PAGES + 0x1000), NVME_SUCCESS);
	equals(PAGES, 0, 8192);
	assert_true(guest.messages);
	memset(guest_at(&guest, PAGES), 0x5a, 8192);
	guest_blocks(&guest, sqe, IO_WRITE, 64, 16, PAGES, PAGES + 0x1000);
	assert_int_equal(guest_do(&guest, 1, sqe, NULL), NVME_SUCCESS);
	equals(PAGES, 64 * NVME_BLOCK, 8192);
	/* All of it: queues, lists and data. */
	guest.remote = GUEST_BASE;
	guest.remote_length = GUEST_SIZE;
	nvme_memory_changed(guest.ctl);
	entry(0, PAGES + 0x1000);
	entry(1, PAGES + 0x5000);
	assert_int_equal(read_prp(24, PAGES, LIST), NVME_SUCCESS);
	equals(PAGES + 0x5000, 8192, 4096);
	memcpy(guest_at(&guest, PAGES), guest.blocks, 1024);
	guest_blocks(&guest, sqe, IO_COMPARE, 0, 2, PAGES, 0);
	assert_int_equal(guest_do(&guest, 1, sqe, NULL), NVME_SUCCESS);
}

/* So does memory that direct I/O cannot reach. */
static void unaligned_memory(void **state)
{
	(void)state;
	guest.disk.alignment = guest.disk.granule = 512;
	assert_int_equal(read_prp(1, PAGES + 4, 0), NVME_SUCCESS);
	equals(PAGES + 4, 0, 512);
	in_list(0, DATA, PAGES, 100);
	in_list(1, DATA, PAGES + 0x200, 412);
	assert_int_equal(read_sgl(1, LAST, LIST, 32), NVME_SUCCESS);
	equals(PAGES + 0x200, 100, 412);
}

/* There are few such buffers: commands wait for one, in turn. */
static void buffers_are_waited_for(void **state)
{
	struct guest_completion completion;
	unsigned count = 0;

	(void)state;
	guest.remote = PAGES;
	guest.remote_length = 0x100000;
	guest.hold = true;
	for (unsigned i = 0; i < 20; i++) {
		guest_blocks(&guest, sqe, IO_READ, i, 1, PAGES + i * NVME_PAGE, 0);
		guest_put(&guest, 1, sqe);
	}
	guest_work(&guest);
	assert_in_range(guest.held_count, 1, 19);
	while (guest.held_count) {
		guest_release(&guest, 0);
		guest_work(&guest);
	}
	while (guest_take(&guest, 1, &completion)) {
		assert_int_equal(completion.status, NVME_SUCCESS);
		count++;
	}
	assert_int_equal(count, 20);
	for (unsigned i = 0; i < 20; i++)
		equals(PAGES + i * NVME_PAGE, i * NVME_BLOCK, NVME_BLOCK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(prps, start, end),
		cmocka_unit_test_setup_teardown(prp_lists_go_on, start, end),
		cmocka_unit_test_setup_teardown(bad_prps, start, end),
		cmocka_unit_test_setup_teardown(sgls, start, end),
		cmocka_unit_test_setup_teardown(bad_sgls, start, end),
		cmocka_unit_test_setup_teardown(crosses_maps, start, end),
		cmocka_unit_test_setup_teardown(remote_memory, start, end),
		cmocka_unit_test_setup_teardown(unaligned_memory, start, end),
		cmocka_unit_test_setup_teardown(buffers_are_waited_for, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
