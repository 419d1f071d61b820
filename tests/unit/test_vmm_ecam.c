/* SPDX-License-Identifier: MIT */
/*
 * Pages of config space in memory slots: what the guest reads there is what the engine of a twin
 * answers, which shows no page and lives the same life.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/topology_stage.h"
#include "vmm/kvm.h"
#include "vmm/pci/port_errors.h"

enum { PAGE = 4096, SLOTS = 256, BUSES = 5, BASE = 0xf0000000 };

/* The doubles of KVM's slots. */
static struct {
	struct {
		uint64_t at, size;
		const uint8_t *va;
	} slots[SLOTS];
	unsigned changes, lines;
	int add_error, remove_error;
} kvm;

int hv_set_slot(int vm, uint32_t slot, uint32_t flags, uint64_t at, uint64_t size, const void *va)
{
	(void)vm;
	assert_true(slot < SLOTS);
	kvm.changes++;
	if (size ? kvm.add_error : kvm.remove_error)
		return size ? kvm.add_error : kvm.remove_error;
	assert_true(!size || flags == KVM_MEM_READONLY);
	for (unsigned i = 0; i < SLOTS && size; i++)
		assert_true(kvm.slots[i].at + kvm.slots[i].size <= at || at + size <= kvm.slots[i].at ||
			    !kvm.slots[i].size);
	kvm.slots[slot].at = at;
	kvm.slots[slot].size = size;
	kvm.slots[slot].va = va;
	return 0;
}

bool vmm_may_log(struct vmm *vmm)
{
	(void)vmm;
	return true;
}

void vmm_log(struct vmm *vmm, enum lend_log_level level, const char *format, ...)
{
	(void)vmm, (void)level, (void)format;
	kvm.lines++;
}

static struct {
	struct vmm vmm;       /* shows pages */
	struct topology twin; /* shows none */
	struct lend_function functions[4];
	struct lend_function twins[4];
	struct layout layout;
} stage;

/* A device behind a port, one of two functions on the root bus, and two empty ports. */
static void place(struct topology *topology, struct lend_function *functions)
{
	const struct placement placements[] = {
		at_port(&functions[0], 0, 0),
		{.function = &functions[1], .host = {.bus = 9}, .place = LEND_PLACE_ROOT},
		{.function = &functions[2], .host = {.bus = 9, .function = 2}, .place = LEND_PLACE_ROOT},
	};

	assert_int_equal(topology_place(topology, placements, 3), 0);
	assert_int_equal(topology_add_ports(topology, 2, gib), 0);
}

enum { FILLED = 1, DEVICE = 2, FIRST = 3, SECOND = 4 };

static int set_up(void **state)
{
	(void)state;
	memset(&kvm, 0, sizeof(kvm));
	memset(&stage, 0, sizeof(stage));
	for (unsigned i = 0; i < 4; i++)
		stage.functions[i] = stage.twins[i] =
			(struct lend_function){.id = 0x11110000 + i, .link = {.is_pcie = true, .speed = 3}};
	stage.layout = layout;
	stage.layout.buses = BUSES;
	stage.vmm.layout = stage.layout;
	slots_init(&stage.vmm.slots, -1, SLOTS);
	place(&stage.vmm.topology, stage.functions);
	place(&stage.twin, stage.twins);
	assert_int_equal(ecam_init(&stage.vmm, NULL), 0);
	assert_int_equal(topology_assign(&stage.vmm.topology, &stage.layout, NULL), 0);
	assert_int_equal(topology_assign(&stage.twin, &stage.layout, NULL), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ecam_free(&stage.vmm);
	return 0;
}

/* The bytes that the guest reads at an offset of ECAM without leaving; NULL: it leaves. */
static const uint8_t *shown(uint64_t offset)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (BASE + offset - kvm.slots[i].at < kvm.slots[i].size)
			return kvm.slots[i].va + (BASE + offset - kvm.slots[i].at);
	return NULL;
}

static unsigned shown_pages(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < SLOTS; i++)
		count += (unsigned)(kvm.slots[i].size / PAGE);
	return count;
}

/* The guest reads a register, from a page where there is one, else from the engine. */
static void look(uint64_t at)
{
	const uint8_t *bytes = shown(at);
	uint64_t value = 0, part = 0;

	if (!bytes)
		value = ecam_ops.read(&stage.vmm.topology, at, 4);
	else
		memcpy(&value, bytes, 4);
	assert_int_equal(value, ecam_ops.read(&stage.twin, at, 4));
	if (!bytes)
		return;
	memcpy(&part, bytes + 2, 2);
	assert_int_equal(part, ecam_ops.read(&stage.twin, at + 2, 2));
	assert_int_equal(bytes[1], ecam_ops.read(&stage.twin, at + 1, 1));
}

/* All pages; of functions all registers, and of the others a few. */
static void walk(void)
{
	for (uint64_t page = 0; page < BUSES << 20; page += PAGE) {
		unsigned step = page < 6 << 15 && page % (1 << 15) == 0 ? 4 : 0x3fc;

		for (unsigned reg = 0; reg < PAGE; reg += step)
			look(page + reg);
	}
}

/* All registers of all pages. */
static void walk_whole(void)
{
	for (uint64_t at = 0; at < BUSES << 20; at += 4)
		look(at);
}

static void write_both(unsigned slot, unsigned reg, unsigned length, uint32_t value)
{
	ecam_ops.write(&stage.vmm.topology, slot << 15 | reg, length, value);
	ecam_ops.write(&stage.twin, slot << 15 | reg, length, value);
}

static void insert_both(unsigned slot, unsigned function)
{
	topology_insert(&stage.vmm.topology, slot, &stage.functions[function]);
	topology_insert(&stage.twin, slot, &stage.twins[function]);
}

static void remove_both(unsigned function)
{
	topology_remove(&stage.vmm.topology, &stage.functions[function]);
	topology_remove(&stage.twin, &stage.twins[function]);
}

/* The root bus but for two functions of a device; one device below each empty port. */
enum { AT_START = 256 - 2 + 2 * 8 };

static void pages_are_shown_from_the_start(void **state)
{
	(void)state;
	walk_whole();
	assert_int_equal(shown_pages(), AT_START);
	for (unsigned i = 0; i < 32; i++)
		assert_true(!shown((uint64_t)i << 15) == (i == DEVICE));
	assert_null(shown(1 << 20));
	assert_non_null(shown(2 << 20));
	assert_non_null(shown(3 << 20));
	/* Few slots: the root bus is cut by the two functions alone. */
	assert_int_equal(stage.vmm.slots.used, 3 + 2);
}

static void a_write_is_seen(void **state)
{
	static const unsigned slots[] = {0, FILLED, FIRST, SECOND, 17};

	(void)state;
	for (unsigned i = 0; i < sizeof(slots) / sizeof(*slots); i++)
		for (unsigned reg = 0; reg < 0x200; reg += 4) {
			if (reg == PCI_PRIMARY_BUS)
				continue;
			write_both(slots[i], reg, 4, 0xffffffff);
			if (reg % 64 == 0)
				walk();
			write_both(slots[i], reg, 2, 0x5a5a);
			write_both(slots[i], reg + 3, 1, 0xa5);
		}
	walk();
	assert_int_equal(shown_pages(), AT_START);
}

static void a_device_comes_and_goes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		insert_both(SECOND, 3);
		assert_null(shown(3 << 20));
		walk();
		assert_int_equal(shown_pages(), AT_START - 8);
		remove_both(3);
		assert_non_null(shown(3 << 20));
		walk();
		assert_int_equal(shown_pages(), AT_START);
	}
	remove_both(0);
	assert_non_null(shown(1 << 20));
	walk();
	/* One function of the root bus goes: its page is as those of other functions that are not there. */
	remove_both(2);
	assert_int_equal(ecam_ops.read(&stage.twin, DEVICE << 15 | 2 << 12, 4), 0xffffffff);
	walk();
	assert_int_equal(stage.vmm.slots.used, 2 + 3);
}

static void an_error_is_seen(void **state)
{
	static const enum port_error errors[] = {PORT_ERROR_NONFATAL, PORT_ERROR_CORRECTABLE,
						 PORT_ERROR_FATAL};
	struct port_message message;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		port_error(&stage.vmm.topology.slots[FIRST].config, errors[i], 0x200, &message);
		port_error(&stage.twin.slots[FIRST].config, errors[i], 0x200, &message);
		walk();
	}
	assert_int_equal(shown(FIRST << 15 | (0x100 + PCI_ERR_ROOT_STATUS))[0], 0x6d);
	write_both(FIRST, 0x100 + PCI_ERR_ROOT_STATUS, 4, 0xffffffff);
	walk();
}

/* Whatever a guest makes of the buses' numbers. */
static void buses_are_renumbered(void **state)
{
	(void)state;
	write_both(FIRST, PCI_SECONDARY_BUS, 1, 4);
	assert_null(shown(2 << 20));
	assert_non_null(shown(4 << 20));
	walk();
	write_both(SECOND, PCI_PRIMARY_BUS, 4, 0x00010100); /* that of the port with the device */
	walk();
	assert_null(shown(1 << 20));
	write_both(FILLED, PCI_PRIMARY_BUS, 4, 0x00030300);
	walk();
	assert_non_null(shown(1 << 20));
	assert_null(shown(3 << 20));
	write_both(FIRST, PCI_SECONDARY_BUS, 1, 0);
	write_both(SECOND, PCI_SECONDARY_BUS, 1, 0xff); /* not in ECAM */
	walk();
	assert_int_equal(shown_pages(), AT_START - 2 * 8);
	srand(1);
	for (unsigned i = 0; i < 40; i++) {
		write_both((unsigned[]){FILLED, FIRST, SECOND}[rand() % 3], PCI_SECONDARY_BUS, 1,
			   (uint32_t)(rand() % BUSES));
		walk();
	}
}

static void a_reset_undoes_all(void **state)
{
	(void)state;
	insert_both(FIRST, 3);
	write_both(SECOND, PCI_SECONDARY_BUS, 1, 4);
	write_both(SECOND, PCI_COMMAND, 2, 7);
	assert_int_equal(topology_assign(&stage.vmm.topology, &stage.layout, NULL), 0);
	assert_int_equal(topology_assign(&stage.twin, &stage.layout, NULL), 0);
	walk();
	assert_int_equal(shown_pages(), AT_START - 8);
	assert_non_null(shown(3 << 20));
}

/* As firmware does it. */
static void ecam_moves(void **state)
{
	(void)state;
	ecam_place(&stage.vmm, 0, 0);
	assert_int_equal(shown_pages(), 0);
	insert_both(FIRST, 3);
	assert_int_equal(shown_pages(), 0);
	remove_both(3);
	ecam_place(&stage.vmm, 0xc0000000, 256 << 20);
	assert_int_equal(shown_pages(), AT_START);
	assert_null(shown(0));
	ecam_place(&stage.vmm, BASE, 3 << 20); /* the last bus is not in it */
	assert_int_equal(shown_pages(), AT_START - 8);
	assert_null(shown(3 << 20));
	walk();
}

static void a_change_alone_costs_a_slot(void **state)
{
	unsigned changes = kvm.changes;

	(void)state;
	write_both(FIRST, PCI_COMMAND, 2, 7);
	write_both(FIRST, PCI_PRIMARY_BUS, 4, 0xff020200);
	assert_int_equal(kvm.changes, changes);
	insert_both(FIRST, 3);
	assert_int_equal(kvm.changes, changes + 1);
	remove_both(3);
	assert_int_equal(kvm.changes, changes + 2);
}

/* Without slots all is as slow as it was; with one that KVM keeps, a device that came is not seen. */
static void kvm_refuses(void **state)
{
	(void)state;
	kvm.remove_error = -ENOMEM;
	insert_both(FIRST, 3);
	assert_non_null(shown(2 << 20));
	assert_int_equal(kvm.lines, 1);
	kvm.remove_error = 0;
	insert_both(SECOND, 0); /* any change tries again */
	assert_null(shown(2 << 20));
	walk();
	kvm.add_error = -ENOSPC;
	remove_both(3);
	assert_null(shown(2 << 20));
	assert_int_equal(kvm.lines, 2);
	walk();
	kvm.add_error = 0;
	write_both(FIRST, PCI_SECONDARY_BUS, 1, 4);
	write_both(FIRST, PCI_SECONDARY_BUS, 1, 2);
	assert_non_null(shown(2 << 20));
	walk();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pages_are_shown_from_the_start, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_write_is_seen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_device_comes_and_goes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_error_is_seen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(buses_are_renumbered, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_reset_undoes_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ecam_moves, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_change_alone_costs_a_slot, set_up, tear_down),
		cmocka_unit_test_setup_teardown(kvm_refuses, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
