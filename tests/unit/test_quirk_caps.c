/* SPDX-License-Identifier: MIT */
/* Capabilities of ours: GPUDirect's clique and VMD's BARs; and the table itself. */
#include <string.h>

#include "lib/pci/rules/quirk.h"
#include "tests/unit/test_quirk.h"

enum { NVIDIA = 0x10de, INTEL = 0x8086 };

static struct world *nvidia_at(unsigned pm)
{
	struct world *world = device(NVIDIA, 0x11c0, 0x030200);

	world_set(world, world_cap(world, pm, PCI_CAP_ID_PM) + PCI_PM_PMC, 2, 3);
	world->function_config.has_clique = true;
	world->function_config.clique = 15;
	return world;
}

static void clique(void **state)
{
	struct world *world = nvidia_at(0x60);

	(void)state;
	world->function_config.clique = 5;
	start(world);
	assert_int_equal(world_read(world, PCI_CAPABILITY_LIST, 1), 0x60);
	assert_int_equal(world_read(world, 0x61, 1), 0xc8); /* behind the device's own */
	assert_int_equal(world_read(world, 0xc8, 4), 0x50080009);
	assert_int_equal(world_read(world, 0xcc, 4), 0x00285032);
	assert_int_equal(world->line_count, 0); /* it costs no system call */
	world_write(world, 0xc8, 4, 0);
	world_write(world, 0xcc, 4, UINT32_MAX);
	assert_int_equal(world_read(world, 0xcc, 4), 0x00285032);
	assert_int_equal(world->line_count, 0);
	stop(world);
}

static void clique_in_the_second_place(void **state)
{
	struct world *world = nvidia_at(0xcc);

	(void)state;
	start(world);
	assert_int_equal(world_read(world, 0xcd, 1), 0xd4);
	assert_int_equal(world_read(world, 0xd4, 4), 0x50080009);
	assert_int_equal(world_read(world, 0xd8, 4), 0x00785032);
	stop(world);
}

static void no_room_for_a_clique(void **state)
{
	struct world *world = nvidia_at(0xcc); /* over the end of the first place */

	(void)state;
	/* And one over the end of the second. */
	world_set(world, world_cap(world, 0xd8, PCI_CAP_ID_VNDR) + 2, 1, 8);
	assert_int_equal(world_open(world), -EINVAL);
	assert_non_null(strstr(world->error.text, "x-nv-gpudirect-clique"));
	world_free(world);
}

static void clique_of_a_device_without_capabilities(void **state)
{
	struct world *world = device(NVIDIA, 0x11c0, 0x030000);

	(void)state;
	world->function_config.has_clique = true;
	start(world);
	assert_int_equal(world_read(world, PCI_CAPABILITY_LIST, 1), 0xc8);
	assert_int_equal(world_read(world, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST, PCI_STATUS_CAP_LIST);
	stop(world);
}

/* Of the class display alone, of this maker, and when asked for. */
static void no_clique(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct world *world = nvidia_at(0x60);

		if (i == 0)
			world->function_config.has_clique = false;
		if (i == 1)
			world_set(world, PCI_VENDOR_ID, 2, 0x1002);
		if (i == 2)
			world_set(world, PCI_CLASS_REVISION, 4, 0x04030000);
		start(world);
		assert_int_equal(world_read(world, 0x61, 1), 0);
		stop(world);
	}
}

static void vmd(void **state)
{
	static const uint32_t ids[] = {0x201d, 0x467f, 0x4c3d, 0x9a0b};

	(void)state;
	for (unsigned i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		struct world *world = device(INTEL, ids[i], 0x010400);

		world_set(world, world_cap(world, 0x60, PCI_CAP_ID_PM) + PCI_PM_PMC, 2, 3);
		world_bar(world, 2, PCI_BASE_ADDRESS_MEM_TYPE_64, 0x2000000);
		world_set(world, PCI_BASE_ADDRESS_3, 4, 0x38);
		world_bar(world, 4, PCI_BASE_ADDRESS_MEM_TYPE_64, 0x100000);
		world_set(world, PCI_BASE_ADDRESS_5, 4, 0x39);
		start(world);
		assert_int_equal(world_read(world, 0x61, 1), 0xe8);
		assert_int_equal(world_read(world, 0xe8, 4), 0x01180009);
		assert_int_equal(world_read(world, 0xec, 4), 0x53484457);
		assert_int_equal(world_read(world, 0xf0, 4), 0xabc00004);
		assert_int_equal(world_read(world, 0xf4, 4), 0x38);
		assert_int_equal(world_read(world, 0xf8, 4), 0xabc00004);
		assert_int_equal(world_read(world, 0xfc, 4), 0x39);
		assert_int_equal(world_read(world, PCI_BASE_ADDRESS_2, 4), 4); /* its own stays hidden */
		stop(world);
	}
}

static void vmd_without_room(void **state)
{
	struct world *world = device(INTEL, 0x9a0b, 0x010400);

	(void)state;
	world_set(world, world_cap(world, 0xe4, PCI_CAP_ID_PM) + PCI_PM_PMC, 2, 3);
	assert_int_equal(world_open(world), -EINVAL);
	assert_non_null(strstr(world->error.text, "0xe8"));
	world_free(world);
}

/* What must hold of the table's rows, whoever adds one. */
static void the_table(void **state)
{
	const struct quirk *row;
	size_t i;

	(void)state;
	for (i = 0; (row = quirk_row(i)); i++) {
		assert_non_null(row->name);
		assert_true(row->setup || row->capability || row->reset || row->pba);
		assert_int_equal(row->device & ~row->device_mask, 0);
		assert_int_equal(row->class_code & ~row->class_mask, 0);
		assert_true(!(row->class_mask >> 24));
	}
	assert_true(i > 30);
	assert_null(quirk_row(SIZE_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clique),
		cmocka_unit_test(clique_in_the_second_place),
		cmocka_unit_test(no_room_for_a_clique),
		cmocka_unit_test(clique_of_a_device_without_capabilities),
		cmocka_unit_test(no_clique),
		cmocka_unit_test(vmd),
		cmocka_unit_test(vmd_without_room),
		cmocka_unit_test(the_table),
	};

	return cmocka_run_group_tests_name("quirk_caps", tests, NULL, NULL);
}
