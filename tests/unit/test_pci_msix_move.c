/* SPDX-License-Identifier: MIT */
/* x-msix-relocation (spec 4.3): where the guest finds the table then, and that the device never sees it. */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"

static struct world *moved(unsigned to, int want)
{
	struct world *world = world_new();

	world_nvme(world); /* BAR 0 has 64 bits and 0x4000 bytes; 64 vectors at 0x2000, PBA at 0x3000 */
	world_bar(world, 4, PCI_BASE_ADDRESS_SPACE_IO, 0x20);
	world->function_config.msix_to = LEND_MSIX_TO_BAR + to;
	assert_int_equal(world_open(world), want);
	return world;
}

static void stop(struct world *world)
{
	world_close(world);
	world_free(world);
}

/* 64 entries and 8 bytes of pending bits are one page; the BAR doubles, and the table begins its second half.
 */
static void behind_what_is_there(void **state)
{
	struct world *world = moved(0, 0);
	struct lend_bar bar;

	(void)state;
	lend_function_bar(world->function, 0, &bar, sizeof(bar));
	assert_int_equal(bar.size, 0x8000);
	assert_int_equal(world_read(world, 0x50 + PCI_MSIX_TABLE, 4), 0x4000);
	assert_int_equal(world_read(world, 0x50 + PCI_MSIX_PBA, 4), 0x4400);
	world_start(world);
	/* All of what the device has is direct now; the page of its own table too. */
	assert_int_equal(world->bars[0].direct_count, 1);
	assert_int_equal(world->bars[0].direct[0].length, 0x4000);
	assert_int_equal(world->bars[0].size, 0x8000);
	world_clear(world);
	lend_function_bar_write(world->function, 0, 0x4000, 4, 0xfee00000);
	assert_int_equal(lend_function_bar_read(world->function, 0, 0x4000, 4), 0xfee00000);
	assert_int_equal(lend_function_bar_read(world->function, 0, 0x400c, 4), 1);
	/* What is behind it is nothing, and no access reaches the device beyond its end. */
	assert_int_equal(lend_function_bar_read(world->function, 0, 0x5000, 4), UINT32_MAX);
	lend_function_bar_write(world->function, 0, 0x5000, 4, 0);
	assert_int_equal(world->line_count, 0);
	/* Straddling the end of the device: its own bytes, and the table's. */
	lend_function_bar_read(world->function, 0, 0x3ffc, 8);
	assert_int_equal(world_count(world, "bar_read 0 3ffc 4"), 1);
	stop(world);
}

/* spec 4.3: a BAR smaller than what the table needs becomes twice that. */
static void behind_a_small_bar(void **state)
{
	struct world *world = world_new();
	struct lend_bar bar;

	(void)state;
	world_nvme(world);
	world_bar(world, 2, 0, 0x100);
	world->function_config.msix_to = LEND_MSIX_TO_BAR + 2;
	assert_int_equal(world_open(world), 0);
	lend_function_bar(world->function, 2, &bar, sizeof(bar));
	assert_int_equal(bar.size, 0x2000);
	assert_int_equal(world_read(world, 0x50 + PCI_MSIX_TABLE, 4), 0x1002);
	world_start(world);
	world_write(world, PCI_BASE_ADDRESS_2, 4, 0xe0100000);
	assert_int_equal(lend_function_bar_read(world->function, 2, 0x100c, 4), 1);
	assert_int_equal(lend_function_bar_read(world->function, 2, 0x100, 4), UINT32_MAX); /* nothing */
	lend_function_bar_write(world->function, 2, 0x10, 4, 0xcafe);
	assert_int_equal(lend_function_bar_read(world->function, 2, 0x10, 4), 0xcafe);
	stop(world);
}

static void in_a_bar_of_its_own(void **state)
{
	struct world *world = moved(2, 0);
	struct lend_bar bar;

	(void)state;
	lend_function_bar(world->function, 2, &bar, sizeof(bar));
	assert_int_equal(bar.size, 0x1000);
	assert_true(bar.is_64); /* BAR 3 is free */
	assert_true(bar.prefetchable);
	assert_int_equal(world_read(world, 0x50 + PCI_MSIX_TABLE, 4), 2);
	assert_int_equal(world_read(world, 0x50 + PCI_MSIX_PBA, 4), 0x402);
	world_write(world, PCI_BASE_ADDRESS_2, 4, 0xf0000000);
	world_start(world);
	assert_true(world->bars[2].placed);
	world_clear(world);
	lend_function_bar_write(world->function, 2, 12, 4, 0);
	assert_int_equal(lend_function_bar_read(world->function, 2, 12, 4), 0);
	assert_int_equal(lend_function_bar_read(world->function, 2, 0x800, 4), UINT32_MAX);
	assert_int_equal(world_count(world, "bar_"), 0);
	stop(world);
	world = moved(3, 0); /* BAR 4 is taken: 32 bits */
	lend_function_bar(world->function, 3, &bar, sizeof(bar));
	assert_false(bar.is_64);
	stop(world);
}

/* An interrupt by the moved table, and the device's own pending bits where the guest looks for them now. */
static void interrupts_and_pending_bits(void **state)
{
	struct world *world = moved(0, 0);

	(void)state;
	world_start(world);
	world_write(world, 0x53, 1, 0x80);
	lend_function_bar_write(world->function, 0, 0x4000 + 16, 8, 0xfee00000);
	lend_function_bar_write(world->function, 0, 0x4000 + 24, 4, 0x41);
	lend_function_bar_write(world->function, 0, 0x4000 + 28, 4, 0);
	assert_true(world_interrupt(world, 1));
	world_run(world);
	assert_int_equal(world->routes[1].delivered, 1);
	world->bytes[0][0x3000] = 0x80; /* the device says that vector 7 waits */
	assert_int_equal(lend_function_bar_read(world->function, 0, 0x4400, 4), 0x80);
	stop(world);
}

/* The cure for a PBA that lies outside of its BAR (4.1). */
static void heals_a_pba_in_no_bar(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_nvme(world);
	world_set(world, 0x50 + PCI_MSIX_PBA, 4, 0x100000);
	world->function_config.msix_to = LEND_MSIX_TO_BAR + 0;
	assert_int_equal(world_open(world), 0);
	world_start(world);
	assert_int_equal(lend_function_bar_read(world->function, 0, 0x4400, 4), 0);
	stop(world);
}

static void places_that_cannot_be(void **state)
{
	static const unsigned wrong[] = {1, 4, 6, 1000};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct world *world = moved(wrong[i], -EINVAL);

		assert_non_null(strstr(world->error.text, "0000:05:00.0"));
		world_free(world);
	}
}

static void bar_of_32_bits_that_cannot_grow(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_nvme(world);
	world_bar(world, 2, 0, UINT64_C(1) << 31);
	world->function_config.msix_to = LEND_MSIX_TO_BAR + 2;
	assert_int_equal(world_open(world), -EINVAL);
	assert_non_null(strstr(world->error.text, "cannot grow"));
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(behind_what_is_there),
		cmocka_unit_test(behind_a_small_bar),
		cmocka_unit_test(in_a_bar_of_its_own),
		cmocka_unit_test(interrupts_and_pending_bits),
		cmocka_unit_test(heals_a_pba_in_no_bar),
		cmocka_unit_test(places_that_cannot_be),
		cmocka_unit_test(bar_of_32_bits_that_cannot_grow),
	};

	return cmocka_run_group_tests_name("pci_msix_move", tests, NULL, NULL);
}
