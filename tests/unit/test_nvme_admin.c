/* SPDX-License-Identifier: MIT */
/* NVMe: Identify, features and log pages. */
#include "tests/unit/nvme_stage.h"

static int start(void **state)
{
	(void)state;
	return begin(3, 0);
}

static unsigned identify(unsigned cns, uint32_t nsid)
{
	memset(guest_at(&guest, GUEST_DATA), 0xee, 8192);
	guest_command(&guest, sqe, ADMIN_IDENTIFY, nsid);
	put64(sqe + 24, GUEST_DATA);
	put32(sqe + 40, cns);
	return guest_do(&guest, 0, sqe, NULL);
}

static void identifies(void **state)
{
	const uint8_t *page = guest_at(&guest, GUEST_DATA);

	(void)state;
	assert_int_equal(identify(1, 0), NVME_SUCCESS);
	assert_memory_equal(page + 4, "serial              ", 20);
	assert_int_equal(get32(page + 80), NVME_VERSION);
	assert_int_equal(page[77], 7);
	assert_int_equal(get16(page + 256), 1 << 8);
	assert_int_equal(get32(page + 516), 1);
	assert_int_equal(page[525] & 1, 1);
	assert_memory_equal(page + 768, "nqn.2014-08.org.nvmexpress:uuid:0000", 36);
	assert_int_equal(page[4096], 0xee);
	assert_int_equal(identify(0, 1), NVME_SUCCESS);
	assert_int_equal(get64(page), GUEST_DISK / NVME_BLOCK);
	assert_int_equal(page[99], 0);
	assert_int_equal(page[130], 9);
	assert_int_equal(identify(2, 0), NVME_SUCCESS);
	assert_int_equal(get32(page), 1);
	assert_int_equal(get32(page + 4), 0);
	assert_int_equal(identify(2, 1), NVME_SUCCESS);
	assert_int_equal(get32(page), 0);
	assert_int_equal(identify(3, 1), NVME_SUCCESS);
	assert_int_equal(page[0], 3);
	assert_int_equal(identify(0, 2), NVME_INVALID_NAMESPACE);
	assert_int_equal(identify(0, UINT32_MAX), NVME_INVALID_NAMESPACE);
	assert_int_equal(identify(2, UINT32_MAX), NVME_INVALID_NAMESPACE);
	assert_int_equal(identify(3, 0), NVME_INVALID_NAMESPACE);
	assert_int_equal(identify(0x20, 0), NVME_INVALID_FIELD);
	guest.disk.readonly = true;
	assert_int_equal(identify(0, 1), NVME_SUCCESS);
	assert_int_equal(page[99], 1);
}

static unsigned get(unsigned feature, unsigned select, uint32_t dw11, uint32_t *result)
{
	guest_command(&guest, sqe, ADMIN_GET_FEATURES, 0);
	put32(sqe + 40, select << 8 | feature);
	put32(sqe + 44, dw11);
	return guest_do(&guest, 0, sqe, result);
}

static unsigned put(unsigned feature, uint32_t value, uint32_t *result)
{
	guest_command(&guest, sqe, ADMIN_SET_FEATURES, 0);
	put32(sqe + 40, feature);
	put32(sqe + 44, value);
	return guest_do(&guest, 0, sqe, result);
}

static void features(void **state)
{
	static const struct {
		unsigned id;
		uint32_t initial, good, bad;
	} rows[] = {
		{1, 7, 0x01020303, 0x18},
		{2, 0, 0x20, 1},
		{4, 343, 300, 1U << 31},
		{5, 0, 100, 1 << 16},
		{6, 1, 0, 2},
		{8, 0, 0x0503, 1 << 16},
		{10, 0, 1, 2},
		{11, 0, 0x1ff, 1 << 16},
	};
	uint32_t value;

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(get(rows[i].id, 0, 0, &value), NVME_SUCCESS);
		assert_int_equal(value, rows[i].initial);
		assert_int_equal(put(rows[i].id, rows[i].good, NULL), NVME_SUCCESS);
		assert_int_equal(put(rows[i].id, rows[i].bad, NULL), NVME_INVALID_FIELD);
		assert_int_equal(put(1U << 31 | rows[i].id, rows[i].good, NULL), NVME_NOT_SAVEABLE);
		assert_int_equal(get(rows[i].id, 0, 0, &value), NVME_SUCCESS);
		assert_int_equal(value, rows[i].good);
		assert_int_equal(get(rows[i].id, 1, 0, &value), NVME_SUCCESS);
		assert_int_equal(value, rows[i].initial);
		assert_int_equal(get(rows[i].id, 3, 0, &value), NVME_SUCCESS);
		assert_int_equal(value, 4);
		assert_int_equal(get(rows[i].id, 4, 0, &value), NVME_INVALID_FIELD);
	}
	for (unsigned i = 0x0c; i < 0x100; i++) {
		assert_int_equal(get(i, 0, 0, NULL), NVME_INVALID_FIELD);
		assert_int_equal(put(i, 0, NULL), NVME_INVALID_FIELD);
	}
	assert_int_equal(get(0, 0, 0, NULL), NVME_INVALID_FIELD);
}

static void queue_and_vector_features(void **state)
{
	uint32_t value;

	(void)state;
	assert_int_equal(put(7, 63 << 16 | 63, &value), NVME_SUCCESS);
	assert_int_equal(value, 2 << 16 | 2);
	assert_int_equal(get(7, 0, 0, &value), NVME_SUCCESS);
	assert_int_equal(value, 2 << 16 | 2);
	assert_int_equal(put(7, 0xffff, &value), NVME_INVALID_FIELD);
	assert_int_equal(put(7, 0xffffU << 16, &value), NVME_INVALID_FIELD);
	guest_queue(&guest, 1, 16);
	assert_int_equal(put(7, 0, &value), NVME_SEQUENCE);
	assert_int_equal(put(9, 1 << 16 | 3, &value), NVME_SUCCESS);
	assert_int_equal(get(9, 0, 3, &value), NVME_SUCCESS);
	assert_int_equal(value, 1 << 16 | 3);
	assert_int_equal(get(9, 0, 2, &value), NVME_SUCCESS);
	assert_int_equal(value, 2);
	assert_int_equal(put(9, 4, &value), NVME_INVALID_FIELD);
	assert_int_equal(get(9, 0, 0xffff, &value), NVME_INVALID_FIELD);
	assert_int_equal(get(4, 0, 1 << 20, &value), NVME_SUCCESS);
	assert_int_equal(value, 0);
}

static unsigned get_log(unsigned page, uint32_t words, uint64_t offset)
{
	memset(guest_at(&guest, GUEST_DATA), 0xee, 8192);
	guest_command(&guest, sqe, ADMIN_GET_LOG, UINT32_MAX);
	put64(sqe + 24, GUEST_DATA);
	put64(sqe + 32, GUEST_DATA + NVME_PAGE);
	put32(sqe + 40, page | (words - 1) << 16);
	put32(sqe + 44, (words - 1) >> 16);
	put64(sqe + 48, offset);
	return guest_do(&guest, 0, sqe, NULL);
}

static void logs(void **state)
{
	const uint8_t *page = guest_at(&guest, GUEST_DATA);

	(void)state;
	guest_queue(&guest, 1, 16);
	guest_blocks(&guest, sqe, IO_READ, 0, 2, GUEST_DATA, 0);
	assert_int_equal(guest_do(&guest, 1, sqe, NULL), NVME_SUCCESS);
	assert_int_equal(get_log(2, 128, 0), NVME_SUCCESS);
	assert_int_equal(get64(page + 64), 1);
	assert_int_equal(page[0], 0);
	assert_int_equal(get_log(2, 128, 508), NVME_SUCCESS);
	assert_int_equal(page[4], 0xee);
	assert_int_equal(get_log(2, 128, 512), NVME_SUCCESS);
	assert_int_equal(get_log(2, 128, 516), NVME_INVALID_FIELD);
	assert_int_equal(get_log(2, 128, 2), NVME_INVALID_FIELD);
	assert_int_equal(get_log(2, UINT32_MAX, 0), NVME_INVALID_FIELD);
	assert_int_equal(get_log(2, 128, UINT64_MAX - 3), NVME_INVALID_FIELD);
	assert_int_equal(get_log(1, 16, 0), NVME_SUCCESS);
	assert_int_equal(get64(page), 4);
	assert_int_equal(get_log(3, 128, 0), NVME_SUCCESS);
	assert_int_equal(page[0], 1);
	assert_int_equal(get_log(5, 1024, 0), NVME_SUCCESS);
	assert_int_equal(get32(page + 4 * ADMIN_IDENTIFY), 1);
	assert_int_equal(get32(page + 1024 + 4 * IO_WRITE), 3);
	assert_int_equal(get32(page + 1024 + 4 * 0x7f), 0);
	assert_int_equal(page[4096], 0xee);
	assert_int_equal(get_log(5, 2048, 0), NVME_SUCCESS);
	assert_int_equal(page[4096], 0xee);
	assert_int_equal(get_log(0, 128, 0), NVME_LOG_PAGE);
	assert_int_equal(get_log(0x80, 128, 0), NVME_LOG_PAGE);
}

/* A reset of the controller ends what was set. */
static void reset_features(void **state)
{
	uint32_t value;

	(void)state;
	assert_int_equal(put(6, 0, NULL), NVME_SUCCESS);
	guest_write32(&guest, REG_CC, 0);
	guest_enable(&guest);
	assert_int_equal(get(6, 0, 0, &value), NVME_SUCCESS);
	assert_int_equal(value, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(identifies, start, end),
		cmocka_unit_test_setup_teardown(features, start, end),
		cmocka_unit_test_setup_teardown(queue_and_vector_features, start, end),
		cmocka_unit_test_setup_teardown(logs, start, end),
		cmocka_unit_test_setup_teardown(reset_features, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
