/* SPDX-License-Identifier: MIT */
/* MSI-X: where a device says that its table and PBA are. */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"
#include "tests/unit/test_pci.h"

enum { ENABLE = 0x80, CONTROL = 0x53 };

static struct world *with(unsigned vectors, unsigned bar, uint32_t table, unsigned pba_bar, uint32_t pba)
{
	struct world *world = world_filtered();

	world_bar(world, 0, 0, 0x4000);
	world_bar(world, 1, PCI_BASE_ADDRESS_SPACE_IO, 0x40);
	world_msix(world, vectors, bar, table, pba_bar, pba);
	return world;
}

struct layout {
	unsigned vectors, bar;
	uint32_t table;
	unsigned pba_bar;
	uint32_t pba;
	const char *said;
};

/* Where the kernel of the host does not find the table either. */
static const struct layout bad_tables[] = {
	{64, 6, 0, 0, 0x3000, "its table, 1024 bytes at 0x0 of BAR 6, is in no BAR"},
	{64, 7, 0, 7, 0x800, "its table, 1024 bytes at 0x0 of BAR 7, is in no BAR"},
	{64, 0, 0x4000, 0, 0, "its table, 1024 bytes at 0x4000 of BAR 0, is outside of it"},
	{64, 0, 0x3c10, 0, 0, "its table, 1024 bytes at 0x3c10 of BAR 0, is outside of it"},
	{64, 1, 0, 0, 0, "of BAR 1, is among its I/O ports"},
	{64, 2, 0, 0, 0, "of BAR 2, is in no BAR"},
	{64, 0, 0xfffffff8, 0, 0, "at 0xfffffff8 of BAR 0, is outside of it"},
};

/* Where it does, and only the PBA is wrong. */
static const struct layout bad_pbas[] = {
	{64, 0, 0, 6, 0x3000, "its PBA, 8 bytes at 0x3000 of BAR 6, is in no BAR"},
	{64, 0, 0, 7, 0x3000, "its PBA, 8 bytes at 0x3000 of BAR 7, is in no BAR"},
	{64, 0, 0, 0, 0x4000, "its PBA, 8 bytes at 0x4000 of BAR 0, is outside of it"},
	{64, 0, 0, 1, 0x40, "its PBA, 8 bytes at 0x40 of BAR 1, is among its I/O ports"},
	{64, 0, 0x400, 0, 0x400, "its table and PBA overlap in BAR 0"},
	{64, 0, 0x400, 0, 0x7f8, "its table and PBA overlap in BAR 0"},
	{64, 0, 0x400, 0, 0x3f8, NULL},
	{64, 0, 0x400, 0, 0x800, NULL},
	{64, 0, 0, 0, 0x3ff8, NULL},
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static struct world *of(const struct layout *at)
{
	return with(at->vectors, at->bar, at->table, at->pba_bar, at->pba);
}

/* Spec 14, case 12: with nothing else that could interrupt it is an error. */
static void case_14_12_layouts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad_tables); i++) {
		struct world *world = of(&bad_tables[i]);

		assert_int_equal(world_open(world), -EPROTO);
		assert_non_null(strstr(world->error.text, bad_tables[i].said));
		assert_non_null(strstr(world->error.text, "the host cannot use it either"));
		world_free(world);
	}
}

static void has_hidden(struct world *world, const char *said)
{
	start(world);
	assert_int_equal(world_read(world, PCI_CAPABILITY_LIST, 1) == 0x50, 0);
	assert_int_equal(world->log_lines, 1);
	assert_non_null(strstr(world->last_log, said));
	assert_non_null(strstr(world->last_log, "gets its other interrupts"));
	world_write(world, CONTROL, 1, ENABLE);
	assert_int_equal(world_count(world, "irqs"), 0);
	stop(world);
}

/* With a pin, or MSI, the guest has those alone. */
static void table_that_is_nowhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad_tables); i++) {
		struct world *world = of(&bad_tables[i]);

		world->vectors[LEND_IRQ_INTX] = 1;
		has_hidden(world, bad_tables[i].said);
		world = of(&bad_tables[i]);
		world_msi(world, 0, 1);
		has_hidden(world, bad_tables[i].said);
	}
}

/* A place that the user gives for the guest does not make the device's own table one that the host finds. */
static void table_that_is_nowhere_is_not_moved(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad_tables); i++) {
		struct world *world = of(&bad_tables[i]);

		world->function_config.msix_to = LEND_MSIX_TO_BAR + 2;
		assert_int_equal(world_open(world), -EPROTO);
		assert_non_null(strstr(world->error.text, "the host cannot use it either"));
		world_free(world);
		world = of(&bad_tables[i]);
		world->function_config.msix_to = LEND_MSIX_TO_BAR + 2;
		world->vectors[LEND_IRQ_INTX] = 1;
		has_hidden(world, bad_tables[i].said);
	}
}

/* A BAR that the device has not takes both; the first one, though MSI would be there too. */
static void pba_that_is_nowhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad_pbas); i++) {
		const struct layout *at = &bad_pbas[i];
		struct world *world = of(at);

		world_msi(world, 0, 1);
		world->bytes[0][at->pba % WORLD_BAR_BYTES] = at->said && at->pba_bar == 0 ? 0xff : 0;
		start(world);
		assert_int_equal(world->log_lines, at->said ? 1 : 0);
		assert_int_equal(world_read(world, 0x54, 4), at->said ? 2 : at->table);
		assert_int_equal(world_read(world, 0x58, 4), at->said ? 0x402 : at->pba);
		if (at->said) {
			assert_non_null(strstr(world->last_log, at->said));
			assert_non_null(strstr(world->last_log, "the guest finds them in BAR 2"));
			/* What the device has where they overlap are no pending bits. */
			world_write(world, PCI_BASE_ADDRESS_2, 4, 0xf0000000);
			world_start(world);
			if (at->table)
				assert_int_equal(lend_function_bar_read(world->function, 2, 0x400, 1), 0);
		}
		stop(world);
	}
}

/* The sentence of one function is enough for the device. */
static void said_once(void **state)
{
	struct world *world = start(of(&bad_pbas[0]));
	struct lend_function_config config = {.size = sizeof(config), .peer = world};
	struct lend_function *second;

	(void)state;
	assert_int_equal(lend_function_new(world->device, &config, &second, NULL), 0);
	assert_int_equal(world->log_lines, 1);
	lend_function_free(second);
	stop(world);
}

/* All BARs are taken: other interrupts, or the way out that the user has. */
static void no_bar_is_free(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct world *world = with(64, 0, 0, 0, 0x200);

		/* BAR 5 is free only where BAR 4 has 32 bits. */
		world_bar(world, 2, PCI_BASE_ADDRESS_MEM_TYPE_64, 0x1000);
		world_bar(world, 4, i == 3 ? 0 : PCI_BASE_ADDRESS_MEM_TYPE_64, 0x1000);
		world->vectors[LEND_IRQ_INTX] = i == 1;
		if (i == 2)
			world_msi(world, 0, 1);
		if (i == 3) {
			start(world);
			assert_int_equal(world_read(world, 0x54, 4), 5);
			stop(world);
		} else if (i) {
			has_hidden(world, "overlap in BAR 0");
		} else {
			assert_int_equal(world_open(world), -EPROTO);
			assert_non_null(strstr(world->error.text, "x-msix-relocation=bar0"));
			world->function_config.msix_to = LEND_MSIX_TO_BAR + 0;
			start(world);
			assert_int_equal(world_read(world, 0x54, 4), 0x4000);
			stop(world);
		}
	}
}

static void pba_fixups(void **state)
{
	struct world *world = world_filtered();

	(void)state;
	world_set(world, PCI_VENDOR_ID, 4, 0x58011425);
	world_bar(world, 0, 0, 0x4000);
	world_msix(world, 64, 0, 0, 0, 0x8000);
	assert_int_equal(world_open(world), 0);
	assert_int_equal(world_read(world, 0x58, 4), 0x1000);
	stop(world);
}

static void no_interrupts_hides_it(void **state)
{
	struct world *world = world_filtered();

	(void)state;
	world_nvme(world);
	world->vectors[LEND_IRQ_MSIX] = 0;
	assert_int_equal(world_open(world), 0);
	assert_int_equal(world_read(world, 0x41, 1), 0x80);
	world_write(world, CONTROL, 1, ENABLE);
	assert_int_equal(world_get(world, 0x52, 2), 63);
	stop(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(case_14_12_layouts),
		cmocka_unit_test(table_that_is_nowhere),
		cmocka_unit_test(pba_that_is_nowhere),
		cmocka_unit_test(said_once),
		cmocka_unit_test(no_bar_is_free),
		cmocka_unit_test(pba_fixups),
		cmocka_unit_test(no_interrupts_hides_it),
		cmocka_unit_test(table_that_is_nowhere_is_not_moved),
	};

	return cmocka_run_group_tests_name("pci_msix_layout", tests, NULL, NULL);
}
