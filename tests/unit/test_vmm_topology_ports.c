/* SPDX-License-Identifier: MIT */
/* Root ports: what they say of the device behind them, and empty ones (topology_stage.h). */
#include "tests/unit/topology_stage.h"

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

/*
 * More devices with I/O BARs have come than there are windows for, and the machine is reset: it starts, and
 * those of the command line have theirs, though the others' are larger.
 */
static void there_are_fewer_windows_of_io_ports(void **state)
{
	enum { LATER = 20 };
	static struct topology topology;
	static struct lend_function later[LATER];
	struct lend_function first = {.bars = {[0] = {.size = 0x20, .io = true}}};
	struct layout roomy = layout;
	const struct placement placement = at_port(&first, 0, 0);
	unsigned windows = 0;

	(void)state;
	roomy.low_start = 0x80000000;
	topology = (struct topology){0};
	assert_int_equal(topology_place(&topology, &placement, 1), 0);
	assert_int_equal(topology_add_ports(&topology, LATER, gib), 0);
	assert_int_equal(topology_assign(&topology, &roomy, NULL), 0);
	for (unsigned i = 0; i < LATER; i++) {
		later[i] = (struct lend_function){.bars = {[1] = {.size = 0x100, .io = true}}};
		topology_insert(&topology, 2 + i, &later[i]);
	}
	assert_int_equal(topology_assign(&topology, &roomy, NULL), 0);
	assert_int_equal(first.bar[0], 0x1000);
	for (unsigned i = 0; i < LATER; i++) {
		const struct bridge_config *port = &topology.slots[2 + i].config;
		bool open = bridge_config_read(port, PCI_IO_BASE, 1) <=
				    bridge_config_read(port, PCI_IO_LIMIT, 1) &&
			    bridge_config_read(port, PCI_IO_LIMIT, 1);

		assert_int_equal(open, later[i].bar[1] != 0);
		windows += open;
	}
	assert_int_equal(windows, 14);
}

/* No power management event comes from below (docs/differences.md): what enables it is kept, and that is all.
 */
static void no_power_management_event(void **state)
{
	static struct topology topology;
	struct bridge_config *port = &topology.slots[1].config;

	(void)state;
	topology = (struct topology){0};
	assert_int_equal(topology_place(&topology, NULL, 0), 0);
	assert_int_equal(topology_add_ports(&topology, 1, gib), 0);
	assert_int_equal(topology_assign(&topology, &layout, NULL), 0);
	bridge_config_write(port, 0x40 + PCI_EXP_RTCTL, 2, PCI_EXP_RTCTL_PMEIE);
	assert_int_equal(bridge_config_read(port, 0x40 + PCI_EXP_RTCTL, 2), PCI_EXP_RTCTL_PMEIE);
	assert_int_equal(bridge_config_read(port, 0x40 + PCI_EXP_RTSTA, 4), 0);
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

static unsigned moves;

static void on_move(void *opaque)
{
	(void)opaque;
	moves++;
}

/*
 * Two processors write one port's bus number, and each sees the other's. So each write is told, also one
 * that seems to change nothing.
 */
static void each_write_of_a_bus_number_is_told(void **state)
{
	static struct topology topology;

	(void)state;
	topology = (struct topology){.moved = on_move};
	assert_int_equal(topology_add_ports(&topology, 1, gib), 0);
	assert_int_equal(topology_assign(&topology, &layout, NULL), 0);
	moves = 0;
	for (unsigned i = 1; i <= 2; i++) {
		ecam_ops.write(&topology, 1 << 15 | PCI_SECONDARY_BUS, 1, 7);
		ecam_ops.write(&topology, 1 << 15 | PCI_PRIMARY_BUS, 4, 7 << 8);
		assert_int_equal(moves, 2 * i);
	}
	ecam_ops.write(&topology, 1 << 15 | PCI_PRIMARY_BUS, 1, 0);
	ecam_ops.write(&topology, 1 << 15 | PCI_SUBORDINATE_BUS, 2, 9);
	assert_int_equal(moves, 4);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(atomics_of_a_single_function),
		cmocka_unit_test(an_empty_port_has_room),
		cmocka_unit_test(a_device_comes_and_goes),
		cmocka_unit_test(there_are_fewer_windows_of_io_ports),
		cmocka_unit_test(no_power_management_event),
		cmocka_unit_test(without_empty_ports_nothing_is_a_slot),
		cmocka_unit_test(a_reset_of_the_bus_is_told_once),
		cmocka_unit_test(each_write_of_a_bus_number_is_told),
		cmocka_unit_test(too_many_ports_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
