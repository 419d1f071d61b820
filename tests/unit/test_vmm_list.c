/* SPDX-License-Identifier: MIT */
/* The list of functions on the guest's buses, as the machine's user gets it. */
#include "tests/unit/topology_stage.h"

enum { ROWS = 8 };

static struct vmm vmm;
static struct {
	struct vmm_pci_row rows[ROWS];
	unsigned count;
} seen;

static void on_row(void *opaque, const struct vmm_pci_row *row)
{
	assert_ptr_equal(opaque, &seen);
	assert_true(seen.count < ROWS);
	seen.rows[seen.count++] = *row;
}

static void assert_row(const struct vmm_pci_row *row, unsigned bus, unsigned slot, unsigned function,
		       unsigned device, const char *name)
{
	assert_int_equal(row->bus, bus);
	assert_int_equal(row->slot, slot);
	assert_int_equal(row->function, function);
	assert_int_equal(row->device, device);
	assert_string_equal(row->name, name);
}

static void each_function_has_a_row(void **state)
{
	static struct lend_function pair[2], alone;
	static struct assigned devices[3];
	struct placement placements[3];

	(void)state;
	alone = (struct lend_function){.id = 0x11223344,
				       .bars = {[0] = {.size = 0x4000}, [5] = {.size = 0x20, .io = true}}};
	pair[0] = (struct lend_function){.id = 0xaabbccdd};
	pair[1] = (struct lend_function){.id = 0xeeff0011};
	placements[0] = at_port(&alone, 0, 0);
	placements[1] = at_port(&pair[0], 7, 0);
	placements[2] = at_port(&pair[1], 7, 1);
	assert_int_equal(topology_place(&vmm.topology, placements, 3), 0);
	assert_int_equal(topology_assign(&vmm.topology, &layout, NULL), 0);
	/* Of the first one of the pair no device is known. */
	devices[0] = (struct assigned){.index = 0, .function = &pair[1], .name = "0000:05:07.1"};
	devices[2] = (struct assigned){.index = 2, .function = &alone, .name = "0000:05:00.0"};
	vmm.assigned[0] = &devices[0];
	vmm.assigned[2] = &devices[2];
	vmm.assigned_count = 3;

	alone.reads = 0;
	vmm_pci(&vmm, on_row, &seen);
	assert_int_equal(seen.count, 6);
	/* The machine's own: the host bridge, and a port before what is below it. */
	assert_row(&seen.rows[0], 0, 0, 0, VMM_PCI_NO_DEVICE, "");
	assert_int_equal(seen.rows[0].header[2] >> 8, 0x060000);
	assert_row(&seen.rows[1], 0, 1, 0, VMM_PCI_NO_DEVICE, "");
	assert_int_equal(seen.rows[1].header[2] >> 8, 0x060400);
	assert_int_equal(seen.rows[1].header[6], 0x010100);
	assert_row(&seen.rows[2], 1, 0, 0, 2, "0000:05:00.0");
	assert_row(&seen.rows[3], 0, 2, 0, VMM_PCI_NO_DEVICE, "");
	assert_row(&seen.rows[4], 2, 0, 0, VMM_PCI_NO_DEVICE, "");
	assert_row(&seen.rows[5], 2, 0, 1, 0, "0000:05:07.1");
	/* Their headers are what the guest reads. */
	for (unsigned i = 0; i < VMM_PCI_HEADER; i++) {
		assert_int_equal(seen.rows[2].header[i], 0x11223344);
		assert_int_equal(seen.rows[5].header[i], 0xeeff0011);
		assert_int_equal(seen.rows[3].header[i],
				 bridge_config_read(&vmm.topology.slots[2].config, 4 * i, 4));
	}
	assert_int_equal(alone.reads, VMM_PCI_HEADER);
	assert_int_equal(alone.last_offset, 60);
	assert_int_equal(alone.last_length, 4);
	for (unsigned i = 0; i < VMM_PCI_BARS; i++) {
		assert_int_equal(seen.rows[2].sizes[i], i == 0 ? 0x4000 : i == 5 ? 0x20 : 0);
		assert_int_equal(seen.rows[5].sizes[i] + seen.rows[1].sizes[i], 0);
	}

	/* A guest that has not numbered the bus of a port, or anew, sees it so. */
	bridge_config_write(&vmm.topology.slots[2].config, PCI_SECONDARY_BUS, 1, 9);
	seen.count = 0;
	vmm_pci(&vmm, on_row, &seen);
	assert_int_equal(seen.count, 6);
	assert_row(&seen.rows[5], 9, 0, 1, 0, "0000:05:07.1");
}

/* A device without a port is at its own number of the root bus. */
static void one_of_the_root_bus_keeps_its_number(void **state)
{
	static struct lend_function f;
	static struct vmm flat;
	const struct placement placement = {.function = &f, .place = LEND_PLACE_ROOT};

	(void)state;
	assert_int_equal(topology_place(&flat.topology, &placement, 1), 0);
	assert_int_equal(topology_assign(&flat.topology, &layout, NULL), 0);
	seen.count = 0;
	vmm_pci(&flat, on_row, &seen);
	assert_int_equal(seen.count, 2);
	assert_row(&seen.rows[1], 0, 1, 0, VMM_PCI_NO_DEVICE, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_function_has_a_row),
		cmocka_unit_test(one_of_the_root_bus_keeps_its_number),
	};

	return cmocka_run_group_tests_name("vmm_list", tests, NULL, NULL);
}
