/* SPDX-License-Identifier: MIT */
/*
 * How long a capability is, by the format of its registers: what a guest with
 * x-config=strict can write of one that has all the room it may want, by heart.
 */
#include <string.h>

#include <linux/pci_regs.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"
#include "tests/unit/test_pci.h"

/* Dwords at a capability's start, and the bytes that it has then. */
struct format {
	uint16_t id;
	uint32_t dwords[8]; /* of the first the upper half */
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
	/* Each number of phases, of 8 bits; none; and phases without a table. */
	{PCI_EXT_CAP_ID_VC, {0, 3 << 10, 0, 0, 5u << 24 | 2}, 0x70, 0, 0, 0},
	{PCI_EXT_CAP_ID_VC, {0, 3 << 10, 0, 0, 5u << 24 | 4}, 0x90, 0, 0, 0},
	{PCI_EXT_CAP_ID_VC, {0, 3 << 10, 0, 0, 5u << 24 | 8}, 0xd0, 0, 0, 0},
	{PCI_EXT_CAP_ID_VC, {0, 3 << 10, 0, 0, 5u << 24 | 0x10}, 0xd0, 0, 0, 0},
	{PCI_EXT_CAP_ID_VC, {0, 3 << 10, 0, 0, 5u << 24}, 0x50, 0, 0, 0},
	{PCI_EXT_CAP_ID_VC, {0, 3 << 10, 0, 0, 0x3e}, 0x1c, 0, 0, 0},
	{PCI_EXT_CAP_ID_VC, {0, 1, 4u << 24}, 0x40, 0, 0, 0},
	{PCI_EXT_CAP_ID_VC, {0, 1, 0xe}, 0x28, 0, 0, 0},
	/* The table of the second channel, where there is one. */
	{PCI_EXT_CAP_ID_VC, {0, 1 | 3 << 10, 0, 0, 0, 0, 0, 6u << 24 | 2}, 0x80, 0, 0, 0},
	{PCI_EXT_CAP_ID_VC, {0, 0 | 3 << 10, 0, 0, 0, 0, 0, 6u << 24 | 2}, 0x1c, 0, 0, 0},
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
	{0x30, {0, 1 | 0 << 13}, 0x14, 0, 0, 0},
	{0x30, {0, 1 | 1 << 13}, 0x1c, 0, 0, 0},
	{0x30, {0, 1 | 2 << 13}, 0x24, 0, 0, 0},
	{0x30, {0, 1 | 7 << 13}, 0x4c, 0, 0, 0},
	{0x30, {0, 2 | 0xff << 16}, ROOM, 0, 0, 0}, /* more than there is room for */
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

/* The first one in its space is as long as any other. */
static void the_first_of_an_unknown_format(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_exp(world, PCI_EXP_TYPE_ENDPOINT, 0);
	world_set(world, 0x100, 4, 0xfffe | 1 << 16);
	assert_int_equal(reach(world, 0x100, 0x800), 8);
}

/* A capability ends where its space does, and before the next one by address: that may be the chain's first.
 */
static void none_reaches_into_another(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_set(world, world_cap(world, 0xf0, PCI_CAP_ID_VNDR) + 2, 1, 0x40);
	assert_int_equal(reach(world, 0xf0, 0x200), 0x10);
	world = world_new();
	world_cap(world, 0x80, PCI_CAP_ID_PM);
	world_set(world, world_cap(world, 0x70, PCI_CAP_ID_VNDR) + 2, 1, 0x40);
	assert_int_equal(reach(world, 0x88, 0x100), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_extended_format),
		cmocka_unit_test(each_standard_format),
		cmocka_unit_test(the_first_of_an_unknown_format),
		cmocka_unit_test(none_reaches_into_another),
	};

	return cmocka_run_group_tests_name("pci_lengths", tests, NULL, NULL);
}
