/* SPDX-License-Identifier: MIT */
/* The example monitor's own tables: what others copy has room for each BAR that liblend can name. */
#include "tests/unit/cmocka.h"

int tiny_vmm_main(int argc, char **argv);
#define main tiny_vmm_main
#include "examples/tiny-vmm.c"
#undef main

static void each_bar_has_its_place(void **state)
{
	struct vmm vmm = {0};

	(void)state;
	for (unsigned i = 0; i < SLOTS; i++)
		vmm.slot_bar[i] = -1;
	for (unsigned i = 0; i < LEND_BARS; i++) {
		const struct lend_bar_map map = {
			.struct_size = sizeof(map), .bar = i, .address = 0x10000 * i, .size = 0x1000};

		assert_int_equal(host_ops.bar_map(&vmm, NULL, &map), 0);
	}
	for (unsigned i = 0; i < LEND_BARS; i++)
		assert_int_equal(vmm.bars[i].address, 0x10000 * i);
	for (unsigned i = 0; i < SLOTS; i++)
		assert_int_equal(vmm.slot_bar[i], -1);
	for (unsigned i = 0; i < LEND_BARS; i++)
		assert_int_equal(host_ops.bar_unmap(&vmm, NULL, i), 0);
	(void)tiny_vmm_main;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_bar_has_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
