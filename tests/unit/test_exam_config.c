/* SPDX-License-Identifier: MIT */
/* The exam (docs/security.md): config space, decode, and accesses of any width. */
#include <string.h>

#include <linux/pci_regs.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"
#include "tests/unit/test_pci.h"
#include "vmm/machine.h"

enum { TABLE = 0x3f00, PBA = 0x2000, BAR_SIZE = 0x4000, AT = 0xe0000000 };

static struct world *start_nvme(void)
{
	struct world *world = world_new();

	world_nvme(world);
	start(world);
	world_start(world);
	world_clear(world);
	return world;
}

/* The guest writes COMMAND through ECAM, alone or as a part of 8 bytes. */
static void xsa_126_decode_through_the_machine(void **state)
{
	struct world *world = start_nvme();
	struct topology topology = {0};
	const struct placement placement = {.function = world->function, .place = LEND_PLACE_ROOT};
	const uint64_t config = 1 << 15;

	(void)state;
	assert_int_equal(topology_place(&topology, &placement, 1), 0);
	ecam_ops.write(&topology, config | PCI_COMMAND, 2, 0);
	world_expect_order(world, "dma_unmap", "unmap 0", "commit", "cfg_write 4", NULL);
	assert_false(world->bars[0].placed);
	assert_int_equal(world->map_count, 0);
	world_clear(world);
	ecam_ops.write(&topology, config, 8, (uint64_t)PCI_COMMAND_MEMORY << 32);
	world_expect_order(world, "cfg_write 4", "map 0", "commit", "dma_map", NULL);
	world_clear(world);
	ecam_ops.write(&topology, config, 8, 0);
	world_expect_order(world, "unmap 0", "commit", "cfg_write 4", NULL);
	stop(world);
}

/* The bit is that of the guest's slot, whatever the slot of the host has. */
static void ch_347f8a036_other_functions_are_the_guests(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct world *world = world_new();

		world_set(world, PCI_HEADER_TYPE, 1, i & 1 ? 0x80 : 0);
		world->function_config.multifunction = i & 2;
		start(world);
		assert_int_equal(world_read(world, PCI_HEADER_TYPE, 1), i & 2 ? 0x80 : 0);
		stop(world);
	}
}

static void ch_421b896ab_no_pin_without_an_interrupt(void **state)
{
	(void)state;
	for (unsigned vectors = 0; vectors < 2; vectors++) {
		struct world *world = world_new();

		world->vectors[LEND_IRQ_INTX] = vectors;
		start(world);
		assert_int_equal(world_read(world, PCI_INTERRUPT_PIN, 1), vectors);
		stop(world);
	}
}

static void kvmtool_84998f2_64_bits_at_an_odd_index(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_bar(world, 1, PCI_BASE_ADDRESS_MEM_TYPE_64, 0x10000);
	start(world);
	world_write(world, PCI_BASE_ADDRESS_1, 4, UINT32_MAX);
	world_write(world, PCI_BASE_ADDRESS_2, 4, UINT32_MAX);
	assert_int_equal(world_read(world, PCI_BASE_ADDRESS_1, 4), 0xffff0004);
	assert_int_equal(world_read(world, PCI_BASE_ADDRESS_2, 4), UINT32_MAX);
	world_write(world, PCI_BASE_ADDRESS_1, 4, AT);
	world_write(world, PCI_BASE_ADDRESS_2, 4, 0x43);
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_true(world->bars[1].placed);
	assert_true(world->bars[1].address == (UINT64_C(0x43) << 32 | AT));
	stop(world);
}

/* What the device has in the register of a BAR that there is not is not shown. */
static void kvmtool_3665392_bars_that_there_are_not(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_bar(world, 3, 0, 0x1000);
	for (unsigned i = 0; i < 6; i++)
		if (i != 3)
			world_set(world, PCI_BASE_ADDRESS_0 + 4 * i, 4, 0xabc0000c);
	start(world);
	for (unsigned i = 0; i < 6; i++) {
		world_write(world, PCI_BASE_ADDRESS_0 + 4 * i, 4, UINT32_MAX);
		assert_int_equal(world_read(world, PCI_BASE_ADDRESS_0 + 4 * i, 4), i == 3 ? 0xfffff000 : 0);
	}
	stop(world);
}

/* The table ends with its BAR, which ends with its range of the bus. */
static struct world *table_at_the_end(void)
{
	struct world *world = world_new();

	world_bar(world, 0, 0, BAR_SIZE);
	world_msix(world, 16, 0, TABLE, 0, PBA);
	start(world);
	world_start(world);
	world_clear(world);
	return world;
}

static uint64_t bar_read(void *opaque, uint64_t offset, unsigned length)
{
	return lend_function_bar_read(((struct world *)opaque)->function, 0, offset, length);
}

static void bar_write(void *opaque, uint64_t offset, unsigned length, uint64_t value)
{
	lend_function_bar_write(((struct world *)opaque)->function, 0, offset, length, value);
}

/* From the machine's bus: an access that leaves the table at its end leaves the BAR, and changes nothing. */
static void cve_2020_13754_accesses_that_leave_the_table(void **state)
{
	static const struct bus_ops ops = {.read = bar_read, .write = bar_write};
	struct world *world = table_at_the_end();
	const struct bus_range range = {.start = AT, .length = BAR_SIZE, .ops = &ops, .opaque = world};
	struct bus bus;

	(void)state;
	bus_init(&bus);
	assert_int_equal(bus_add(&bus, &range), 0);
	for (uint64_t at = AT + BAR_SIZE - 16; at < AT + BAR_SIZE + 16; at++) {
		for (unsigned length = 1; length <= 8; length++) {
			uint64_t ones = length == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * length) - 1, value;

			bus_write(&bus, at, length, 0);
			if (bus_read(&bus, at, length, &value) || at + length > AT + BAR_SIZE)
				assert_true((value & ones) == ones);
		}
	}
	assert_int_equal(world_count(world, "bar_"), 0);
	stop(world);
}

/* The device's own table and pending bits are the host's: none of a guest's writes reaches them. */
static void xen_68cc3c514a0a_the_devices_table_is_not_written(void **state)
{
	struct world *world = start_nvme();

	(void)state;
	world_write(world, 0x53, 1, 0x80);
	for (unsigned i = 0; i < 64; i++)
		world_vector(world, i, 0xfee00000, i, i & 1);
	lend_function_bar_write(world->function, 0, 0x3000, 8, UINT64_MAX);
	assert_int_equal(world_count(world, "bar_write"), 0);
	stop(world);
}

/* Any length at each end of the table, the pending bits, the BAR and config space: no process ends. */
static void crosvm_002cd87a0_any_width(void **state)
{
	static const unsigned around[] = {0, PBA, PBA + 8, TABLE, TABLE + 16, BAR_SIZE};
	struct world *world = table_at_the_end();

	(void)state;
	for (unsigned length = 0; length < 20; length++) {
		bool is_one = length && length <= 8;

		for (unsigned i = 0; i < sizeof(around) / sizeof(*around); i++) {
			for (uint64_t at = around[i] - (around[i] ? 9 : 0); at < around[i] + 9; at++) {
				uint64_t got = lend_function_bar_read(world->function, 0, at, length);

				lend_function_bar_write(world->function, 0, at, length, UINT64_MAX);
				assert_true(is_one || !length || got == UINT64_MAX);
			}
		}
		for (unsigned at = 0x48; at < 0x60; at++) {
			lend_function_config_write(world->function, at, length, 0);
			lend_function_config_read(world->function, 4096 - length, length);
		}
	}
	stop(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xsa_126_decode_through_the_machine),
		cmocka_unit_test(ch_347f8a036_other_functions_are_the_guests),
		cmocka_unit_test(ch_421b896ab_no_pin_without_an_interrupt),
		cmocka_unit_test(kvmtool_84998f2_64_bits_at_an_odd_index),
		cmocka_unit_test(kvmtool_3665392_bars_that_there_are_not),
		cmocka_unit_test(cve_2020_13754_accesses_that_leave_the_table),
		cmocka_unit_test(xen_68cc3c514a0a_the_devices_table_is_not_written),
		cmocka_unit_test(crosvm_002cd87a0_any_width),
	};

	return cmocka_run_group_tests_name("exam_config", tests, NULL, NULL);
}
