/* SPDX-License-Identifier: MIT */
/*
 * Capabilities that the kernel took out of the chain: the guest does not find
 * them, and their registers are closed where a row or a rule says so. What only
 * looks like one stays open.
 */
#include <string.h>

#include <linux/pci_regs.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"
#include "tests/unit/test_pci.h"
#include "tests/unit/test_rules.h"

enum { VF_REBAR = 0x24, L1SS = 0x1e };

static struct world *device(void)
{
	struct world *world = world_filtered();

	world_exp(world, PCI_EXP_TYPE_ENDPOINT, 0);
	world_set(world, 0x100, 4, PCI_EXT_CAP_ID_DSN | 1 << 16 | 0x300u << 20);
	world_set(world, 0x300, 4, PCI_EXT_CAP_ID_PWR | 1 << 16);
	return world;
}

static void set_header(struct world *world, unsigned at, unsigned id, unsigned next)
{
	world_set(world, at, 4, id | 1 << 16 | next << 20);
}

/* How many bytes from `at` on do not reach the device, up to the first that does. */
static int closed(struct world *world, unsigned at)
{
	int count = 0;

	start(world);
	for (unsigned i = at; i < world->config_size; i++) {
		world->written[i] = 0;
		world_write(world, i, 1, 0xff);
		if (world->written[i])
			break;
		count++;
	}
	assert_in_range(world->log_lines, 0, 1);
	stop(world);
	return count;
}

/* Between two that the kernel shows: the chain behind it leads back. */
static void in_the_middle(void **state)
{
	static const struct {
		unsigned id, next;
		int closed;
	} rows[] = {
		{VF_REBAR, 0x300, 4},                /* of no BAR */
		{PCI_EXT_CAP_ID_MRIOV, 0x300, 0x60}, /* whose length is not known: up to the next */
		{VF_REBAR, 0x240, 4},                /* over another */
		{L1SS, 0x300, 0},                    /* passed */
		{VF_REBAR, 0x304, 0},                /* no start of any */
		{VF_REBAR, 0x30c, 0},                /* to one in a capability */
		{VF_REBAR, 0x280, 0},                /* to no header */
		{VF_REBAR, 0x2c0, 0},                /* to one that comes back */
		{VF_REBAR, 0x0f0, 0},
		{VF_REBAR, 0xffc, 0},
		{VF_REBAR, 0, 0}, /* at the end, it would have to make sense */
		{PCI_EXT_CAP_ID_MRIOV, 0, 0},
		{0x0024 | 0xf << 16, 0x300, 0}, /* a version that there is not */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *world = device();

		set_header(world, 0x2a0, rows[i].id, rows[i].next);
		set_header(world, 0x240, L1SS, 0x300);
		set_header(world, 0x2c0, L1SS, 0x2c0);
		set_header(world, 0x30c, L1SS, 0x300);
		assert_int_equal(closed(world, 0x2a0), rows[i].closed);
	}
}

/* A pointer's low two bits are reserved: where they are set nobody wrote a pointer. */
static void pointers_are_whole(void **state)
{
	(void)state;
	for (unsigned low = 0; low < 4; low++) {
		struct world *world = device();

		set_header(world, 0x2a0, VF_REBAR, 0x300 | low);
		assert_int_equal(closed(world, 0x2a0), low ? 0 : 4);
		world = device();
		world_set(world, 0xe0, 4, PCI_CAP_ID_EA | (0x80 | low) << 8);
		assert_int_equal(closed(world, 0xe0), low ? 0 : 4);
	}
}

static void without_a_version(void **state)
{
	struct world *world = device();

	(void)state;
	world_set(world, 0x2a0, 4, VF_REBAR | 0x300u << 20);
	assert_int_equal(closed(world, 0x2a0), 0);
}

static struct world *last_rebar(uint32_t sizes, uint32_t control)
{
	struct world *world = device();

	set_header(world, 0x300, PCI_EXT_CAP_ID_PWR, 0x400);
	set_header(world, 0x400, VF_REBAR, 0);
	world_set(world, 0x404, 4, sizes);
	world_set(world, 0x408, 4, control);
	world_set(world, 0x40c, 4, 0x10);
	world_set(world, 0x410, 4, 2);
	return world;
}

/* The last of a chain: a BAR has one of the sizes on offer, and no reserved bit. */
static void resizable_bars_at_the_end(void **state)
{
	(void)state;
	assert_int_equal(closed(last_rebar(0xfff0, 1 << 5 | 3 << 8), 0x400), 12);
	assert_int_equal(closed(last_rebar(0xfff0, 2 << 5 | 3 << 8), 0x400), 20);
	assert_int_equal(closed(last_rebar(0xfff0, 1 << 5 | 12 << 8), 0x400), 0);
	assert_int_equal(closed(last_rebar(0xfff1, 1 << 5 | 3 << 8), 0x400), 0);
	assert_int_equal(closed(last_rebar(0xfff0, 0 << 5 | 3 << 8), 0x400), 0);
	assert_int_equal(closed(last_rebar(0xfff0, 7 << 5 | 3 << 8), 0x400), 0);
	assert_int_equal(closed(last_rebar(0xfff0, 3 << 5 | 3 << 8), 0x400), 0); /* no third one */
	assert_int_equal(closed(last_rebar(0xfff0, 1 << 5 | 40 << 8), 0x400),
			 12); /* no bit for so large a one */
}

/* Enhanced allocation with two entries, of which the second has an address of 64 bits. */
static struct world *allocation(unsigned at, unsigned next)
{
	struct world *world = world_filtered();

	world->config_size = 256;
	world_cap(world, 0x40, PCI_CAP_ID_VPD);
	world_cap(world, at, PCI_CAP_ID_EA);
	if (next)
		world_cap(world, next, PCI_CAP_ID_PM);
	world_set(world, at + 2, 2, 2);
	world_set(world, at + 4, 4, 0x80000002);
	world_set(world, at + 8, 4, 0xf0000000);
	world_set(world, at + 12, 4, 0xffc);
	world_set(world, at + 16, 4, 0xc0ff0013);
	world_set(world, at + 20, 4, 0xf0000002);
	world_set(world, at + 24, 4, 0xfffc);
	world_set(world, at + 28, 4, 0x10);
	return world;
}

static void enhanced_allocation(void **state)
{
	static const struct {
		unsigned offset;
		uint8_t value;
	} nonsense[] = {{2, 0},    {2, 3},     {2, 0x42},  {3, 1},    {4, 3},
			{7, 0x81}, {16, 0x12}, {19, 0xe0}, {24, 0xfe}};
	struct world *world;

	(void)state;
	assert_int_equal(closed(allocation(0x60, 0), 0x60), 32);
	assert_int_equal(closed(allocation(0x60, 0xa0), 0x60), 32);
	assert_int_equal(closed(allocation(0x60, 0x70), 0x60), 16);
	assert_int_equal(closed(allocation(0xe0, 0), 0xe0), 32);
	for (size_t i = 0; i < sizeof(nonsense) / sizeof(*nonsense); i++) {
		world = allocation(0x60, 0);
		world->config[0x60 + nonsense[i].offset] = nonsense[i].value;
		assert_int_equal(closed(world, 0x60), 0);
	}
	/* An entry that would lie beyond the end. */
	world = allocation(0xe0, 0);
	world_set(world, 0xe2, 2, 3);
	assert_int_equal(closed(world, 0xe0), 0);
	/* The only one: the kernel clears the list bit then. */
	world = allocation(0x60, 0);
	world->config[PCI_CAPABILITY_LIST] = 0x60;
	assert_int_equal(closed(world, 0x60), 32);
}

/* A rule of the user's closes what the kernel took out as well; one that is last needs no other sign. */
static void denied_by_a_rule(void **state)
{
	static const unsigned next[] = {0, 0x300, 0x380}, pointers[] = {0, 0x80, 0x84};
	const char *rules = rules_dir("[{\"match\": {\"vendor\": \"1b36\"}, "
				      "\"deny_extended_capabilities\": [\"0x1e\"], "
				      "\"deny_capabilities\": [\"0x0a\"]}]");

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct world *world = device();

		set_header(world, 0x200, L1SS, next[i]);
		world->quirks_dir = rules;
		start(world);
		world_write(world, 0x208, 1, 0xff);
		world_write(world, 0x213, 1, 0xff);
		world_write(world, 0x214, 1, 0xff);
		assert_int_equal(world->written[0x208], i == 2);
		assert_int_equal(world->written[0x213], i == 2);
		assert_int_equal(world->written[0x214], 1);
		stop(world);
	}
	for (unsigned i = 0; i < 3; i++) {
		struct world *world = device();

		world_set(world, 0xe0, 2, PCI_CAP_ID_DBG | pointers[i] << 8);
		world->quirks_dir = rules;
		start(world);
		world_write(world, 0xe2, 2, 0xffff);
		assert_int_equal(world->written[0xe2], i == 2);
		stop(world);
	}
}

/* Registers of one maker, which the guest reads and cannot write: VSEC goes by the device's own. */
static void closed_vendors(void **state)
{
	static const char *const makers[] = {"\"1e98\"", "\"1b36\"", "\"1234\", \"1e98\""};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct world *world = device();
		char rules[160];

		snprintf(rules, sizeof(rules),
			 "[{\"match\": {\"vendor\": \"1b36\"}, \"close_vendor_registers\": [%s]}]",
			 makers[i]);
		world->quirks_dir = rules_dir(rules);
		set_header(world, 0x100, PCI_EXT_CAP_ID_DVSEC, 0x200);
		world_set(world, 0x104, 4, 0x20u << 20 | 0x1e98);
		set_header(world, 0x200, PCI_EXT_CAP_ID_VNDR, 0);
		world_set(world, 0x204, 4, 0x20u << 20 | 0x1e98); /* an id of the maker's */
		start(world);
		assert_int_equal(world_read(world, 0x100, 2), PCI_EXT_CAP_ID_DVSEC);
		for (unsigned at = 0x108; at <= 0x208; at += 0x100) {
			world_write(world, at, 4, UINT32_MAX);
			world_write(world, at + 0x17, 1, 0xff);
			assert_int_equal(world->written[at], (at == 0x108) == (i == 1));
			assert_int_equal(world->written[at + 0x17], (at == 0x108) == (i == 1));
		}
		world_write(world, 0x120, 1, 0xff);
		assert_int_equal(world->written[0x120], 1);
		stop(world);
	}
}

/* The device's own chain, where it is known, is right, whatever the bytes look like. */
static void the_devices_own_chain(void **state)
{
	struct world *world = device();

	(void)state;
	set_header(world, 0x100, PCI_EXT_CAP_ID_DSN, 0x200);
	set_header(world, 0x200, VF_REBAR, 0x300);
	set_header(world, 0x280, VF_REBAR, 0x300); /* nobody leads here */
	world->raw_known = sizeof(world->config);
	assert_int_equal(closed(world, 0x280), 0);
	world = last_rebar(0, 0);
	world->raw_known = sizeof(world->config);
	assert_int_equal(closed(world, 0x400), 4);
	world = last_rebar(0, 0);
	world->raw_known = 64; /* as much as everyone may read */
	assert_int_equal(closed(world, 0x400), 0);
	world = allocation(0x60, 0);
	world->config[0x62] = 1; /* makes no sense, but is one */
	world->config[0x67] = 0x3f;
	world->raw_known = 256;
	assert_int_equal(closed(world, 0x60), 16);
	/* The two lowest bits of a pointer are reserved. */
	world = allocation(0x60, 0);
	world->config[PCI_CAPABILITY_LIST] |= 3;
	world->config[0x62] = 1;
	world->config[0x67] = 0x3f;
	world->raw_known = 256;
	assert_int_equal(closed(world, 0x60), 16);
	/* It may come back, or lead out. */
	world = device();
	set_header(world, 0x300, VF_REBAR, 0x100);
	world->raw_known = sizeof(world->config);
	assert_int_equal(closed(world, 0x300), 4);
	world = device();
	set_header(world, 0xffc, VF_REBAR, 0xffc);
	set_header(world, 0x300, PCI_EXT_CAP_ID_PWR, 0xffc);
	world->raw_known = sizeof(world->config);
	assert_int_equal(closed(world, 0xffc), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_the_middle),       cmocka_unit_test(pointers_are_whole),
		cmocka_unit_test(without_a_version),   cmocka_unit_test(resizable_bars_at_the_end),
		cmocka_unit_test(enhanced_allocation), cmocka_unit_test(denied_by_a_rule),
		cmocka_unit_test(closed_vendors),      cmocka_unit_test(the_devices_own_chain),
	};

	return cmocka_run_group_tests_name("pci_unlinked", tests, NULL, rules_clean);
}
