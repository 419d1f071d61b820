/* SPDX-License-Identifier: MIT */
/* The exam (docs/security.md): BARs that move, their maps for other devices, tables and ROMs that lie. */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lend/reset.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"
#include "tests/unit/test_pci.h"

#define MEM PCI_COMMAND_MEMORY

/* The IOMMU's map moves with the BAR: it is away before, and there after. */
static void ch_2f2182743_the_iommu_moves_along(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_bar(world, 2, 0, 0x10000);
	start(world);
	world_write(world, PCI_BASE_ADDRESS_2, 4, 0xe0000000);
	world_write(world, PCI_COMMAND, 2, MEM);
	world_clear(world);
	world_write(world, PCI_BASE_ADDRESS_2, 4, 0xd0000000);
	world_expect_order(world, "dma_unmap e0000000", "map 2 d0000000", "commit", "dma_map d0000000", NULL);
	assert_int_equal(world->map_count, 1);
	assert_true(world->maps[0].iova == 0xd0000000);
	stop(world);
}

/* The kernel does not let a page be mapped that it may share with another function: the BAR traps. */
static void xsa_461_a_shared_page_traps(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_bar(world, 0, 0, 0x100);
	world->unmappable[0] = true;
	start(world);
	world_start(world);
	assert_true(world->bars[0].placed);
	assert_int_equal(world->bars[0].direct_count, 0);
	assert_int_equal(world->map_count, 0);
	assert_int_equal(world_count(world, "mmap"), 0);
	stop(world);
}

/* What other devices reach is what is mapped: nothing of the hole between two areas. */
static void ch_b1c796ff4_no_map_goes_through_a_hole(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_bar(world, 2, 0, 0x10000);
	world->sparse[2] = true;
	world->regions[2].area_count = 2;
	world->areas[2][0] = (struct lend_area){0, 0x4000};
	world->areas[2][1] = (struct lend_area){0x8000, 0x8000};
	start(world);
	world_write(world, PCI_BASE_ADDRESS_2, 4, 0xe0000000);
	world_write(world, PCI_COMMAND, 2, MEM);
	assert_int_equal(world->map_count, 2);
	assert_int_equal(world_count(world, "dma_map e0000000 4000"), 1);
	assert_int_equal(world_count(world, "dma_map e0008000 8000"), 1);
	stop(world);
}

/* A dma-buf goes dead with decode, a reset or a low power state: the map is away before, and new after. */
static void openvmm_4104ff_maps_are_new_after_decode(void **state)
{
	struct world *world = world_new();
	struct lend_reset_report report;

	(void)state;
	world_nvme(world);
	world->iommufd = world->dma_bufs = true;
	start(world);
	world_start(world);
	world_clear(world);
	world_write(world, PCI_COMMAND, 2, 0);
	world_expect_order(world, "dma_unmap", "cfg_write 4", NULL);
	assert_int_equal(world->map_count, 0);
	world_clear(world);
	world_write(world, PCI_COMMAND, 2, MEM);
	world_expect_order(world, "cfg_write 4", "dma_map", NULL);
	world_clear(world);
	world_write(world, 0x44, 2, 3);
	world_write(world, 0x44, 2, 0);
	world_expect_order(world, "dma_unmap", "cfg_write 44 2 3", "cfg_write 44 2 0", "dma_map", NULL);
	world_clear(world);
	world_write(world, 0x80 + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	world_expect_order(world, "dma_unmap", "cfg_write 88 2 8000", "dma_map", NULL);
	world_clear(world);
	lend_context_reset(world->context, &world->function, 1, &report, sizeof(report));
	world_start(world);
	world_expect_order(world, "dma_unmap", "reset", "cfg_write 4", "dma_map", NULL);
	for (unsigned i = 0; i < world->map_count; i++)
		assert_true(world->maps[i].fd >= 0);
	stop(world);
}

/* Whether the guest finds MSI-X in the chain. */
static bool has_msix(struct world *world)
{
	unsigned at = world_read(world, PCI_CAPABILITY_LIST, 1);

	while (at && world_read(world, at, 1) != PCI_CAP_ID_MSIX)
		at = world_read(world, at + 1, 1);
	return at;
}

/* 6 and 7 are no BARs (PCI Local Bus 3.0, 6.8.2.4), nor are those that this device does not have. */
static void qemu_9daa7347_each_bir(void **state)
{
	(void)state;
	for (unsigned bir = 0; bir < 16; bir++) {
		struct world *world = world_new();
		unsigned table = bir < 8 ? bir : 0, pba = bir < 8 ? 0 : bir - 8;

		world_bar(world, 0, 0, 0x4000);
		world->regions[LEND_REGION_ROM] = (struct lend_region){.size = 0x10000, .readable = true};
		world->vectors[LEND_IRQ_INTX] = 1;
		world_msix(world, 16, table, 0x2000, pba, 0x3000);
		start(world);
		/* A table that is nowhere is not shown; pending bits that are nowhere are in a free BAR. */
		assert_int_equal(has_msix(world), !table);
		if (!table)
			for (unsigned reg = 0x54; reg < 0x5c; reg += 4)
				assert_in_range(world_read(world, reg, 4) & 7, 0, pba ? 5 : 0);
		if (table > 5 || pba > 5)
			assert_int_equal(world->log_lines, 1);
		stop(world);
	}
}

/* The device gives 100 bytes of its ROM: what follows is no memory of ours. */
static void qemu_402fd5a7_what_was_not_read_is_ones(void **state)
{
	struct world *world = world_new();

	(void)state;
	world->regions[LEND_REGION_ROM] = (struct lend_region){.size = 0x2000, .readable = true};
	world->rom_length = 100;
	memset(world->rom, 0x5a, 100);
	start(world);
	world_write(world, PCI_ROM_ADDRESS, 4, 0xe0000001);
	world_write(world, PCI_COMMAND, 2, MEM);
	for (unsigned at = 0; at < 0x2000; at++)
		assert_int_equal(lend_function_bar_read(world->function, LEND_REGION_ROM, at, 1),
				 at < 100 ? 0x5a : 0xff);
	/* Nor in the pages that the guest reads without us. */
	assert_int_equal(world->bars[LEND_REGION_ROM].direct_count, 1);
	for (unsigned at = 100; at < 0x2000; at++)
		assert_int_equal(((const uint8_t *)world->bars[LEND_REGION_ROM].direct[0].va)[at], 0xff);
	stop(world);
}

/* The kernel gives up at once on a device that is not there: it is not taken for one that was reset. */
static void linux_7_3_a_device_that_does_not_answer(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct world *world = world_new();
		struct lend_reset_report report;

		world_nvme(world);
		start(world);
		world_start(world);
		world->dead = true;
		world->fail_reset = i ? -ENOTTY : -EIO;
		lend_context_reset(world->context, &world->function, 1, &report, sizeof(report));
		assert_false(report.checked);
		assert_non_null(strstr(report.check, "does not answer any more"));
		world->dead = false;
		stop(world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ch_2f2182743_the_iommu_moves_along),
		cmocka_unit_test(xsa_461_a_shared_page_traps),
		cmocka_unit_test(ch_b1c796ff4_no_map_goes_through_a_hole),
		cmocka_unit_test(openvmm_4104ff_maps_are_new_after_decode),
		cmocka_unit_test(qemu_9daa7347_each_bir),
		cmocka_unit_test(qemu_402fd5a7_what_was_not_read_is_ones),
		cmocka_unit_test(linux_7_3_a_device_that_does_not_answer),
	};

	return cmocka_run_group_tests_name("exam_bars", tests, NULL, NULL);
}
