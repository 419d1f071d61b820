/* SPDX-License-Identifier: MIT */
/* BARs, and the windows of the ports that they are behind (topology_stage.h). */
#include "tests/unit/topology_stage.h"

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

/* A port's windows of memory and of I/O ports, as its registers have them. */
static void windows_of(const struct bridge_config *port, uint32_t out[5])
{
	static const unsigned registers[] = {PCI_IO_BASE, PCI_MEMORY_BASE, PCI_PREF_MEMORY_BASE,
					     PCI_PREF_BASE_UPPER32, PCI_PREF_LIMIT_UPPER32};

	for (unsigned i = 0; i < 5; i++)
		out[i] = bridge_config_read(port, registers[i], i ? 4 : 2);
}

static const struct lend_function card = {
	.bars = {[0] = {.size = 0x4000, .is_64 = true},
		 [2] = {.size = 1 << 28, .is_64 = true, .prefetchable = true},
		 [5] = {.size = 0x20, .io = true}},
	.link = {.is_pcie = true}};

/* A guest sizes the prefetchable window by its register; and how large the packets are that a port takes. */
static void registers_of_a_port(void **state)
{
	static struct topology topology;
	struct lend_function function = card;
	const struct placement placement = at_port(&function, 0, 0);
	struct bridge_config *port;
	unsigned express;

	(void)state;
	topology = (struct topology){0};
	assert_int_equal(topology_place(&topology, &placement, 1), 0);
	assert_int_equal(topology_assign(&topology, &layout, NULL), 0);
	port = &topology.slots[1].config;
	bridge_config_write(port, PCI_PREF_MEMORY_BASE, 4, UINT32_MAX);
	assert_int_equal(bridge_config_read(port, PCI_PREF_MEMORY_BASE, 4), 0xfff1fff1);
	express = bridge_config_read(port, PCI_CAPABILITY_LIST, 1);
	assert_int_equal(bridge_config_read(port, express, 1), PCI_CAP_ID_EXP);
	assert_int_equal(bridge_config_read(port, express + PCI_EXP_DEVCAP, 4), 2 | PCI_EXP_DEVCAP_RBER);
}

/* So that a device that left before a reboot can come back after it; no other one moves by that. */
static void a_port_keeps_its_windows(void **state)
{
	static struct topology topology;
	struct lend_function f[2] = {card, card}, back = card;
	const struct placement placements[] = {at_port(&f[0], 0, 0), at_port(&f[1], 1, 0)};
	uint32_t before[3][5], now[5];

	(void)state;
	topology = (struct topology){0};
	assert_int_equal(topology_place(&topology, placements, 2), 0);
	assert_int_equal(topology_add_ports(&topology, 1, gib), 0);
	for (unsigned boot = 0; boot < 4; boot++) {
		assert_int_equal(topology_assign(&topology, &layout, NULL), 0);
		for (unsigned i = 0; i < 3; i++) {
			windows_of(&topology.slots[i + 1].config, boot ? now : before[i]);
			if (boot)
				assert_memory_equal(now, before[i], sizeof(now));
		}
		assert_true(topology.has_io);
		if (!boot)
			topology_remove(&topology, &f[0]);
		if (boot == 1)
			topology_insert(&topology, 1, &back);
		if (boot == 2)
			topology_remove(&topology, &f[1]);
	}
	assert_true(bar64(&back, 0) == bar64(&f[0], 0) && bar64(&back, 2) == bar64(&f[0], 2));
	assert_int_equal(back.bar[5], f[0].bar[5]);
}

/* Of a device that came later: what it has no window for is left out, and the machine starts. */
static void what_came_later_stays_inside(void **state)
{
	static struct topology topology;
	static struct lend_function late[16], root;
	const struct placement placement = {.function = &root, .host = {.bus = 9}, .place = LEND_PLACE_ROOT};

	(void)state;
	topology = (struct topology){0};
	root.bars[0] = (struct lend_bar){.size = 1 << 20};
	assert_int_equal(topology_place(&topology, &placement, 1), 0);
	assert_int_equal(topology_add_ports(&topology, 16, 1 << 20), 0);
	assert_int_equal(topology_assign(&topology,
					 &(struct layout){.low_start = 0xc0000000,
							  .low_end = 0xe2000000,
							  .high_start = 4 * gib,
							  .high_end = 5 * gib},
					 NULL),
			 0);
	for (unsigned i = 0; i < 16; i++) {
		/* The second is one that its port has no room for; the windows of I/O ports are for 15. */
		late[i].bars[0].size = 16 << 20;
		late[i].bars[1].size = 32 << 20;
		late[i].bars[2] = (struct lend_bar){.size = 0x1000, .io = true};
		topology_insert(&topology, i + 2, &late[i]);
	}
	for (unsigned boot = 0; boot < 2; boot++) {
		assert_int_equal(topology_assign(&topology, &layout, NULL), 0);
		for (unsigned i = 0; i < 16; i++) {
			assert_int_equal(late[i].bar[0], 0);
			assert_int_equal(late[i].bar[1], 0xc0000000 + i * PORT_ROOM_LOW);
			assert_int_equal(late[i].bar[2], i < 15 ? PORT_WINDOW + i * 0x1000 : 0);
		}
	}
}

static void reset_chip(void *opaque, unsigned slot, struct bridge_config *config)
{
	(void)opaque, (void)slot;
	host_bridge_init(config);
}

/* What a port asks the firmware for: bytes below 4 GiB, and above. */
static void expect_asked(const struct topology *topology, unsigned slot, uint32_t low, uint64_t high)
{
	const struct bridge_config *port = &topology->slots[slot].config;

	assert_int_equal(bridge_config_read(port, 0xa0, 1), PCI_CAP_ID_VNDR);
	assert_int_equal(bridge_config_read(port, 0xa0 + 16, 4), low);
	assert_true(((uint64_t)bridge_config_read(port, 0xa0 + 28, 4) << 32 |
		     bridge_config_read(port, 0xa0 + 24, 4)) == high);
}

/* The firmware keeps room for a device that was there from the start, too: it may leave, and come back. */
static void firmware_is_asked_for_room(void **state)
{
	static const struct topology_chips chips = {.reset = reset_chip};
	static struct topology topology;
	const struct layout small = {.low_start = 0xc0000000,
				     .low_end = 0xe0000000,
				     .high_start = gib,
				     .high_end = gib + (513 << 20)};
	struct lend_function f = card;
	const struct placement placement = at_port(&f, 0, 0);

	(void)state;
	f.bars[0] = (struct lend_bar){.size = 1 << 20};
	f.bars[1] = (struct lend_bar){.size = 1 << 19};
	for (unsigned is_small = 0; is_small < 2; is_small++) {
		f.bars[4] = (struct lend_bar){
			.size = is_small ? 1 << 29 : 1 << 20, .is_64 = true, .prefetchable = true};
		topology = (struct topology){.chips = &chips};
		assert_int_equal(topology_place(&topology, &placement, 1), 0);
		assert_int_equal(topology_add_ports(&topology, 1, 1 << 20), 0);
		for (unsigned boot = 0; boot < 3; boot++) {
			assert_int_equal(topology_assign(&topology, is_small ? &small : &layout, NULL), 0);
			expect_asked(&topology, 1, is_small ? 0 : 2 << 20, is_small ? 0 : 1 << 29);
			expect_asked(&topology, 2, PORT_ROOM_LOW, 1 << 20);
			/* It can have a window of I/O ports, and none is open. */
			assert_int_equal(bridge_config_read(&topology.slots[1].config, PCI_IO_BASE, 2), 0xf0);
			assert_true(topology.has_io);
			if (boot == 0)
				topology_remove(&topology, &f);
			else if (boot == 1)
				topology_insert(&topology, 1, &f);
		}
		topology_remove(&topology, &f);
	}
	assert_int_equal(f.writes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bars_go_where_linux_leaves_them),
		cmocka_unit_test(a_window_without_bars_is_closed),
		cmocka_unit_test(bars_that_do_not_fit_are_refused),
		cmocka_unit_test(large_bars_of_many_devices_fit),
		cmocka_unit_test(large_slots_come_first),
		cmocka_unit_test(a_port_keeps_its_windows),
		cmocka_unit_test(registers_of_a_port),
		cmocka_unit_test(what_came_later_stays_inside),
		cmocka_unit_test(firmware_is_asked_for_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
