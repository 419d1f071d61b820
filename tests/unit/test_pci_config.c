/* SPDX-License-Identifier: MIT */
/* Accesses to config space: their width at the device, their edges, and those that fail. */
#include <stdio.h>

#include <linux/pci_regs.h>

#include "lib/pci/function.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"
#include "tests/unit/test_pci.h"

static struct world *start_nvme(void)
{
	struct world *world = world_new();

	world_nvme(world);
	assert_int_equal(world_open(world), 0);
	world_clear(world);
	return world;
}

/* A field that is ours, one of the device's and one of ours again, in one write. */
static void xsa_128_write_spanning_fields(void **state)
{
	struct world *world = start_nvme();

	(void)state;
	world_write(world, 0x4e, 4, 0x7fffffff); /* 2 bytes in no capability, MSI-X id and next */
	assert_int_equal(world_get(world, 0x4e, 2), 0xffff);
	assert_int_equal(world_get(world, 0x50, 2), PCI_CAP_ID_MSIX | 0x80 << 8);
	assert_int_equal(world_count(world, "cfg_write"), 1);
	assert_int_equal(world_find(world, 0, "cfg_write 4e 2 ffff"), 0);
	world_write(world, 0x52, 2, 0xc000); /* enable and mask all never reach the device */
	assert_int_equal(world_get(world, 0x52, 2), 63);
	stop(world);
}

static void virtual_register_costs_no_call(void **state)
{
	struct world *world = start_nvme();

	(void)state;
	world_read(world, PCI_BASE_ADDRESS_0, 4);
	world_read(world, 0x34, 1);
	world_read(world, 0x50, 4);
	world_write(world, PCI_BASE_ADDRESS_0, 4, UINT32_MAX);
	assert_int_equal(world_count(world, "cfg_"), 0);
	world_read(world, PCI_COMMAND, 4);
	assert_int_equal(world_count(world, "cfg_"), 1);
	assert_int_equal(world_find(world, 0, "cfg_read 4 4"), 0);
	stop(world);
}

/* A register that is the device's takes one access of the guest's width, wherever it is. */
static void passed_write_is_one_access(void **state)
{
	static const unsigned offsets[] = {0x0c, 0x61, 0x62, 0x63, 0xfb, 0x200};
	struct world *world = start_nvme();

	(void)state;
	for (unsigned i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
		for (unsigned length = 1; length <= 4; length *= 2) {
			char line[32];

			world_clear(world);
			world_write(world, offsets[i], length, 0x11111111);
			snprintf(line, sizeof(line), "cfg_write %x %x 11", offsets[i], length);
			assert_int_equal(world->line_count, 1);
			assert_int_equal(world_find(world, 0, line), 0);
		}
	}
	stop(world);
}

static void failed_read_is_all_ones(void **state)
{
	struct world *world = start_nvme();

	(void)state;
	world->fail_reads = true;
	assert_int_equal(world_read(world, PCI_COMMAND, 4), UINT32_MAX);
	assert_int_equal(world_read(world, PCI_COMMAND, 2), UINT16_MAX);
	assert_int_equal(world_read(world, PCI_CLASS_REVISION, 1), UINT8_MAX);
	assert_int_equal(world_read(world, PCI_BASE_ADDRESS_0, 4), 4); /* ours still reads */
	world->fail_reads = false;
	stop(world);
}

static void out_of_range(void **state)
{
	struct world *world = start_nvme();
	struct lend_function_counters counters;

	(void)state;
	assert_int_equal(world_read(world, 4096, 4), UINT32_MAX);
	assert_int_equal(world_read(world, 4094, 4), UINT32_MAX);
	assert_int_equal(world_read(world, UINT32_MAX, 2), UINT16_MAX);
	assert_int_equal(world_read(world, 0, 3), 0xffffff);
	assert_int_equal(world_read(world, 0, 8), UINT32_MAX);
	world_write(world, 4095, 2, 0);
	world_write(world, UINT32_MAX - 1, 4, 0);
	assert_int_equal(world->line_count, 0);
	lend_function_count(world->function, &counters, sizeof(counters));
	assert_int_equal(counters.ignored, 7);
	stop(world);
}

/* What cannot be written to the device is not shown to the guest either. */
static void failed_write_is_undone(void **state)
{
	struct world *world = start_nvme();

	(void)state;
	world_write(world, PCI_BASE_ADDRESS_0, 4, 0xe0000000);
	world->fail_at = world->calls + 1;
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(world_read(world, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY, 0);
	assert_false(world->bars[0].placed);
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_true(world->bars[0].placed);
	stop(world);
}

static void xsa_130_log_is_limited(void **state)
{
	struct world *world = start_nvme();

	(void)state;
	world->mute = true;
	world->fail_reads = true;
	world_start(world);
	for (unsigned i = 0; i < 5000000; i++) {
		world_read(world, PCI_COMMAND, 4);
		lend_function_bar_read(world->function, 0, 0x10, 4);
	}
	assert_true(world->log_lines > 0);
	assert_true(world->log_bytes < 1 << 20);
	world->fail_reads = false;
	stop(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xsa_128_write_spanning_fields),
		cmocka_unit_test(virtual_register_costs_no_call),
		cmocka_unit_test(passed_write_is_one_access),
		cmocka_unit_test(failed_read_is_all_ones),
		cmocka_unit_test(out_of_range),
		cmocka_unit_test(failed_write_is_undone),
		cmocka_unit_test(xsa_130_log_is_limited),
	};

	return cmocka_run_group_tests_name("pci_config", tests, NULL, NULL);
}
