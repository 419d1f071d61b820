/* SPDX-License-Identifier: MIT */
/*
 * Bytes in no capability (XSA-124): written through as they are, or
 * kept from the device by x-config=strict. Two worlds of one description are
 * written to a byte at a time; what differs has to be the gaps, by heart.
 */
#include <string.h>

#include <linux/pci_regs.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"
#include "tests/unit/test_pci.h"

struct gap {
	unsigned from, to;
};

static bool in_gaps(const struct gap *gaps, unsigned at)
{
	for (; gaps->to; gaps++)
		if (at >= gaps->from && at < gaps->to)
			return true;
	return false;
}

/* Behind the kernel's filter, which takes out what it does not know. */
static void compare(void (*describe)(struct world *world), unsigned size, const struct gap *gaps)
{
	struct world *worlds[2];
	unsigned kept = 0;

	for (unsigned i = 0; i < 2; i++) {
		worlds[i] = world_new();
		worlds[i]->mute = worlds[i]->filtered = true;
		describe(worlds[i]);
		worlds[i]->config_size = size;
		worlds[i]->function_config.strict_config = i;
		start(worlds[i]);
	}
	for (unsigned at = 0x40; at < size; at++) {
		uint8_t before[2] = {worlds[0]->config[at], worlds[1]->config[at]};

		for (unsigned i = 0; i < 2; i++) {
			worlds[i]->written[at] = 0;
			world_write(worlds[i], at, 1, 0xa0);
		}
		if (in_gaps(gaps, at)) {
			assert_int_equal(worlds[0]->written[at], 1);
			assert_int_equal(worlds[1]->written[at], 0);
			assert_int_equal(world_read(worlds[1], at, 1), before[1]); /* it still reads */
			kept++;
		} else if (worlds[0]->written[at] != worlds[1]->written[at]) {
			fail_msg("offset 0x%x is written by one alone", at);
		}
		for (unsigned i = 0; i < 2; i++)
			worlds[i]->config[at] = before[i];
	}
	assert_true(kept > 0);
	for (unsigned i = 0; i < 2; i++)
		stop(worlds[i]);
}

/* PM, MSI-X, PCI Express, and in the extended space AER and DSN: all of a known length. */
static void xsa_131_between_known_capabilities(void **state)
{
	static const struct gap gaps[] = {{0x48, 0x50},   {0x5c, 0x80},    {0xbc, 0x100},
					  {0x12c, 0x150}, {0x15c, 0x1000}, {0, 0}};

	(void)state;
	compare(world_nvme, 4096, gaps);
}

/* A vendor's capability says how long it is; what the kernel took out is in none, enhanced allocation never
 * open. */
static void conventional(struct world *world)
{
	world_set(world, world_cap(world, 0x60, PCI_CAP_ID_VNDR) + 2, 1, 0x14);
	world_cap(world, 0x80, 0x42);
	world_cap(world, 0x90, PCI_CAP_ID_VPD);
	world_cap(world, 0xa0, PCI_CAP_ID_EA); /* hidden: no capability to the guest */
	world_cap(world, 0xc0, PCI_CAP_ID_AF);
}

static void xsa_124_between_other_capabilities(void **state)
{
	static const struct gap gaps[] = {{0x40, 0x60}, {0x74, 0x90},  {0x98, 0xa0},
					  {0xa4, 0xc0}, {0xc6, 0x100}, {0, 0}};

	(void)state;
	compare(conventional, 256, gaps);
}

static void bare(struct world *world)
{
	(void)world;
}

static void without_capabilities(void **state)
{
	static const struct gap gaps[] = {{0x40, 0x100}, {0x104, 0x1000}, {0, 0}};

	(void)state;
	compare(bare, 4096, gaps);
}

/* What the kernel took out lies behind the last one that it knows. */
static void unlinked(struct world *world)
{
	world_nvme(world);
	world_set(world, 0x150, 4, PCI_EXT_CAP_ID_DSN | 1 << 16 | 0x200u << 20);
	world_set(world, 0x200, 4, 0x001e | 1 << 16 | 0x300u << 20);
	world_set(world, 0x300, 4, PCI_EXT_CAP_ID_PWR | 1 << 16 | 0x400u << 20);
	world_set(world, 0x400, 4, PCI_EXT_CAP_ID_PASID | 1 << 16);
}

static void what_the_kernel_took_out(void **state)
{
	static const struct gap gaps[] = {{0x48, 0x50},   {0x5c, 0x80},    {0xbc, 0x100}, {0x12c, 0x150},
					  {0x15c, 0x300}, {0x310, 0x1000}, {0, 0}};

	(void)state;
	compare(unlinked, 4096, gaps);
}

/* One write over an end: the part that is the capability's goes through. */
static void straddling_an_end(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_nvme(world);
	world->function_config.strict_config = true;
	start(world);
	world_write(world, 0x46, 4, 0x44332211); /* PM ends at 0x48 */
	assert_int_equal(world_get(world, 0x46, 4), 0x2211);
	world_write(world, 0x7e, 4,
		    0xffffffff); /* and PCI Express begins at 0x80: id and next are no one's */
	assert_int_equal(world_get(world, 0x7e, 2), 0);
	stop(world);
}

/* CXL's registers read, and a strict guest cannot write them; those of another maker it can. */
static void registers_of_cxl(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct world *world = world_new();

		world->filtered = true;
		world->function_config.strict_config = i > 0;
		world_exp(world, PCI_EXP_TYPE_ENDPOINT, 0);
		world_set(world, 0x100, 4, PCI_EXT_CAP_ID_DVSEC | 1 << 16);
		world_set(world, 0x104, 4, 0x38u << 20 | (i == 2 ? 0x8086 : 0x1e98));
		world_set(world, 0x10c, 2, 0x1234);
		start(world);
		assert_int_equal(world_read(world, 0x10c, 2), 0x1234);
		world_write(world, 0x10c, 2, 0x4321);
		assert_int_equal(world_read(world, 0x10c, 2), i == 1 ? 0x1234 : 0x4321);
		stop(world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xsa_131_between_known_capabilities),
		cmocka_unit_test(xsa_124_between_other_capabilities),
		cmocka_unit_test(without_capabilities),
		cmocka_unit_test(what_the_kernel_took_out),
		cmocka_unit_test(straddling_an_end),
		cmocka_unit_test(registers_of_cxl),
	};

	return cmocka_run_group_tests_name("pci_strict", tests, NULL, NULL);
}
