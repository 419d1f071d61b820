/* SPDX-License-Identifier: MIT */
/* MSI-X: where a device says that its table and PBA are. */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"
#include "tests/unit/test_pci_msix.h"

static void refuse(unsigned vectors, unsigned bar, uint32_t table, unsigned pba_bar, uint32_t pba_offset)
{
	struct world *world = world_new();

	world_bar(world, 0, 0, 0x4000);
	world_bar(world, 1, PCI_BASE_ADDRESS_SPACE_IO, 0x40);
	world_msix(world, vectors, bar, table, pba_bar, pba_offset);
	assert_int_equal(world_open(world), -EPROTO);
	assert_non_null(strstr(world->error.text, "MSI-X"));
	world_free(world);
}

/* Spec 14, case 12. */
static void case_14_12_layouts(void **state)
{
	(void)state;
	refuse(64, 6, 0, 0, 0x3000);
	refuse(64, 0, 0, 7, 0x3000);
	refuse(64, 0, 0x4000, 0, 0);
	refuse(64, 0, 0x3c10, 0, 0);
	refuse(64, 0, 0, 0, 0x4000);
	refuse(64, 0, 0, 0, 0x3f8);
	refuse(64, 1, 0, 0, 0);
	refuse(64, 2, 0, 0, 0);
	refuse(64, 0, 0xfffffff8, 0, 0);
}

static void pba_fixups(void **state)
{
	struct world *world = world_new();

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
	struct world *world = world_new();

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
		cmocka_unit_test(pba_fixups),
		cmocka_unit_test(no_interrupts_hides_it),
	};

	return cmocka_run_group_tests_name("pci_msix_layout", tests, NULL, NULL);
}
