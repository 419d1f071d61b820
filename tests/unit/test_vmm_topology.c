/* SPDX-License-Identifier: MIT */
/*
 * Places, windows and config accesses, with doubles of liblend's functions: a
 * function here is its BARs, and remembers what was written to it.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "tests/unit/cmocka.h"
#include "vmm/machine.h"

struct lend_function {
	struct lend_bar bars[7];
	struct lend_link link;
	uint32_t bar[7];
	unsigned last_offset, last_length, reads, writes;
	uint32_t id;
};

uint32_t lend_function_config_read(struct lend_function *function, unsigned offset, unsigned length)
{
	function->last_offset = offset;
	function->last_length = length;
	function->reads++;
	return function->id;
}

void lend_function_config_write(struct lend_function *function, unsigned offset, unsigned length,
				uint32_t value)
{
	function->last_offset = offset;
	function->last_length = length;
	function->writes++;
	if (offset >= PCI_BASE_ADDRESS_0 && offset <= PCI_BASE_ADDRESS_5 && length == 4)
		function->bar[(offset - PCI_BASE_ADDRESS_0) / 4] = value;
}

void lend_function_bar(const struct lend_function *function, unsigned index, struct lend_bar *out,
		       size_t size)
{
	assert_int_equal(size, sizeof(*out));
	*out = index < 6 ? function->bars[index] : (struct lend_bar){0}; /* no expansion ROM */
}

void lend_function_link(const struct lend_function *function, struct lend_link *out, size_t size)
{
	assert_int_equal(size, sizeof(*out));
	*out = function->link;
}

static uint64_t bar64(const struct lend_function *function, unsigned i)
{
	return (uint64_t)function->bar[i + 1] << 32 | function->bar[i];
}

static struct placement at_port(struct lend_function *function, uint8_t device, uint8_t number)
{
	return (struct placement){.function = function,
				  .host = {.bus = 5, .device = device, .function = number},
				  .place = LEND_PLACE_PORT};
}

static const struct layout layout = {.low_start = 0xe0000000,
				     .low_end = 0xf0000000,
				     .high_start = 0x100000000,
				     .high_end = 0x8000000000,
				     .buses = 4};

static uint64_t ecam(struct topology *topology, unsigned bus, unsigned device, unsigned function,
		     unsigned reg, unsigned length)
{
	return ecam_ops.read(topology, bus << 20 | device << 15 | function << 12 | reg, length);
}

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

static void bars_go_where_linux_leaves_them(void **state)
{
	static struct topology topology;
	struct lend_function f = {.bars = {[0] = {.size = 0x4000, .is_64 = true},
					   [2] = {.size = 1 << 28, .is_64 = true, .prefetchable = true},
					   [4] = {.size = 0x100},
					   [5] = {.size = 0x20, .io = true}},
				  .link = {.is_pcie = true, .speed = 3, .width = 8}};
	const struct placement placement = at_port(&f, 0, 0);
	struct layout_needs needs = {0};
	struct bridge_config *port = &topology.slots[1].config;

	(void)state;
	assert_int_equal(topology_place(&topology, &placement, 1), 0);
	topology_needs(&topology, &needs);
	assert_int_equal(needs.low, 1 << 20);
	assert_int_equal(needs.high, 1 << 28);
	assert_int_equal(needs.high_align, 1 << 28);
	assert_int_equal(needs.buses, 2);
	assert_int_equal(f.writes, 0); /* counting writes nothing */

	assert_int_equal(topology_assign(&topology, &layout, NULL), 0);
	assert_int_equal(bar64(&f, 0), 0xe0000000); /* not prefetchable: below 4 GiB */
	assert_int_equal(bar64(&f, 2), 0x100000000);
	assert_int_equal(f.bar[4], 0xe0004000); /* a page of its own */
	assert_int_equal(f.bar[5], PORT_WINDOW);
	assert_true(topology.has_io);
	assert_int_equal(bridge_config_read(port, PCI_MEMORY_BASE, 2), 0xe000);
	assert_int_equal(bridge_config_read(port, PCI_MEMORY_LIMIT, 2), 0xe000);
	assert_int_equal(bridge_config_read(port, PCI_PREF_MEMORY_BASE, 2), 0x0001);
	assert_int_equal(bridge_config_read(port, PCI_PREF_BASE_UPPER32, 4), 1);
	assert_int_equal(bridge_config_read(port, PCI_PREF_MEMORY_LIMIT, 2), 0x0ff1);
	assert_int_equal(bridge_config_read(port, PCI_IO_BASE, 2), 0x1010);
	assert_int_equal(bridge_config_read(port, 0x40 + PCI_EXP_LNKSTA, 2) & 0x3ff, 3 | 8 << 4);
}

/* spec 2.7: what the host completes, at the port of a function that is alone on it. */
static void atomics_of_a_single_function(void **state)
{
	const unsigned devcap2 = 0x40 + PCI_EXP_DEVCAP2;

	(void)state;
	for (unsigned atomics = 0; atomics < 8; atomics++) {
		static struct topology topology;
		struct lend_function f[3] = {{.link = {.is_pcie = true, .atomics = (uint8_t)atomics}},
					     {.link = {.is_pcie = true, .atomics = 7}},
					     {.link = {.is_pcie = true, .atomics = 7}}};
		const struct placement placements[] = {at_port(&f[0], 0, 0), at_port(&f[1], 1, 0),
						       at_port(&f[2], 1, 1)};

		topology = (struct topology){0};
		assert_int_equal(topology_place(&topology, placements, 3), 0);
		assert_int_equal(topology_assign(&topology, &layout, NULL), 0);
		assert_int_equal(bridge_config_read(&topology.slots[1].config, devcap2, 4), atomics << 7);
		assert_int_equal(bridge_config_read(&topology.slots[2].config, devcap2, 4),
				 0); /* two functions */
		topology_remove(&topology, &f[0]);
		assert_int_equal(bridge_config_read(&topology.slots[1].config, devcap2, 4), 0);
	}
}

static void a_window_without_bars_is_closed(void **state)
{
	static struct topology topology;
	struct lend_function f = {.bars = {[0] = {.size = 0x1000}}};
	const struct placement placement = at_port(&f, 0, 0);
	struct bridge_config *port = &topology.slots[1].config;

	(void)state;
	assert_int_equal(topology_place(&topology, &placement, 1), 0);
	assert_int_equal(topology_assign(&topology, &layout, NULL), 0);
	assert_true(bridge_config_read(port, PCI_PREF_MEMORY_BASE, 2) >
		    bridge_config_read(port, PCI_PREF_MEMORY_LIMIT, 2));
	assert_int_equal(bridge_config_read(port, PCI_IO_BASE, 2), 0);
	bridge_config_write(port, PCI_IO_BASE, 2, 0xf0f0);
	assert_int_equal(bridge_config_read(port, PCI_IO_BASE, 2), 0); /* "not implemented" */
	assert_false(topology.has_io);
}

static void bars_that_do_not_fit_are_refused(void **state)
{
	static struct topology topology;
	struct lend_function f = {.bars = {[0] = {.size = 1 << 29}}};
	const struct placement placement = at_port(&f, 0, 0);
	struct lend_error error = {0};

	(void)state;
	assert_int_equal(topology_place(&topology, &placement, 1), 0);
	assert_int_equal(topology_assign(&topology, &layout, &error), -ENOSPC);
	assert_true(strlen(error.text) > 0);
}

static const uint64_t gib = 1ULL << 30;

static uint64_t prefetch_base(const struct bridge_config *port)
{
	return (uint64_t)bridge_config_read(port, PCI_PREF_BASE_UPPER32, 4) << 32 |
	       (uint64_t)(bridge_config_read(port, PCI_PREF_MEMORY_BASE, 2) & 0xfff0) << 16;
}

static uint64_t prefetch_last(const struct bridge_config *port)
{
	return (uint64_t)bridge_config_read(port, PCI_PREF_LIMIT_UPPER32, 4) << 32 |
	       (uint64_t)(bridge_config_read(port, PCI_PREF_MEMORY_LIMIT, 2) & 0xfff0) << 16 | 0xfffff;
}

/* Each BAR is aligned and in its port's window, and no two windows overlap. */
static void check_windows(const struct topology *topology, struct lend_function *functions, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const struct bridge_config *port = &topology->slots[i + 1].config;

		for (unsigned bar = 0; bar < 4; bar += 2) {
			uint64_t size = functions[i].bars[bar].size, at = bar64(&functions[i], bar);

			if (!size)
				continue;
			assert_int_equal(at % size, 0);
			assert_true(at >= prefetch_base(port) && at + size - 1 <= prefetch_last(port));
		}
		if (functions[i].bars[0].size && functions[i].bars[2].size)
			assert_true(bar64(&functions[i], 0) + functions[i].bars[0].size <=
					    bar64(&functions[i], 2) ||
				    bar64(&functions[i], 2) + functions[i].bars[2].size <=
					    bar64(&functions[i], 0));
		for (unsigned j = 0; j < i; j++)
			assert_true(prefetch_last(port) < prefetch_base(&topology->slots[j + 1].config) ||
				    prefetch_last(&topology->slots[j + 1].config) < prefetch_base(port));
	}
}

static struct lend_function gpu(uint64_t first, uint64_t second)
{
	return (struct lend_function){.bars = {[0] = {.size = first, .is_64 = true, .prefetchable = true},
					       [2] = {.size = second, .is_64 = true, .prefetchable = true}},
				      .link = {.is_pcie = true}};
}

/* Eight of 128 GiB and 32 MiB: less than 2 TiB, what a processor of 41 bits can address. */
static void large_bars_of_many_devices_fit(void **state)
{
	static struct topology topology;
	static struct lend_function gpus[8];
	const struct lend_iova_window window = {0, (1ULL << 41) - 1};
	struct placement placements[8];
	struct layout_needs needs = {
		.memory = 64 * gib, .physical_bits = 41, .windows = &window, .window_count = 1};
	struct layout plan;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		gpus[i] = gpu(128 * gib, 32 << 20);
		placements[i] = at_port(&gpus[i], (uint8_t)i, 0);
	}
	topology = (struct topology){0};
	assert_int_equal(topology_place(&topology, placements, 8), 0);
	topology_needs(&topology, &needs);
	assert_true(needs.high <= 12 * 128 * gib); /* three for two; in the order given it were sixteen */
	assert_int_equal(needs.high_align, 128 * gib);
	assert_int_equal(layout_plan(&needs, &plan, NULL), 0);
	assert_int_equal(topology_assign(&topology, &plan, NULL), 0);
	check_windows(&topology, gpus, 8);
}

/* Sizes in turn: the small ones do not stand between the large ones. */
static void large_slots_come_first(void **state)
{
	static struct topology topology;
	static struct lend_function devices[6];
	struct placement placements[6];
	struct layout_needs needs = {0};

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		devices[i] = gpu(i & 1 ? 16 * gib : 1 << 20, 0);
		placements[i] = at_port(&devices[i], (uint8_t)i, 0);
	}
	topology = (struct topology){0};
	assert_int_equal(topology_place(&topology, placements, 6), 0);
	topology_needs(&topology, &needs);
	assert_true(needs.high == 3 * 16 * gib + (3 << 20));
	assert_int_equal(topology_assign(&topology, &layout, NULL), 0);
	check_windows(&topology, devices, 6);
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

static void every_width_and_offset_of_ecam_is_safe(void **state)
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

/* Room for a device that comes later: windows that are open and empty, and a slot with its number. */
static void an_empty_port_has_room(void **state)
{
	static struct topology topology;
	struct lend_function f = {.bars = {[0] = {.size = 0x4000, .is_64 = true}},
				  .link = {.is_pcie = true, .speed = 3, .width = 8, .atomics = 1}};
	const struct placement placement = at_port(&f, 0, 0);
	struct layout_needs needs = {0};
	struct bridge_config *port = &topology.slots[2].config, *last = &topology.slots[3].config;

	(void)state;
	topology = (struct topology){0};
	assert_int_equal(topology_place(&topology, &placement, 1), 0);
	assert_int_equal(topology_add_ports(&topology, 2, 64 * gib), 0);
	assert_int_equal(topology_ports(&topology, false), 1 << 1 | 1 << 2 | 1 << 3);
	assert_int_equal(topology_ports(&topology, true), 1 << 1);
	topology_needs(&topology, &needs);
	assert_int_equal(needs.buses, 4);
	assert_true(needs.low == 2 * PORT_ROOM_LOW + (1 << 20) && needs.low_align == PORT_ROOM_LOW);
	assert_true(needs.high == 128 * gib && needs.high_align == 64 * gib);

	assert_int_equal(topology_assign(&topology, &layout, NULL), 0);
	assert_int_equal(bridge_config_read(port, PCI_MEMORY_BASE, 2), 0xe000);
	assert_int_equal(bridge_config_read(port, PCI_MEMORY_LIMIT, 2), 0xe1f0);
	assert_true(prefetch_base(port) == 64 * gib && prefetch_last(port) == 128 * gib - 1);
	assert_true(prefetch_base(last) == 128 * gib && prefetch_last(last) == 192 * gib - 1);
	assert_int_equal(bridge_config_read(port, PCI_IO_BASE, 2), 0);
	assert_int_equal(ecam(&topology, 2, 0, 0, 0, 4), 0xffffffff);
	assert_int_equal(bridge_config_read(port, 0x40 + PCI_EXP_FLAGS, 2) & PCI_EXP_FLAGS_SLOT,
			 PCI_EXP_FLAGS_SLOT);
	assert_int_equal(bridge_config_read(port, 0x40 + PCI_EXP_SLTCAP, 4) >> 19, 2);
	assert_int_equal(bridge_config_read(port, 0x40 + PCI_EXP_SLTSTA, 2), 0);
	assert_int_equal(bridge_config_read(port, 0x40 + PCI_EXP_LNKSTA, 2), 0);
	assert_int_equal(bridge_config_read(&topology.slots[1].config, 0x40 + PCI_EXP_SLTSTA, 2),
			 PCI_EXP_SLTSTA_PDS);
}

static void a_device_comes_and_goes(void **state)
{
	static struct topology topology;
	struct lend_function f = {.id = 0x11112222,
				  .link = {.is_pcie = true, .speed = 3, .width = 8, .atomics = 1}};
	struct bridge_config *port = &topology.slots[1].config;

	(void)state;
	topology = (struct topology){0};
	assert_int_equal(topology_place(&topology, NULL, 0), 0);
	assert_int_equal(topology_add_ports(&topology, 1, gib), 0);
	assert_int_equal(topology_assign(&topology, &layout, NULL), 0);
	for (unsigned i = 0; i < 2; i++) {
		topology_insert(&topology, 1, &f);
		assert_int_equal(ecam(&topology, 1, 0, 0, 0, 4), 0x11112222);
		assert_int_equal(topology_slot(&topology, &f), 1);
		assert_int_equal(bridge_config_read(port, 0x40 + PCI_EXP_LNKSTA, 2),
				 3 | 8 << 4 | PCI_EXP_LNKSTA_DLLLA);
		assert_int_equal(bridge_config_read(port, 0x40 + PCI_EXP_SLTSTA, 2), PCI_EXP_SLTSTA_PDS);
		assert_int_equal(bridge_config_read(port, 0x40 + PCI_EXP_DEVCAP2, 4), 1 << 7);
		topology_remove(&topology, &f);
		assert_int_equal(ecam(&topology, 1, 0, 0, 0, 4), 0xffffffff);
		assert_int_equal(bridge_config_read(port, 0x40 + PCI_EXP_LNKSTA, 2), 0);
		assert_int_equal(bridge_config_read(port, 0x40 + PCI_EXP_SLTSTA, 2), 0);
		assert_int_equal(bridge_config_read(port, 0x40 + PCI_EXP_DEVCAP2, 4), 0);
	}
}

/* What the guest has always seen: no slot, and a link that stays up. */
static void without_empty_ports_nothing_is_a_slot(void **state)
{
	static struct topology topology;
	struct lend_function f = {.link = {.is_pcie = true, .speed = 3, .width = 8}};
	const struct placement placement = at_port(&f, 0, 0);
	struct bridge_config *port = &topology.slots[1].config;

	(void)state;
	topology = (struct topology){0};
	assert_int_equal(topology_place(&topology, &placement, 1), 0);
	assert_int_equal(topology_add_ports(&topology, 0, gib), 0);
	assert_int_equal(topology_assign(&topology, &layout, NULL), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(bridge_config_read(port, 0x40 + PCI_EXP_FLAGS, 2), 0x42);
		assert_int_equal(bridge_config_read(port, 0x40 + PCI_EXP_LNKSTA, 2),
				 3 | 8 << 4 | PCI_EXP_LNKSTA_DLLLA);
		for (unsigned reg = PCI_EXP_SLTCAP; reg < PCI_EXP_RTCTL; reg += 4)
			assert_int_equal(bridge_config_read(port, 0x40 + reg, 4), 0);
		topology_remove(&topology, &f);
	}
}

static unsigned resets;

static void on_reset(void *opaque, unsigned slot)
{
	resets += *(unsigned *)opaque;
	assert_int_equal(slot, 1);
}

/* A reset of the bus below begins once for each time that its bit is set. */
static void a_reset_of_the_bus_is_told_once(void **state)
{
	static struct topology topology;
	struct lend_function f[2] = {{.id = 1}, {.id = 2}};
	const struct placement root = {.function = &f[1], .host = {.bus = 9}, .place = LEND_PLACE_ROOT};
	unsigned one = 1;

	(void)state;
	topology = (struct topology){.bus_reset = on_reset, .opaque = &one};
	assert_int_equal(topology_place(&topology, NULL, 0), 0);
	assert_int_equal(topology_add_ports(&topology, 1, gib), 0);
	assert_int_equal(topology_place(&topology, &root, 1), 0);
	assert_int_equal(topology_assign(&topology, &layout, NULL), 0);
	topology_insert(&topology, 1, &f[0]);
	for (unsigned i = 1; i <= 2; i++) {
		ecam_ops.write(&topology, 1 << 15 | PCI_BRIDGE_CONTROL, 1, PCI_BRIDGE_CTL_BUS_RESET);
		ecam_ops.write(&topology, 1 << 15 | PCI_INTERRUPT_LINE, 4,
			       PCI_BRIDGE_CTL_BUS_RESET << 16 | 0xff);
		assert_int_equal(resets, i);
		ecam_ops.write(&topology, 1 << 15 | PCI_BRIDGE_CONTROL, 2, 0);
		assert_int_equal(resets, i);
	}
	ecam_ops.write(&topology, 1 << 15 | PCI_SECONDARY_BUS, 1, 7);
	assert_int_equal(topology_requester(&topology, &f[0]), 0x700);
	assert_int_equal(topology_requester(&topology, &f[1]), 2 << 3);
}

static void too_many_ports_are_refused(void **state)
{
	static struct topology topology;
	struct lend_function f = {0};
	const struct placement placement = at_port(&f, 0, 0);

	(void)state;
	topology = (struct topology){0};
	assert_int_equal(topology_place(&topology, &placement, 1), 0);
	assert_int_equal(topology_add_ports(&topology, PCI_SLOTS - 1, gib), -ENOSPC);
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
		cmocka_unit_test(bars_go_where_linux_leaves_them),
		cmocka_unit_test(atomics_of_a_single_function),
		cmocka_unit_test(a_window_without_bars_is_closed),
		cmocka_unit_test(bars_that_do_not_fit_are_refused),
		cmocka_unit_test(large_bars_of_many_devices_fit),
		cmocka_unit_test(large_slots_come_first),
		cmocka_unit_test(config_accesses_find_their_function),
		cmocka_unit_test(the_list_is_as_the_guest_numbered),
		cmocka_unit_test(every_width_and_offset_of_ecam_is_safe),
		cmocka_unit_test(ports_of_cf8_reach_the_same),
		cmocka_unit_test(an_empty_port_has_room),
		cmocka_unit_test(a_device_comes_and_goes),
		cmocka_unit_test(without_empty_ports_nothing_is_a_slot),
		cmocka_unit_test(a_reset_of_the_bus_is_told_once),
		cmocka_unit_test(too_many_ports_are_refused),
		cmocka_unit_test(firmware_finds_nothing_placed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
