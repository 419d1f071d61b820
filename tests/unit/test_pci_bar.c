/* SPDX-License-Identifier: MIT */
/* BARs: sizing, placing, moving. */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"
#include "tests/unit/test_pci.h"

#define MEM (PCI_COMMAND_MEMORY)
#define IO  (PCI_COMMAND_IO)

static struct world *two_bars(void)
{
	struct world *world = world_new();

	world_bar(world, 0, PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH, UINT64_C(4) << 30);
	world_bar(world, 2, 0, 0x10000);
	world_bar(world, 3, PCI_BASE_ADDRESS_SPACE_IO, 0x20);
	return start(world);
}

static uint32_t size_bar(struct world *world, unsigned index, uint32_t probe)
{
	world_write(world, PCI_BASE_ADDRESS_0 + 4 * index, 4, probe);
	return world_read(world, PCI_BASE_ADDRESS_0 + 4 * index, 4);
}

static void sizing_by_masks(void **state)
{
	struct world *world = two_bars();

	(void)state;
	assert_int_equal(world_read(world, PCI_BASE_ADDRESS_0, 4), 0xc);
	assert_int_equal(size_bar(world, 0, UINT32_MAX), 0xc);
	assert_int_equal(size_bar(world, 1, UINT32_MAX), UINT32_MAX);
	assert_int_equal(size_bar(world, 2, UINT32_MAX), 0xffff0000);
	assert_int_equal(size_bar(world, 3, UINT32_MAX), 0xffffffe1);
	assert_int_equal(size_bar(world, 4, UINT32_MAX), 0);
	assert_int_equal(size_bar(world, 5, UINT32_MAX), 0);
	assert_int_equal(size_bar(world, 8, UINT32_MAX), 0); /* ROM: 0x30 */
	stop(world);
	world = world_new();
	world_bar(world, 0, PCI_BASE_ADDRESS_MEM_TYPE_64, UINT64_C(32) << 30);
	start(world);
	assert_int_equal(size_bar(world, 0, UINT32_MAX), 4);
	assert_int_equal(size_bar(world, 1, UINT32_MAX), 0xfffffff8);
	stop(world);
}

/* cloud-hypervisor b67e7da10: OpenBSD does not write all ones. */
static void ch_b67e7da10_sizing_with_other_values(void **state)
{
	struct world *world = two_bars();

	(void)state;
	assert_int_equal(size_bar(world, 2, 0xfffffff0), 0xffff0000);
	assert_int_equal(size_bar(world, 2, 0xfffff800), 0xffff0000);
	assert_int_equal(size_bar(world, 3, 0xfffffffc), 0xffffffe1);
	assert_int_equal(size_bar(world, 2, 0x12345678), 0x12340000);
	stop(world);
}

/* Spec 14, case 8: nothing is placed on the way, and the BAR comes back where it was. */
static void case_14_8_sizing_64_with_decode_on(void **state)
{
	struct world *world = two_bars();

	(void)state;
	world_write(world, PCI_BASE_ADDRESS_1, 4, 0x10);
	world_write(world, PCI_COMMAND, 2, MEM);
	assert_true(world->bars[0].placed);
	assert_int_equal(world->bars[0].address, UINT64_C(0x1000000000));
	size_bar(world, 1, UINT32_MAX);
	assert_false(world->bars[0].placed);
	world_write(world, PCI_BASE_ADDRESS_1, 4, 0x10);
	assert_true(world->bars[0].placed);
	assert_int_equal(world->bars[0].address, UINT64_C(0x1000000000));
	stop(world);
}

static void addresses_that_are_not_placed(void **state)
{
	static const uint32_t bad[] = {0, 0xffff0000};
	struct world *world = two_bars();

	(void)state;
	world_write(world, PCI_COMMAND, 2, MEM | IO);
	assert_int_equal(world_count(world, "map"), 0);
	for (unsigned i = 0; i < 2; i++) {
		world_write(world, PCI_BASE_ADDRESS_2, 4, bad[i]);
		assert_false(world->bars[2].placed);
	}
	world_write(world, PCI_BASE_ADDRESS_2, 4, 0xfffe0000);
	assert_true(world->bars[2].placed);
	world_write(world, PCI_BASE_ADDRESS_3, 4, 0xffff0000); /* beyond the ports */
	assert_false(world->bars[3].placed);
	world_write(world, PCI_BASE_ADDRESS_3, 4, 0xc000);
	assert_true(world->bars[3].placed);
	stop(world);
}

static void kvmtool_b4fc4f6_low_bits_are_dropped(void **state)
{
	struct world *world = two_bars();

	(void)state;
	world_write(world, PCI_BASE_ADDRESS_2, 4, 0xe0001234);
	world_write(world, PCI_COMMAND, 2, MEM);
	assert_int_equal(world->bars[2].address, 0xe0000000);
	stop(world);
}

/* XSA-120: gone on our side before the device is told, back after. */
static void xsa_120_decode_order(void **state)
{
	struct world *world = two_bars();

	(void)state;
	world_write(world, PCI_BASE_ADDRESS_2, 4, 0xe0000000);
	world_clear(world);
	world_write(world, PCI_COMMAND, 2, MEM);
	world_expect_order(world, "cfg_write 4 2 2", "begin", "map 2 e0000000", "commit", "dma_map e0000000",
			   NULL);
	world_clear(world);
	world_write(world, PCI_COMMAND, 2, 0);
	world_expect_order(world, "dma_unmap e0000000", "begin", "unmap 2", "commit", "cfg_write 4 2 0",
			   NULL);
	stop(world);
}

static void ch_aaf86ef20_moves_are_one_change(void **state)
{
	struct world *world = two_bars();

	(void)state;
	world_write(world, PCI_BASE_ADDRESS_2, 4, 0xe0000000);
	assert_false(world->bars[2].placed); /* it comes with decode */
	world_write(world, PCI_COMMAND, 2, MEM);
	world_clear(world);
	world_write(world, PCI_BASE_ADDRESS_2, 4, 0xd0000000);
	assert_int_equal(world_count(world, "begin"), 1);
	assert_int_equal(world_count(world, "commit"), 1);
	assert_int_equal(world_count(world, "cfg_write"), 0);
	world_expect_order(world, "dma_unmap e0000000", "begin", "map 2 d0000000", "commit",
			   "dma_map d0000000", NULL);
	assert_int_equal(world->bars[2].address, 0xd0000000);
	stop(world);
}

/* cloud-hypervisor 0d6cef452: the same number of places and maps after any number of toggles. */
static void toggles_leave_nothing(void **state)
{
	struct world *world = two_bars();

	(void)state;
	world->mute = true;
	world_write(world, PCI_BASE_ADDRESS_1, 4, 0x10);
	world_write(world, PCI_BASE_ADDRESS_2, 4, 0xe0000000);
	for (unsigned i = 0; i < 100000; i++) {
		world_write(world, PCI_COMMAND, 2, MEM);
		world_write(world, PCI_BASE_ADDRESS_2, 4, i & 1 ? 0xe0000000 : 0xd0000000);
		assert_int_equal(world->map_count, 2);
		world_write(world, PCI_COMMAND, 2, 0);
		assert_int_equal(world->map_count, 0);
	}
	stop(world);
}

/* cloud-hypervisor e38c5c434: a move that fails leaves it nowhere, and everyone agrees. */
static void ch_e38c5c434_failed_commit_rolls_back(void **state)
{
	struct world *world = two_bars();

	(void)state;
	world_write(world, PCI_BASE_ADDRESS_2, 4, 0xe0000000);
	world_write(world, PCI_COMMAND, 2, MEM);
	world->fail_bar_commit = 1;
	world_write(world, PCI_BASE_ADDRESS_2, 4, 0xd0000000);
	assert_false(world->bars[2].placed);
	assert_int_equal(world->map_count, 0);
	assert_int_equal(lend_function_bar_read(world->function, 2, 0, 4), UINT32_MAX);
	world_write(world, PCI_BASE_ADDRESS_2, 4, 0xc0000000);
	assert_true(world->bars[2].placed);
	assert_int_equal(world->map_count, 1);
	stop(world);
}

/* A BAR that cannot be taken away: the device must not stop decoding under the guest's map. */
static void failed_unmap_keeps_decode(void **state)
{
	struct world *world = two_bars();

	(void)state;
	world_write(world, PCI_BASE_ADDRESS_2, 4, 0xe0000000);
	world_write(world, PCI_COMMAND, 2, MEM);
	world->fail_bar_unmap = 1;
	world_write(world, PCI_COMMAND, 2, 0);
	assert_true(world->bars[2].placed);
	assert_int_equal(world_get(world, PCI_COMMAND, 2), MEM);
	assert_int_equal(world->map_count, 1);
	world_write(world, PCI_COMMAND, 2, 0);
	assert_false(world->bars[2].placed);
	stop(world);
}

/* One of two stays: the other is not taken for placed, and comes back with decode. */
static void one_that_stays_and_one_that_goes(void **state)
{
	struct world *world = two_bars();

	(void)state;
	world_write(world, PCI_BASE_ADDRESS_1, 4, 0x10);
	world_write(world, PCI_BASE_ADDRESS_2, 4, 0xe0000000);
	world_write(world, PCI_COMMAND, 2, MEM);
	world->fail_bar_unmap = 1;
	world_clear(world);
	world_write(world, PCI_COMMAND, 2, 0);
	world_expect_order(world, "unmap 0", "unmap 2", "commit", "map 2 e0000000", "commit", NULL);
	assert_true(world->bars[0].placed && world->bars[2].placed);
	assert_int_equal(world->map_count, 2);
	world->fail_bar_unmap = 1;
	lend_function_quiesce(world->function); /* takes what it can, one by one */
	assert_false(world->bars[0].placed || world->bars[2].placed);
	stop(world);
}

static void power_state_unmaps(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_nvme(world);
	start(world);
	world_start(world);
	world_clear(world);
	world_write(world, 0x44, 2, 3);
	world_expect_order(world, "unmap 0", "commit", "cfg_write 44 2 3", NULL);
	world_write(world, 0x44, 2, 1); /* from D3 only to D0 */
	assert_int_equal(world_get(world, 0x44, 2), 3);
	world_clear(world);
	world_write(world, 0x44, 2, 0);
	world_expect_order(world, "cfg_write 44 2 0", "map 0", "commit", NULL);
	world_write(world, 0x44, 2, 2); /* D2, which it does not have */
	assert_int_equal(world_get(world, 0x44, 2), 0);
	assert_true(world->bars[0].placed);
	stop(world);
}

/* The kernel serves no BAR while it resets a function: they are away before, and back after. */
static void guest_reset_unmaps(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_nvme(world);
	start(world);
	world_start(world);
	world_clear(world);
	world_write(world, 0x80 + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR | 0x10);
	world_expect_order(world, "dma_unmap", "unmap 0", "commit", "cfg_write 88 2 8010", "map 0", "commit",
			   "dma_map", NULL);
	world_clear(world);
	world_write(world, 0x80 + PCI_EXP_DEVCTL, 2, 0x10);
	assert_int_equal(world->line_count, 1);
	stop(world);
}

static void refuse(uint32_t type, uint64_t size, unsigned index, uint64_t next)
{
	struct world *world = world_new();

	world_bar(world, index, type, size);
	if (next)
		world_bar(world, index + 1, 0, next);
	assert_int_equal(world_open(world), -EPROTO);
	assert_non_null(strstr(world->error.text, "0000:05:00.0"));
	world_free(world);
}

static void sizes_that_make_no_sense(void **state)
{
	(void)state;
	refuse(0, 0x3000, 0, 0);
	refuse(0, 8, 0, 0);
	refuse(0, UINT64_C(1) << 32, 0, 0);
	refuse(PCI_BASE_ADDRESS_SPACE_IO, 0x20000, 0, 0);
	refuse(PCI_BASE_ADDRESS_MEM_TYPE_64, 0x1000, 5, 0);
	refuse(PCI_BASE_ADDRESS_MEM_TYPE_64, 0x1000, 0, 0x1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizing_by_masks),
		cmocka_unit_test(ch_b67e7da10_sizing_with_other_values),
		cmocka_unit_test(case_14_8_sizing_64_with_decode_on),
		cmocka_unit_test(addresses_that_are_not_placed),
		cmocka_unit_test(kvmtool_b4fc4f6_low_bits_are_dropped),
		cmocka_unit_test(xsa_120_decode_order),
		cmocka_unit_test(ch_aaf86ef20_moves_are_one_change),
		cmocka_unit_test(toggles_leave_nothing),
		cmocka_unit_test(ch_e38c5c434_failed_commit_rolls_back),
		cmocka_unit_test(failed_unmap_keeps_decode),
		cmocka_unit_test(one_that_stays_and_one_that_goes),
		cmocka_unit_test(power_state_unmaps),
		cmocka_unit_test(guest_reset_unmaps),
		cmocka_unit_test(sizes_that_make_no_sense),
	};

	return cmocka_run_group_tests_name("pci_bar", tests, NULL, NULL);
}
