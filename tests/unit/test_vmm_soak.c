/* SPDX-License-Identifier: MIT */
/* The machine's side of decode toggles and moves, very often: slots, ranges and memory are as at first. */
#include <malloc.h>

#include "tests/unit/vmm_doubles.h"

enum { TOGGLES = 100000, EACH = 16 };

static uint8_t page[4096];

static void map(unsigned bar, uint64_t address)
{
	const struct lend_bar_direct part = {.length = sizeof(page), .va = page};
	const struct lend_bar_map what = {
		.bar = bar, .address = address, .size = 0x4000, .direct_count = 1, .direct = &part};

	assert_int_equal(assign_ops.bar_map(&vmm, device, &what), 0);
}

/* Two BARs come and go in one change; every few times on each other, or where memory is, which wins. */
static void toggle(unsigned number)
{
	uint64_t first = 0xe0000000 + number % 8 * 0x4000, second = 0xe0100000;
	int hidden = 0; /* a bit for each BAR that does not answer */

	if (number % EACH == 1) {
		second = first;
		hidden = 1 << 2;
	} else if (number % EACH == 2) {
		first = 0x100000;
		hidden = 1 << 0;
	}
	assign_ops.bar_begin(&vmm, device);
	map(0, first);
	map(2, second);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), hidden);
	assert_int_equal(kvm.slot_count, hidden ? 1 : 2);
	assign_ops.bar_begin(&vmm, device);
	assert_int_equal(assign_ops.bar_unmap(&vmm, device, 0), 0);
	assert_int_equal(assign_ops.bar_unmap(&vmm, device, 2), 0);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
	assert_int_equal(kvm.slot_count, 0);
	assert_int_equal(vmm.memory_bus.count, 0);
}

static void decode_toggles(void **state)
{
	size_t memory = 0;

	(void)state;
	for (unsigned i = 0; i < TOGGLES / 2; i++) {
		toggle(i);
		if (i == EACH)
			memory = mallinfo2().uordblks;
	}
	assert_true(mallinfo2().uordblks <= memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(decode_toggles, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("vmm_soak", tests, NULL, NULL);
}
