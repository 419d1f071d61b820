/* SPDX-License-Identifier: MIT */
/* NVIDIA: the mirrors in BAR 0, the window of BAR 5, ports 3d0 and 3d4. */
#include "tests/unit/test_quirk.h"

enum { NVIDIA = 0x10de, VGA = 0x030000, MSI = 0x60, INDEX = 0x3d4, DATA = 0x3d0 };

static struct world *nvidia(void)
{
	struct world *world = device(NVIDIA, 0x11c0, VGA);

	world_vga(world);
	world_bar(world, 0, 0, 0x1000000);
	world_bar(world, 5, PCI_BASE_ADDRESS_SPACE_IO, 0x80);
	world_msi(world, PCI_MSI_FLAGS_64BIT, 1); /* at 0x60 */
	return world;
}

static void mirrors_in_bar_0(void **state)
{
	static const uint64_t at[] = {0x88000, 0x1800};
	struct world *world = run(nvidia(), 0);

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		world_clear(world);
		assert_int_equal(bar_get(world, 0, at[i], 4), 0x11c010de);
		assert_int_equal(bar_get(world, 0, at[i] + PCI_BASE_ADDRESS_0, 4), 0xe0000000);
		bar_put(world, 0, at[i] + PCI_INTERRUPT_LINE, 1, (uint64_t)(5 + i));
		assert_int_equal(world_get(world, PCI_INTERRUPT_LINE, 1), 5 + i);
		assert_int_equal(world_count(world, "bar_"), 0);
	}
	world_set(world, 0xffc, 4, 0x12345678);
	assert_int_equal(bar_get(world, 0, 0x88ffc, 4), 0x12345678); /* all 4 KiB */
	/* Ends: 0x1900 and 0x89000. */
	world_clear(world);
	bar_get(world, 0, 0x1900, 4);
	bar_get(world, 0, 0x89000, 4);
	assert_int_equal(world_count(world, "bar_read"), 2);
	assert_int_equal(world->bars[0].direct_count, 3);
	stop(world);
}

/* A write through the mirror that takes the BAR itself away. */
static void decode_off_through_the_mirror(void **state)
{
	struct world *world = run(nvidia(), 0);

	(void)state;
	bar_put(world, 0, 0x88000 + PCI_COMMAND, 2, PCI_COMMAND_IO);
	assert_false(world->bars[0].placed);
	assert_int_equal(bar_get(world, 0, 0x88000, 4), UINT32_MAX);
	stop(world);
}

/* Only the first two bytes of the MSI capability go to the hardware, whatever the width. */
static void msi_acknowledgement(void **state)
{
	struct world *world = run(nvidia(), 0);

	(void)state;
	bar_put(world, 0, 0x88000 + MSI, 1, 0xff);
	assert_int_equal(world_count(world, "bar_write"), 1);
	assert_true(recorded(world, "bar_write 0 88060 1 ff"));
	world_clear(world);
	bar_put(world, 0, 0x88000 + MSI, 4, 0x0001ffff); /* the enable bit is in the upper half */
	assert_int_equal(world_count(world, "bar_write"), 1);
	assert_true(recorded(world, "bar_write 0 88060 2 ffff"));
	assert_int_equal(world_read(world, MSI + PCI_MSI_FLAGS, 2) & PCI_MSI_FLAGS_ENABLE,
			 PCI_MSI_FLAGS_ENABLE);
	world_clear(world);
	bar_put(world, 0, 0x88000 + MSI - 2, 4, 0xaabbccdd);
	assert_true(recorded(world, "bar_write 0 88060 2 aabb"));
	assert_int_equal(world_read(world, MSI, 1), PCI_CAP_ID_MSI); /* and is read-only for the guest */
	world_clear(world);
	bar_put(world, 0, 0x88000 + MSI + 2, 2, 0);
	assert_int_equal(world_count(world, "bar_write"), 0);
	bar_put(world, 0, 0x1800 + MSI + 1, 1, 0x11);
	assert_true(recorded(world, "bar_write 0 1861 1 11"));
	stop(world);
}

static void window_of_bar_5(void **state)
{
	struct world *world = run(nvidia(), 5);

	(void)state;
	bar_put(world, 5, 8, 4, 0x88000);
	world_clear(world);
	bar_get(world, 5, 0xc, 4); /* it is not open */
	assert_true(recorded(world, "bar_read 5 c 4"));
	bar_put(world, 5, 0, 4, 1);
	bar_put(world, 5, 4, 4, 1);
	assert_true(recorded(world, "bar_write 5 4 4 1"));
	world_clear(world);
	assert_int_equal(bar_get(world, 5, 0xc, 4), 0x11c010de);
	bar_put(world, 5, 8, 4, 0x1800 + PCI_BASE_ADDRESS_5);
	assert_int_equal(bar_get(world, 5, 0xc, 4), 0xc001);
	bar_put(world, 5, 8, 4, 0x88000 + PCI_INTERRUPT_LINE);
	bar_put(world, 5, 0xc, 1, 3);
	assert_int_equal(world_get(world, PCI_INTERRUPT_LINE, 1), 3);
	assert_int_equal(world_count(world, "bar_read"), 0);
	bar_put(world, 5, 4, 4, 0);
	bar_get(world, 5, 0xc, 4);
	assert_int_equal(world_count(world, "bar_read"), 1);
	bar_put(world, 5, 4, 4, 1);
	bar_put(world, 5, 0, 4, 0);
	bar_get(world, 5, 0xc, 4);
	assert_int_equal(world_count(world, "bar_read"), 2);
	stop(world);
}

static void hostile_window_of_bar_5(void **state)
{
	static const uint32_t outside[] = {0, 0x17ff, 0x1900, 0x87fff, 0x89000, UINT32_MAX};
	struct world *world = run(nvidia(), 5);

	(void)state;
	bar_put(world, 5, 0, 8, UINT64_C(0x100000001)); /* both at once */
	for (unsigned i = 0; i < sizeof(outside) / sizeof(*outside); i++) {
		bar_put(world, 5, 8, 4, outside[i]);
		world_clear(world);
		bar_get(world, 5, 0xc, 4);
		assert_int_equal(world_count(world, "bar_read"), 1);
	}
	/* The last byte of the small mirror: what follows it in config space is not shown. */
	world_set(world, 0xff, 2, 0xcafe);
	bar_put(world, 5, 8, 4, 0x18ff);
	assert_int_equal(bar_get(world, 5, 0xc, 4), 0xfffffffe);
	bar_put(world, 5, 0xc, 4, 0);
	assert_int_equal(world_get(world, 0xff, 2), 0xca00);
	bar_put(world, 5, 8, 4, 0x88ffe);
	world_set(world, 0xffe, 2, 0x4321);
	assert_int_equal(bar_get(world, 5, 0xc, 4), 0xffff4321);
	/* Across the address and the data register. */
	bar_put(world, 5, 8, 8, UINT64_C(0x0000000600000000) | (0x88000 + PCI_INTERRUPT_LINE));
	assert_int_equal(world_get(world, PCI_INTERRUPT_LINE, 1), 6);
	bar_get(world, 5, 0xd, 7);
	stop(world);
}

static void vga_ports(void **state)
{
	struct world *world = run(nvidia(), 5);

	(void)state;
	vga_put(world, INDEX, 2, 0x338);
	vga_put(world, DATA, 4, 0x1800);
	vga_put(world, INDEX, 2, 0x538);
	world_clear(world);
	assert_int_equal(vga_get(world, DATA, 4), 0x11c010de);
	assert_int_equal(vga_get(world, DATA + 2, 2), 0x11c0);
	assert_int_equal(world_count(world, "bar_"), 0);
	/* The same in bytes, to the BAR. */
	vga_put(world, INDEX, 1, 0x38);
	vga_put(world, INDEX + 1, 1, 0x03);
	vga_put(world, DATA, 4, 0x1800 + PCI_INTERRUPT_LINE);
	vga_put(world, INDEX + 1, 1, 0x07);
	vga_put(world, DATA, 1, 0x0b);
	assert_int_equal(world_get(world, PCI_INTERRUPT_LINE, 1), 0x0b);
	/* To be written is not to be read. */
	world_clear(world);
	vga_get(world, DATA, 4);
	assert_true(recorded(world, "bar_read 8 3d0 4"));
	/* Index and data in one access are split. */
	world_clear(world);
	vga_put(world, DATA + 2, 4, 0x03380000);
	assert_true(recorded(world, "bar_write 8 3d4 2 338"));
	stop(world);
}

static void hostile_vga_ports(void **state)
{
	static const uint32_t outside[] = {0, 0x17ff, 0x1900, 0x88000, UINT32_MAX};
	struct world *world = run(nvidia(), 5);

	(void)state;
	for (unsigned i = 0; i < sizeof(outside) / sizeof(*outside); i++) {
		vga_put(world, INDEX, 2, 0x338);
		vga_put(world, DATA, 4, outside[i]);
		vga_put(world, INDEX, 2, 0x538);
		world_clear(world);
		vga_get(world, DATA, 4);
		assert_int_equal(world_count(world, "bar_read 8 3d0 4"), 1);
	}
	/* Another register of the CRT controller leaves it as it was; another value of this one does not. */
	vga_put(world, INDEX, 2, 0x338);
	vga_put(world, DATA, 4, 0x18fe);
	vga_put(world, INDEX, 2, 0x0511);
	vga_put(world, INDEX, 2, 0x538);
	world_set(world, 0xfe, 4, 0x11223344);
	assert_int_equal(vga_get(world, DATA, 4), 0xffff3344);
	vga_put(world, INDEX, 2, 0x138);
	world_clear(world);
	vga_get(world, DATA, 4);
	assert_int_equal(world_count(world, "bar_read"), 1);
	stop(world);
}

/* After a reset the registers are as at the start. */
static void registers_after_a_reset(void **state)
{
	struct world *world = run(nvidia(), 5);
	struct lend_reset_report report;

	(void)state;
	bar_put(world, 5, 0, 8, UINT64_C(0x100000001));
	bar_put(world, 5, 8, 4, 0x88000);
	assert_int_equal(lend_context_reset(world->context, &world->function, 1, &report, sizeof(report)), 0);
	world_write(world, PCI_BASE_ADDRESS_5, 4, 0xc000);
	world_write(world, PCI_COMMAND, 2, DECODE);
	world_clear(world);
	bar_get(world, 5, 0xc, 4);
	assert_true(recorded(world, "bar_read 5 c 4"));
	stop(world);
}

/* A life in which each call of device, monitor and IOMMU fails once: nothing is left, and no rule is broken.
 */
static void every_call_fails_once(void **state)
{
	unsigned n = 0, made = 0;

	(void)state;
	do {
		struct world *world = nvidia();
		struct lend_reset_report report;

		world->fail_at = ++n;
		if (!world_open(world)) {
			made++;
			world_write(world, PCI_BASE_ADDRESS_0, 4, 0xe0000000);
			world_write(world, PCI_COMMAND, 2, DECODE);
			for (unsigned i = 0; i < 11; i++)
				bar_put(world, 0, 0x88000 + MSI, 1, 0xff);
			vga_put(world, INDEX, 2, 0x338);
			world_write(world, PCI_BASE_ADDRESS_0, 4, 0xd0000000);
			bar_get(world, 0, 0x1800, 4);
			lend_context_reset(world->context, &world->function, 1, &report, sizeof(report));
			world_write(world, PCI_COMMAND, 2, DECODE);
			world_write(world, PCI_COMMAND, 2, 0);
			world_close(world);
		}
		made += world->calls < n ? 1000 : 0;
		world_free(world);
	} while (made < 1000);
	assert_true(n > 60);
}

static void without_geforce_quirks(void **state)
{
	struct world *world = nvidia();

	(void)state;
	world->function_config.no_geforce = true;
	run(world, 0);
	assert_int_equal(world->bars[0].direct_count, 1);
	bar_get(world, 0, 0x88000, 4);
	assert_true(recorded(world, "bar_read 0 88000 4"));
	stop(world);
	world = nvidia();
	world->function_config.no_geforce = true;
	run(world, 5);
	bar_put(world, 5, 0, 8, UINT64_C(0x100000001));
	bar_put(world, 5, 8, 4, 0x88000);
	bar_get(world, 5, 0xc, 4);
	assert_true(recorded(world, "bar_read 5 c 4"));
	stop(world);
}

/* Without x-vga only the large mirror is there; of a 3D controller none. */
static void without_vga(void **state)
{
	struct world *world = nvidia();

	(void)state;
	world->function_config.vga = false;
	run(world, 0);
	assert_int_equal(world->bars[0].direct_count, 2);
	stop(world);
	world = nvidia();
	world->function_config.vga = false;
	world_set(world, PCI_CLASS_REVISION, 4, 0x03020000);
	run(world, 0);
	assert_int_equal(world->bars[0].direct_count, 1);
	stop(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mirrors_in_bar_0),
		cmocka_unit_test(decode_off_through_the_mirror),
		cmocka_unit_test(msi_acknowledgement),
		cmocka_unit_test(window_of_bar_5),
		cmocka_unit_test(hostile_window_of_bar_5),
		cmocka_unit_test(vga_ports),
		cmocka_unit_test(hostile_vga_ports),
		cmocka_unit_test(registers_after_a_reset),
		cmocka_unit_test(every_call_fails_once),
		cmocka_unit_test(without_geforce_quirks),
		cmocka_unit_test(without_vga),
	};

	return cmocka_run_group_tests_name("quirk_nvidia", tests, NULL, NULL);
}
