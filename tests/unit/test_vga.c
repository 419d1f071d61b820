/* SPDX-License-Identifier: MIT */
/* The legacy VGA ranges: who gets them, when they answer, and their edges. */
#include <string.h>

#include "tests/unit/test_quirk.h"

static struct world *vga(void)
{
	struct world *world = device(0x1234, 0x1111, 0x030000);

	world_vga(world);
	world_bar(world, 0, PCI_BASE_ADDRESS_MEM_PREFETCH, 0x1000000);
	for (unsigned i = 0; i < sizeof(world->vga); i++)
		world->vga[i] = (uint8_t)(i * 3 + (i >> 8));
	return world;
}

static uint64_t byte(uint32_t address)
{
	return (uint8_t)(address * 3 + (address >> 8));
}

static void decode_decides(void **state)
{
	struct world *world = start(vga());

	(void)state;
	assert_int_equal(vga_get(world, 0xa0000, 1), 0xff);
	assert_int_equal(vga_get(world, 0x3c0, 1), 0xff);
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_true(world->vga_memory);
	assert_false(world->vga_ports);
	assert_int_equal(vga_get(world, 0xa0000, 1), byte(0xa0000));
	assert_int_equal(vga_get(world, 0x3c0, 1), 0xff);
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_IO);
	assert_false(world->vga_memory);
	assert_true(world->vga_ports);
	assert_int_equal(vga_get(world, 0xa0000, 1), 0xff);
	assert_int_equal(vga_get(world, 0x3c0, 1), byte(0x3c0));
	world_write(world, PCI_COMMAND, 2, 0);
	assert_false(world->vga_ports);
	stop(world);
}

/* What goes is told before COMMAND is written to the device, what comes after it. */
static void order(void **state)
{
	struct world *world = start(vga());

	(void)state;
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
	world_expect_order(world, "cfg_write 4 2 3", "vga 1 1", NULL);
	world_clear(world);
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_IO);
	world_expect_order(world, "vga 0 1", "cfg_write 4 2 1", NULL);
	assert_int_equal(world_count(world, "vga"), 1);
	stop(world);
}

static void every_edge(void **state)
{
	static const struct {
		uint32_t address;
		unsigned length, in; /* bytes of it that are the device's */
	} cases[] = {
		{0x3af, 1, 0},   {0x3b0, 4, 4},   {0x3b8, 4, 4},   {0x3ba, 4, 2},      {0x3bb, 1, 1},
		{0x3bc, 1, 0},   {0x3bf, 2, 0},   {0x3c0, 1, 1},   {0x3dc, 4, 4},      {0x3de, 4, 2},
		{0x3e0, 1, 0},   {0x9ffff, 2, 0}, {0xa0000, 8, 8}, {0xbfff8, 8, 8},    {0xbfffe, 4, 2},
		{0xbffff, 8, 1}, {0xc0000, 1, 0}, {0, 4, 0},       {UINT32_MAX, 4, 0}, {0xa0001, 3, 3},
	};
	struct world *world = start(vga());

	(void)state;
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t got;

		world_clear(world);
		got = vga_get(world, cases[i].address, cases[i].length);
		for (unsigned n = 0; n < cases[i].length; n++)
			assert_int_equal(got >> 8 * n & 0xff,
					 n < cases[i].in ? byte(cases[i].address + n) : 0xff);
		if (!cases[i].in)
			assert_int_equal(world->line_count, 0);
		vga_put(world, cases[i].address, cases[i].length, UINT64_MAX);
		for (unsigned n = 0; n < cases[i].in; n++) {
			assert_int_equal(world->vga[cases[i].address + n], 0xff);
			world->vga[cases[i].address + n] = (uint8_t)byte(cases[i].address + n);
		}
	}
	assert_int_equal(vga_get(world, 0x3c0, 9), UINT64_MAX);
	vga_put(world, 0x3c0, 0, 5);
	stop(world);
}

/* One access of the guest is one of the device, of its own width; and it ends no line interrupt. */
static void own_width(void **state)
{
	struct world *world = vga();

	(void)state;
	world->vectors[LEND_IRQ_INTX] = 1;
	world->function_config.no_intx_bypass = true;
	start(world);
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
	world_clear(world);
	vga_get(world, 0x3d4, 2);
	vga_put(world, 0xb8000, 4, 0x07410742);
	assert_int_equal(world->line_count, 2);
	world_expect_order(world, "bar_read 8 3d4 2", "bar_write 8 b8000 4 7410742", NULL);
	stop(world);
}

static void not_in_d0_and_withdrawn(void **state)
{
	struct world *world = vga();

	(void)state;
	world_set(world, world_cap(world, 0x40, PCI_CAP_ID_PM) + PCI_PM_PMC, 2, 3);
	start(world);
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	world_write(world, 0x44, 2, 3);
	assert_false(world->vga_memory);
	world_write(world, 0x44, 2, 0);
	assert_true(world->vga_memory);
	world_set(world, PCI_COMMAND, 2, 0); /* a reset behind our back */
	lend_function_bar_fault(world->function);
	assert_false(world->vga_memory);
	lend_function_quiesce(world->function);
	stop(world);
}

/* A reset by the guest is no write to its decode bits: what the kernel withdrew stays away. */
static void a_reset_does_not_bring_back_what_was_withdrawn(void **state)
{
	struct world *world = vga();

	(void)state;
	world_exp(world, PCI_EXP_TYPE_ENDPOINT, PCI_EXP_DEVCAP_FLR);
	start(world);
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	world_set(world, PCI_COMMAND, 2, 0);
	lend_function_bar_fault(world->function);
	world_write(world, 0x80 + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	assert_false(world->vga_memory);
	assert_int_equal(vga_get(world, 0xa0000, 1), 0xff);
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_true(world->vga_memory);
	stop(world);
}

static void the_monitor_refuses(void **state)
{
	struct world *world = start(vga());

	(void)state;
	world->vga_maps_failing = 1;
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(world->log_lines, 1);
	assert_int_equal(vga_get(world, 0xa0000, 1), 0xff);
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_true(world->vga_memory);
	stop(world);
}

static void who_gets_them(void **state)
{
	struct world *world = vga();

	(void)state;
	world->function_config.vga = false; /* not asked for */
	start(world);
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(world_count(world, "vga"), 0);
	stop(world);
	world = vga();
	world_set(world, PCI_CLASS_REVISION, 4, 0x03800000); /* display, but no VGA */
	start(world);
	assert_int_equal(world->log_lines, 1);
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(world_count(world, "vga"), 0);
	stop(world);
	for (unsigned i = 0; i < 3; i++) {
		world = vga();
		world->regions[LEND_REGION_VGA].size -= i == 0;
		world->regions[LEND_REGION_VGA].writable = i != 1;
		world->regions[LEND_REGION_VGA].readable = i != 2;
		assert_int_equal(world_open(world), -ENOTSUP);
		assert_non_null(strstr(world->error.text, "CONFIG_VFIO_PCI_VGA"));
		world_free(world);
	}
}

static void a_failed_read_is_all_ones(void **state)
{
	struct world *world = start(vga());

	(void)state;
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_IO);
	world->fail_reads = true;
	assert_int_equal(vga_get(world, 0x3c0, 4), UINT32_MAX);
	assert_non_null(strstr(world->last_log, "VGA"));
	world->fail_reads = false;
	stop(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decode_decides),
		cmocka_unit_test(order),
		cmocka_unit_test(every_edge),
		cmocka_unit_test(own_width),
		cmocka_unit_test(not_in_d0_and_withdrawn),
		cmocka_unit_test(a_reset_does_not_bring_back_what_was_withdrawn),
		cmocka_unit_test(the_monitor_refuses),
		cmocka_unit_test(who_gets_them),
		cmocka_unit_test(a_failed_read_is_all_ones),
	};

	return cmocka_run_group_tests_name("vga", tests, NULL, NULL);
}
