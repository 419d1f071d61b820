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
static void between_known_capabilities(void **state)
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

static void between_other_capabilities(void **state)
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

/* Dwords at a capability's start, and the bytes that it has then. */
struct format {
	uint16_t id;
	uint32_t dwords[6]; /* of the first the upper half */
	unsigned length;
	uint32_t flags, devcap2, lnkcap; /* of PCI Express; flags 0: as it comes */
};

enum { WHERE = 0x200, ROOM = 0x800 };

/* Whether a strict guest reaches the byte: the last in its space, nothing ends it but its own length. */
static unsigned reach(struct world *world, unsigned at, unsigned end)
{
	unsigned last = at;

	world->mute = world->function_config.strict_config = true;
	start(world);
	for (unsigned i = at; i < end; i++) {
		world_write(world, i, 1, 0xff);
		if (world->written[i])
			last = i + 1;
	}
	stop(world);
	return last - at;
}

/* PCI Express 6.0, chapter 7, by hand. */
static const struct format extended_formats[] = {
	{PCI_EXT_CAP_ID_ERR, {0}, 0x2c, 0, 0, 0},
	{PCI_EXT_CAP_ID_ERR, {0}, 0x2c, 1, 1 << 21, 0},
	{PCI_EXT_CAP_ID_ERR, {0}, 0x48, 2, 1 << 21, 0},
	{PCI_EXT_CAP_ID_ERR, {0}, 0x60, 2 | 1 << 15, 0, 0},
	{PCI_EXT_CAP_ID_VC, {0}, 0x1c, 0, 0, 0},
	{PCI_EXT_CAP_ID_VC, {0, 7}, 0x70, 0, 0, 0},
	{PCI_EXT_CAP_ID_VC, {0, 1, 4u << 24 | 2}, 0x50, 0, 0, 0},
	{PCI_EXT_CAP_ID_VC9, {0, 1, 4u << 24 | 6}, 0x60, 0, 0, 0},
	{PCI_EXT_CAP_ID_MFVC, {0, 1, 4u << 24 | 0xe}, 0x80, 0, 0, 0},
	{PCI_EXT_CAP_ID_VC, {0, 1, 1u << 24 | 2}, 0x28, 0, 0, 0},
	{PCI_EXT_CAP_ID_VC, {0, 1 << 10, 0, 0, 5u << 24 | 2}, 0x58, 0, 0, 0},
	{PCI_EXT_CAP_ID_VC, {0, 2 << 10, 0, 0, 5u << 24 | 0x10}, 0x90, 0, 0, 0},
	{PCI_EXT_CAP_ID_VC, {0, 3 << 10, 0, 0, 5u << 24 | 0x20}, 0x150, 0, 0, 0},
	{PCI_EXT_CAP_ID_DSN, {0}, 0x0c, 0, 0, 0},
	{PCI_EXT_CAP_ID_PWR, {0}, 0x10, 0, 0, 0},
	{PCI_EXT_CAP_ID_RCLD, {0, 3 << 8}, 0x40, 0, 0, 0},
	{PCI_EXT_CAP_ID_RCILC, {0}, 0x0c, 0, 0, 0},
	{PCI_EXT_CAP_ID_RCEC, {1}, 0x08, 0, 0, 0},
	{PCI_EXT_CAP_ID_RCEC, {2}, 0x0c, 0, 0, 0},
	{PCI_EXT_CAP_ID_RCRB, {0}, 0x14, 0, 0, 0},
	{PCI_EXT_CAP_ID_VNDR, {0, 0x123u << 20}, 0x123, 0, 0, 0},
	{PCI_EXT_CAP_ID_VNDR, {0, 3u << 20}, 0x08, 0, 0, 0}, /* less than its header: not known */
	{PCI_EXT_CAP_ID_CAC, {0}, 0x08, 0, 0, 0},
	{PCI_EXT_CAP_ID_ACS, {0, 0x1f00}, 0x08, 0, 0, 0},
	{PCI_EXT_CAP_ID_ACS, {0, 0x2020}, 0x0c, 0, 0, 0},
	{PCI_EXT_CAP_ID_ACS, {0, 0x2120}, 0x10, 0, 0, 0},
	{PCI_EXT_CAP_ID_ACS, {0, 0x0020}, 0x28, 0, 0, 0},
	{PCI_EXT_CAP_ID_ATS, {0}, 0x08, 0, 0, 0},
	{PCI_EXT_CAP_ID_MCAST, {0}, 0x30, 0, 0, 0},
	{PCI_EXT_CAP_ID_PRI, {0}, 0x10, 0, 0, 0},
	{PCI_EXT_CAP_ID_AMD_XXX, {0}, 0x08, 0, 0, 0},
	{PCI_EXT_CAP_ID_DPA, {0, 7}, 0x18, 0, 0, 0},
	{PCI_EXT_CAP_ID_TPH, {0, 0x3f0000}, 0x0c, 0, 0, 0},
	{PCI_EXT_CAP_ID_TPH, {0, 0x3f0400}, 0x0c, 0, 0, 0},
	{PCI_EXT_CAP_ID_TPH, {0, 0x3f0200}, 0x8c, 0, 0, 0},
	{PCI_EXT_CAP_ID_TPH, {0, 0x020200}, 0x14, 0, 0, 0},
	{PCI_EXT_CAP_ID_LTR, {0}, 0x08, 0, 0, 0},
	{PCI_EXT_CAP_ID_SECPCI, {0}, 0x2c, 0, 0, 16 << 4},
	{PCI_EXT_CAP_ID_SECPCI, {0}, 0x0e, 0, 0, 1 << 4},
	{PCI_EXT_CAP_ID_PMUX, {0, 5}, 0x24, 0, 0, 0},
	{PCI_EXT_CAP_ID_PASID, {0}, 0x08, 0, 0, 0},
	{0x1c, {0}, 0x08, 0, 0, 0},
	{PCI_EXT_CAP_ID_DPC, {0}, 0x0c, 0, 0, 0},
	{PCI_EXT_CAP_ID_DPC, {0, 0x0520}, 0x34, 0, 0, 0},
	{0x1e, {0}, 0x14, 0, 0, 0},
	{0x1f, {0}, 0x0c, 0, 0, 0},
	{0x20, {0}, 0x08, 0, 0, 0},
	{0x21, {0}, 0x10, 0, 0, 0},
	{0x22, {0}, 0x0c, 0, 0, 0},
	{PCI_EXT_CAP_ID_DVSEC, {0, 0x38u << 20 | 0x1234}, 0x38, 0, 0, 0},
	{0x25, {0}, 0x0c, 0, 0, 0},
	{0x26, {0}, 0x24, 0, 0, 4 << 4},
	{0x27, {0}, 0x48, 0, 0, 16 << 4},
	{0x28, {0}, 0x20, 0, 0, 0},
	{0x29, {0}, 0x10, 0, 0, 0},
	{0x2a, {0}, 0x40, 0, 0, 32 << 4},
	{0x2a, {0}, 0x40, 0, 0, 63 << 4}, /* no link is so wide */
	{0x2b, {0}, 0x14, 0, 0, 0},
	{0x2b, {0, 1 << 8}, 0x18, 0, 0, 0},
	{0x2c, {0}, 0x14, 0, 0, 0},
	{0x2d, {0}, 0x08, 0, 0, 0},
	{0x2e, {0}, 0x18, 0, 0, 0},
	{0x2f, {0}, 0x10, 0, 0, 0},
	{0x30, {0}, 0x0c, 0, 0, 0},
	{0x30, {0, 1 | 2 << 13}, 0x24, 0, 0, 0},
	{0x30, {0, 2 | 1 << 16, 0, 1}, 0x40, 0, 0, 0},
	{0x30, {0, 3 | 0 << 13, 0, 0, 0, 2}, 0x40, 0, 0, 0},
	{0x31, {0}, 0x14, 0, 0, 4 << 4},
	{0x32, {0}, 0x08, 0, 0, 0},
	{0xfffe, {0}, 0x08, 0, 0, 0},
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void put(struct world *world, unsigned at, const struct format *format)
{
	for (unsigned i = 1; i < COUNT(format->dwords); i++)
		world_set(world, at + 4 * i, 4, format->dwords[i]);
}

static void each_extended_format(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(extended_formats); i++) {
		const struct format *format = &extended_formats[i];
		struct world *world = world_new();
		unsigned got;

		world_exp(world, PCI_EXP_TYPE_ENDPOINT, 0);
		if (format->flags)
			world_set(world, 0x82, 2, format->flags);
		world_set(world, 0x80 + PCI_EXP_DEVCAP2, 4, format->devcap2);
		world_set(world, 0x80 + PCI_EXP_LNKCAP, 4, format->lnkcap);
		world_set(world, 0x100, 4, PCI_EXT_CAP_ID_DSN | 1 << 16 | (uint32_t)WHERE << 20);
		put(world, WHERE, format);
		world_set(world, WHERE, 4, format->id | (format->dwords[0] ? format->dwords[0] : 1u) << 16);
		got = reach(world, WHERE, WHERE + ROOM);
		if (got != format->length)
			fail_msg("row %zu, id 0x%x: 0x%x bytes instead of 0x%x", i, format->id, got,
				 format->length);
	}
}

/* PCI Local Bus 3.0, 6.8, and what came later. */
static const struct format standard_formats[] = {
	{PCI_CAP_ID_PM, {0}, 8, 0, 0, 0},
	{PCI_CAP_ID_AGP, {0}, 12, 0, 0, 0},
	{PCI_CAP_ID_VPD, {0}, 8, 0, 0, 0},
	{PCI_CAP_ID_SLOTID, {0}, 4, 0, 0, 0},
	{PCI_CAP_ID_CHSWP, {0}, 4, 0, 0, 0},
	{PCI_CAP_ID_PCIX, {0}, 8, 0, 0, 0},
	{PCI_CAP_ID_PCIX, {1 << 12}, 24, 0, 0, 0},
	{PCI_CAP_ID_HT, {HT_CAPTYPE_SLAVE << 8}, 28, 0, 0, 0},
	{PCI_CAP_ID_HT, {HT_CAPTYPE_HOST << 8}, 24, 0, 0, 0},
	{PCI_CAP_ID_HT, {HT_CAPTYPE_IRQ << 8}, 8, 0, 0, 0},
	{PCI_CAP_ID_HT, {HT_CAPTYPE_UNITID_CLUMP << 8}, 12, 0, 0, 0},
	{PCI_CAP_ID_HT, {HT_CAPTYPE_EXTCONF << 8}, 12, 0, 0, 0},
	{PCI_CAP_ID_HT, {HT_CAPTYPE_MSI_MAPPING << 8}, 12, 0, 0, 0},
	{PCI_CAP_ID_HT, {HT_CAPTYPE_MSI_MAPPING << 8 | 2}, 4, 0, 0, 0},
	{PCI_CAP_ID_HT, {HT_CAPTYPE_VCSET << 8}, 4, 0, 0, 0},
	{PCI_CAP_ID_VNDR, {0x15}, 0x15, 0, 0, 0},
	{PCI_CAP_ID_VNDR, {0}, 4, 0, 0, 0},
	{PCI_CAP_ID_DBG, {0}, 4, 0, 0, 0},
	{PCI_CAP_ID_CCRC, {0}, 4, 0, 0, 0},
	{PCI_CAP_ID_SHPC, {0}, 8, 0, 0, 0},
	{PCI_CAP_ID_SSVID, {0}, 8, 0, 0, 0},
	{PCI_CAP_ID_AGP3, {0}, 4, 0, 0, 0},
	{PCI_CAP_ID_SECDEV, {0}, 24, 0, 0, 0},
	{PCI_CAP_ID_EXP, {1}, 20, 0, 0, 0},
	{PCI_CAP_ID_EXP, {2}, 60, 0, 0, 0},
	{PCI_CAP_ID_EXP, {1 | PCI_EXP_TYPE_RC_END << 4}, 12, 0, 0, 0},
	{PCI_CAP_ID_EXP, {2 | PCI_EXP_TYPE_RC_END << 4}, 44, 0, 0, 0},
	{PCI_CAP_ID_SATA, {0, 8}, 8, 0, 0, 0},
	{PCI_CAP_ID_SATA, {0, 0xf}, 16, 0, 0, 0},
	{PCI_CAP_ID_AF, {0}, 6, 0, 0, 0},
	{0x16, {0}, 4, 0, 0, 0},
};

static void each_standard_format(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(standard_formats); i++) {
		const struct format *format = &standard_formats[i];
		struct world *world = world_new();
		unsigned got, at = world_cap(world, 0x60, (uint8_t)format->id);

		put(world, at, format);
		world_set(world, at + 2, 2, format->dwords[0]);
		got = reach(world, at, 0x100);
		if (got != format->length)
			fail_msg("row %zu, id 0x%x: 0x%x bytes instead of 0x%x", i, format->id, got,
				 format->length);
	}
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
		cmocka_unit_test(between_known_capabilities), cmocka_unit_test(between_other_capabilities),
		cmocka_unit_test(without_capabilities),       cmocka_unit_test(what_the_kernel_took_out),
		cmocka_unit_test(straddling_an_end),          cmocka_unit_test(each_extended_format),
		cmocka_unit_test(each_standard_format),       cmocka_unit_test(registers_of_cxl),
	};

	return cmocka_run_group_tests_name("pci_strict", tests, NULL, NULL);
}
