/* SPDX-License-Identifier: MIT */
/* ATI: port 3c3, the window of BAR 4, the mirror in BAR 2. */
#include "tests/unit/test_quirk.h"

enum { ATI = 0x1002, VGA = 0x030000 };

static struct world *ati(void)
{
	struct world *world = device(ATI, 0x6779, VGA);

	world_vga(world);
	world_bar(world, 2, PCI_BASE_ADDRESS_MEM_TYPE_64, 0x10000);
	world_bar(world, 4, PCI_BASE_ADDRESS_SPACE_IO, 0x100);
	return world;
}

static void port_3c3_reads_the_guests_bar(void **state)
{
	struct world *world = run(ati(), 4);

	(void)state;
	world->vga[0x3c3] = 0xab; /* the host's */
	world->vga[0x3c4] = 0x5a;
	assert_int_equal(vga_get(world, 0x3c3, 1), 0xc0);
	assert_int_equal(world->line_count, 0);
	world_write(world, PCI_BASE_ADDRESS_4, 4, 0xd200);
	assert_int_equal(vga_get(world, 0x3c3, 1), 0xd2);
	/* A word straddles its end: the next byte is the device's. */
	world_clear(world);
	assert_int_equal(vga_get(world, 0x3c3, 2), 0x5ad2);
	assert_true(recorded(world, "bar_read 8 3c4 1"));
	vga_put(world, 0x3c3, 1, 1);
	assert_true(recorded(world, "bar_write 8 3c3 1 1"));
	stop(world);
}

static void window_to_config_space(void **state)
{
	struct world *world = run(ati(), 4);

	(void)state;
	bar_put(world, 4, 0, 4, 0x4000);
	assert_true(recorded(world, "bar_write 4 0 4 4000")); /* the device's register agrees */
	assert_int_equal(bar_get(world, 4, 4, 4), 0x67791002);
	assert_int_equal(bar_get(world, 4, 6, 2), 0x6779);
	bar_put(world, 4, 0, 4, 0x4000 + PCI_BASE_ADDRESS_4);
	assert_int_equal(bar_get(world, 4, 4, 4), 0xc001); /* the guest's address, never the host's */
	assert_int_equal(world_count(world, "bar_read"), 0);
	/* A byte of the address at a time selects as well. */
	bar_put(world, 4, 0, 1, PCI_INTERRUPT_LINE);
	bar_put(world, 4, 4, 1, 9);
	assert_int_equal(world_get(world, PCI_INTERRUPT_LINE, 1), 9);
	/* Elsewhere the window is the device's. */
	world_clear(world);
	bar_put(world, 4, 0, 4, 0x2000);
	bar_put(world, 4, 4, 4, 0x1234);
	bar_get(world, 4, 4, 4);
	assert_true(recorded(world, "bar_write 4 4 4 1234"));
	assert_true(recorded(world, "bar_read 4 4 4"));
	stop(world);
}

/* An index that the guest chose is checked at each access; XSA-112: across the registers' ends. */
static void hostile_window(void **state)
{
	static const uint32_t outside[] = {0, 0x3fff, 0x5000, 0x4000 + 0x1000, UINT32_MAX, 0x80004000};
	struct world *world = run(ati(), 4);

	(void)state;
	for (unsigned i = 0; i < sizeof(outside) / sizeof(*outside); i++) {
		bar_put(world, 4, 0, 4, outside[i]);
		world_clear(world);
		bar_get(world, 4, 4, 4);
		assert_int_equal(world_count(world, "bar_read 4 4 4"), 1);
	}
	bar_put(world, 4, 0, 4, 0x4000 + 0xffe); /* two bytes are left of config space */
	world_set(world, 0xffe, 2, 0xbeef);
	assert_int_equal(bar_get(world, 4, 4, 4), 0xffffbeef);
	bar_put(world, 4, 4, 4, 0x11223344);
	assert_int_equal(world_get(world, 0xffe, 2), 0x3344);
	/* Eight bytes at once: address first, then what it leads to. */
	bar_put(world, 4, 0, 8, UINT64_C(0x0000000700000000) | (0x4000 + PCI_INTERRUPT_LINE));
	assert_int_equal(world_get(world, PCI_INTERRUPT_LINE, 1), 7);
	bar_put(world, 4, 0, 4, 0x4000);
	/* Odd widths, and over the end of the data register. */
	assert_int_equal(bar_get(world, 4, 5, 3), 0x677910);
	world->bytes[4][8] = 0x77;
	world_clear(world);
	assert_int_equal(bar_get(world, 4, 7, 2), 0x7767);
	assert_true(recorded(world, "bar_read 4 8 1"));
	stop(world);
}

static void mirror_in_bar_2(void **state)
{
	struct world *world = run(ati(), 2);
	struct lend_explain_row rows[8];

	(void)state;
	assert_int_equal(bar_get(world, 2, 0x4000, 4), 0x67791002);
	assert_int_equal(bar_get(world, 2, 0x4000 + PCI_BASE_ADDRESS_2, 4), 0xe0000004);
	assert_int_equal(bar_get(world, 2, 0x4000, 8) & UINT32_MAX, 0x67791002);
	bar_put(world, 2, 0x4000 + PCI_INTERRUPT_LINE, 1, 7);
	assert_int_equal(world_get(world, PCI_INTERRUPT_LINE, 1), 7);
	assert_int_equal(world_count(world, "bar_"), 0);
	/* Its end is its end, in the middle of an access. */
	world->bytes[2][0x4100] = 0x99;
	assert_int_equal(bar_get(world, 2, 0x40ff, 2) >> 8, 0x99);
	assert_true(recorded(world, "bar_read 2 4100 1"));
	/* Its page traps, and only its page. */
	assert_int_equal(world->bars[2].direct_count, 2);
	assert_int_equal(world->bars[2].direct[0].length, 0x4000);
	assert_int_equal(world->bars[2].direct[1].offset, 0x5000);
	assert_true(lend_function_explain(world->function, rows, 8, sizeof(*rows)) >= 3);
	assert_int_equal(rows[1].reason, LEND_REASON_QUIRK);
	assert_int_equal(rows[1].offset, 0x4000);
	assert_int_equal(rows[1].length, 0x1000);
	stop(world);
}

/* Without x-vga, of another maker, or of another class, the registers are the device's. */
static void only_where_it_belongs(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct world *world = ati();

		if (i == 0)
			world->function_config.vga = false;
		if (i == 1)
			world_set(world, PCI_VENDOR_ID, 2, 0x1234);
		if (i == 2)
			world_set(world, PCI_CLASS_REVISION, 4, 0x03800000);
		run(world, 2);
		assert_int_equal(world->bars[2].direct_count, 1);
		bar_get(world, 2, 0x4000, 4);
		assert_true(recorded(world, "bar_read 2 4000 4"));
		stop(world);
	}
	/* A BAR 4 of memory, or too small, is no window. */
	struct world *world = ati();

	world_bar(world, 4, PCI_BASE_ADDRESS_SPACE_IO, 0x80);
	run(world, 4);
	bar_put(world, 4, 0, 4, 0x4000);
	world_clear(world);
	bar_get(world, 4, 4, 4);
	assert_true(recorded(world, "bar_read 4 4 4"));
	vga_get(world, 0x3c3, 1);
	assert_true(recorded(world, "bar_read 8 3c3 1"));
	stop(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(port_3c3_reads_the_guests_bar),
		cmocka_unit_test(window_to_config_space),
		cmocka_unit_test(hostile_window),
		cmocka_unit_test(mirror_in_bar_2),
		cmocka_unit_test(only_where_it_belongs),
	};

	return cmocka_run_group_tests_name("quirk_ati", tests, NULL, NULL);
}
