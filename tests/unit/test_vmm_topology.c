/* SPDX-License-Identifier: MIT */
/* Functions in slots, and config accesses that find them (topology_stage.h). */
#include "tests/unit/topology_stage.h"

static void functions_of_a_slot_stay_together(void **state)
{
	static struct topology topology;
	struct lend_function f[4] = {{.id = 0x10}, {.id = 0x11}, {.id = 0x12}, {.id = 0x13}};
	const struct placement placements[] = {at_port(&f[0], 0, 1), at_port(&f[1], 1, 0),
					       at_port(&f[2], 0, 3), at_port(&f[3], 1, 2)};

	(void)state;
	assert_int_equal(topology_place(&topology, placements, 4), 0);
	/* Functions 1 and 3 of slot 0: the lowest becomes 0. Slot 1 has its 0. */
	assert_ptr_equal(topology.slots[1].functions[0], &f[0]);
	assert_ptr_equal(topology.slots[1].functions[3], &f[2]);
	assert_null(topology.slots[1].functions[1]);
	assert_ptr_equal(topology.slots[2].functions[0], &f[1]);
	assert_ptr_equal(topology.slots[2].functions[2], &f[3]);
	assert_int_equal(topology.slots[3].kind, SLOT_EMPTY);
}

static void virtual_functions_get_slots_of_their_own(void **state)
{
	static struct topology topology;
	struct lend_function f[2] = {{.id = 1}, {.id = 2}};
	struct placement placements[] = {at_port(&f[0], 0, 5), at_port(&f[1], 0, 6)};

	(void)state;
	placements[0].alone = placements[1].alone = true;
	assert_int_equal(topology_place(&topology, placements, 2), 0);
	assert_ptr_equal(topology.slots[1].functions[0], &f[0]);
	assert_ptr_equal(topology.slots[2].functions[0], &f[1]);
}

static void too_many_devices_are_refused(void **state)
{
	static struct topology topology;
	struct lend_function f = {0};
	struct placement placements[PCI_SLOTS];

	(void)state;
	for (unsigned i = 0; i < PCI_SLOTS; i++)
		placements[i] = at_port(&f, (uint8_t)i, 0);
	assert_int_equal(topology_place(&topology, placements, PCI_SLOTS), -ENOSPC);
}

static void config_accesses_find_their_function(void **state)
{
	static struct topology topology;
	struct lend_function f = {.id = 0xaabbccdd}, r = {.id = 0x01020304};
	const struct placement placements[] = {
		at_port(&f, 0, 0), {.function = &r, .host = {.device = 9}, .place = LEND_PLACE_ROOT}};

	(void)state;
	assert_int_equal(topology_place(&topology, placements, 2), 0);
	assert_int_equal(topology_assign(&topology, &layout, NULL), 0);
	assert_int_equal(ecam(&topology, 0, 0, 0, 0, 2), 0x1b36);
	assert_int_equal(ecam(&topology, 1, 0, 0, 0x104, 4), 0xaabbccdd);
	assert_int_equal(f.last_offset, 0x104);
	assert_int_equal(ecam(&topology, 0, 2, 0, 0, 4), 0x01020304);
	/* Nobody: another function, another device below a port, another bus. */
	assert_int_equal(ecam(&topology, 1, 0, 1, 0, 4), 0xffffffff);
	assert_int_equal(ecam(&topology, 1, 1, 0, 0, 4), 0xffffffff);
	assert_int_equal(ecam(&topology, 9, 0, 0, 0, 4), 0xffffffff);
	assert_int_equal(ecam(&topology, 0, 0, 1, 0, 4), 0xffffffff);
	assert_int_equal(ecam(&topology, 0, 0, 0, 0x100, 4), 0); /* no extended capability */
	/* The guest renumbers the bus. */
	ecam_ops.write(&topology, 1 << 15 | PCI_SECONDARY_BUS, 1, 7);
	assert_int_equal(ecam(&topology, 1, 0, 0, 0, 4), 0xffffffff);
	assert_int_equal(ecam(&topology, 7, 0, 0, 0, 4), 0xaabbccdd);
}

static struct vmm_pci_row rows[8];
static unsigned row_count;

static void keep_row(void *opaque, const struct vmm_pci_row *row)
{
	(void)opaque;
	assert_true(row_count < 8);
	rows[row_count++] = *row;
}

static void the_list_is_as_the_guest_numbered(void **state)
{
	struct lend_function f = {.id = 0xaabbccdd, .bars = {[2] = {.size = 0x4000}}}, r = {.id = 0x01020304};
	const struct placement placements[] = {
		at_port(&f, 0, 0), {.function = &r, .host = {.device = 9}, .place = LEND_PLACE_ROOT}};
	struct assigned assigned[] = {{.index = 0, .function = &r, .name = "0000:00:09.0"},
				      {.index = 2, .function = &f, .name = "0000:05:00.0"}};
	static struct vmm vmm;

	(void)state;
	vmm.assigned[0] = &assigned[0];
	vmm.assigned[2] = &assigned[1];
	vmm.assigned_count = 3;
	assert_int_equal(topology_place(&vmm.topology, placements, 2), 0);
	assert_int_equal(topology_assign(&vmm.topology, &layout, NULL), 0);
	ecam_ops.write(&vmm.topology, 1 << 15 | PCI_SECONDARY_BUS, 1, 7);
	row_count = 0;
	vmm_pci(&vmm, keep_row, NULL);
	assert_int_equal(row_count, 4);
	/* The host bridge, the port with its device, and the device of the root bus. */
	assert_int_equal(rows[0].slot, 0);
	assert_int_equal(rows[0].device, VMM_PCI_NO_DEVICE);
	assert_int_equal(rows[1].slot, 1);
	assert_int_equal(rows[1].device, VMM_PCI_NO_DEVICE);
	assert_int_equal(rows[1].header[PCI_PRIMARY_BUS / 4] >> 8 & 0xff, 7);
	assert_int_equal(rows[2].bus, 7);
	assert_int_equal(rows[2].slot, 0);
	assert_int_equal(rows[2].device, 2);
	assert_string_equal(rows[2].name, "0000:05:00.0");
	assert_int_equal(rows[2].header[0], 0xaabbccdd);
	assert_int_equal(rows[2].sizes[2], 0x4000);
	assert_int_equal(rows[3].bus, 0);
	assert_int_equal(rows[3].slot, 2);
	assert_int_equal(rows[3].device, 0);
}

static void ch_8405_every_width_and_offset_of_ecam(void **state)
{
	static struct topology topology;
	struct lend_function f = {.id = 0xffffffff};
	const struct placement placement = at_port(&f, 0, 0);

	(void)state;
	assert_int_equal(topology_place(&topology, &placement, 1), 0);
	assert_int_equal(topology_assign(&topology, &layout, NULL), 0);
	for (uint64_t at = 0; at < 3 << 20; at += at < 8192 ? 1 : 1021)
		for (unsigned length = 1; length <= 8; length++) {
			ecam_ops.read(&topology, at, length);
			ecam_ops.write(&topology, at, length, 0);
		}
	/* 8 bytes are two accesses of 4 to the function, in order. */
	f.reads = 0;
	f.id = 0x12345678;
	assert_true(ecam_ops.read(&topology, 0, 8) != 0);
	ecam_ops.write(&topology, 1 << 15 | PCI_SECONDARY_BUS, 1, 1);
	assert_true(ecam_ops.read(&topology, 1 << 20, 8) == 0x1234567812345678);
	assert_int_equal(f.reads, 2);
	assert_int_equal(f.last_offset, 4);
	assert_true(ecam_ops.read(&topology, (1 << 20) + 1, 2) == 0x7878);
}

static void ports_of_cf8_reach_the_same(void **state)
{
	static struct topology topology;
	struct lend_function f = {.id = 0x8765};
	const struct placement placement = at_port(&f, 0, 0);

	(void)state;
	assert_int_equal(topology_place(&topology, &placement, 1), 0);
	assert_int_equal(topology_assign(&topology, &layout, NULL), 0);
	assert_true(cf8_data_ops.read(&topology, 0, 4) == 0xffffffff ||
		    cf8_data_ops.read(&topology, 0, 4) == UINT64_MAX);
	cf8_address_ops.write(&topology, 0, 4, 0x80000000 | 1 << 16 | 0x3c);
	assert_int_equal(cf8_address_ops.read(&topology, 0, 4), 0x80010000 | 0x3c);
	assert_int_equal(cf8_data_ops.read(&topology, 1, 1) & 0xff, 0x65);
	assert_int_equal(f.last_offset, 0x3d);
	assert_int_equal(f.last_length, 1);
	cf8_data_ops.write(&topology, 2, 2, 1);
	assert_int_equal(f.last_offset, 0x3e);
	assert_true(cf8_address_ops.read(&topology, 0, 2) == UINT64_MAX);
	/* Beyond the dword there are other ports: config space does not go on there. */
	f.id = 0x12345678;
	assert_true(cf8_data_ops.read(&topology, 3, 2) == (UINT64_MAX << 8 | 0x78));
	assert_int_equal(f.last_offset, 0x3f);
	assert_int_equal(f.last_length, 1);
	assert_true(cf8_data_ops.read(&topology, 0, 8) == (0xffffffff00000000 | 0x12345678));
	f.writes = 0;
	cf8_data_ops.write(&topology, 3, 4, 0xaabbccdd);
	assert_int_equal(f.writes, 1);
	assert_int_equal(f.last_offset, 0x3f);
	assert_int_equal(f.last_length, 1);
	/* Also at the end of config space. */
	cf8_address_ops.write(&topology, 0, 4, 0x80000000 | 1 << 16 | 0xfc);
	cf8_data_ops.read(&topology, 2, 4);
	assert_int_equal(f.last_offset, 0xfe);
	assert_int_equal(f.last_length, 2);
}

static struct {
	unsigned resets, slot, offset, writes;
} chip;

static void chip_reset(void *opaque, unsigned slot, struct bridge_config *config)
{
	(void)opaque;
	*config = (struct bridge_config){0};
	bridge_config_set(config, 0, 4, 0x100 + slot);
	bridge_config_allow(config, 0x60, 4, 0xffffffff);
	chip.resets++;
}

static void chip_written(void *opaque, unsigned slot, unsigned offset, unsigned length)
{
	(void)opaque, (void)length;
	chip.slot = slot;
	chip.offset = offset;
	chip.writes++;
}

/* A chipset has two slots, its writes are told, and ports and functions are as after a reset. */
static void firmware_finds_nothing_placed(void **state)
{
	static const struct topology_chips chips = {.reset = chip_reset, .written = chip_written};
	static struct topology topology = {.chips = &chips};
	struct lend_function f = {
		.bars = {[0] = {.size = 0x4000, .is_64 = true}, [5] = {.size = 0x20, .io = true}},
		.link = {.is_pcie = true}};
	struct lend_function many = {0};
	struct placement placements[PCI_SLOTS - 2] = {at_port(&f, 0, 0)};
	struct bridge_config *port = &topology.slots[1].config;
	struct layout_needs needs = {0};

	(void)state;
	for (unsigned i = 1; i < PCI_SLOTS - 2; i++)
		placements[i] = at_port(&many, (uint8_t)i, 0);
	assert_int_equal(topology_place(&topology, placements, PCI_SLOTS - 2), 0);
	assert_int_equal(topology.slots[SLOT_LPC].kind, SLOT_CHIP);
	topology_needs(&topology, &needs);
	assert_int_equal(needs.low, 1 << 20);
	assert_int_equal(topology_assign(&topology, &layout, NULL), 0);
	assert_int_equal(f.writes, 0);
	assert_int_equal(bridge_config_read(port, PCI_PRIMARY_BUS, 3), 0);
	assert_int_equal(bridge_config_read(port, PCI_MEMORY_LIMIT, 2), 0);
	assert_int_equal(bridge_config_read(port, PCI_PREF_MEMORY_LIMIT, 2), 1); /* it can 64 bits */
	assert_int_equal(bridge_config_read(port, PCI_IO_LIMIT, 1), 0);
	bridge_config_write(port, PCI_IO_BASE, 2, 0xf0f0); /* and I/O ports */
	assert_int_equal(bridge_config_read(port, PCI_IO_BASE, 2), 0xf0f0);
	assert_int_equal(bridge_config_read(&topology.slots[2].config, PCI_IO_BASE, 2),
			 0); /* but this one not */
	assert_int_equal(chip.resets, 2);
	assert_int_equal(ecam(&topology, 0, 31, 0, 0, 4), 0x11f);
	assert_int_equal(ecam(&topology, 0, 31, 1, 0, 4), 0xffffffff);
	ecam_ops.write(&topology, 31 << 15 | 0x61, 1, 5);
	assert_int_equal(chip.slot, 31);
	assert_int_equal(chip.offset, 0x61);
	ecam_ops.write(&topology, 1 << 15 | PCI_SECONDARY_BUS, 1, 7); /* a port's is its own matter */
	assert_int_equal(chip.writes, 1);
	assert_int_equal(ecam(&topology, 7, 0, 0, 0, 4), f.id);
	/* The slot that the chip has is one less for devices. */
	memset(&topology.slots, 0, sizeof(topology.slots));
	assert_int_equal(topology_place(&topology, (struct placement[PCI_SLOTS]){0}, 0), 0);
	for (unsigned i = 0; i < PCI_SLOTS - 2; i++)
		placements[i] = at_port(&many, (uint8_t)i, 0);
	assert_int_equal(topology_place(&topology, placements, PCI_SLOTS - 2), 0);
	assert_int_equal(
		topology_place(&topology, &(struct placement){.host = {.bus = 9}, .function = &f}, 1),
		-ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_of_a_slot_stay_together),
		cmocka_unit_test(virtual_functions_get_slots_of_their_own),
		cmocka_unit_test(too_many_devices_are_refused),
		cmocka_unit_test(config_accesses_find_their_function),
		cmocka_unit_test(the_list_is_as_the_guest_numbered),
		cmocka_unit_test(ch_8405_every_width_and_offset_of_ecam),
		cmocka_unit_test(ports_of_cf8_reach_the_same),
		cmocka_unit_test(firmware_finds_nothing_placed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
