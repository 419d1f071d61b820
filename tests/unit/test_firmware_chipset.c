/* SPDX-License-Identifier: MIT */
/*
 * The chipset of a machine with firmware, through config accesses as firmware makes them: PCIEXBAR
 * moves ECAM, ACPI_CNTL shows the power management block, and nothing else of it does anything.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/cmocka.h"
#include "vmm/firmware/chipset.h"

static struct topology topology;
static struct chipset chipset;
static struct topology_chips chips;
static const struct layout layout = {.low_start = 0xc0000000, .low_end = 0xe0000000};
static struct {
	uint64_t base, length;
	unsigned moves, shows, lines, stops;
	bool pm;
	int error; /* of the next moves to an address */
	char said[256];
} seen;

static int move_ecam(void *opaque, uint64_t base, uint64_t length)
{
	(void)opaque;
	seen.base = base;
	seen.length = length;
	seen.moves++;
	return length ? seen.error : 0;
}

static void show_pm(void *opaque, bool shown)
{
	(void)opaque;
	seen.pm = shown;
	seen.shows++;
}

static void needs_smm(void *opaque)
{
	(void)opaque;
	seen.stops++;
}

static void say(void *opaque, const char *text)
{
	(void)opaque;
	seen.lines++;
	snprintf(seen.said, sizeof(seen.said), "%s", text);
}

static int set_up(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof(seen));
	chipset = (struct chipset){
		.move_ecam = move_ecam, .show_pm = show_pm, .needs_smm = needs_smm, .say = say};
	chipset_init(&chipset);
	chips = (struct topology_chips){
		.reset = chipset_reset, .written = chipset_written, .opaque = &chipset};
	topology = (struct topology){.chips = &chips};
	assert_int_equal(topology_place(&topology, NULL, 0), 0);
	assert_int_equal(topology_assign(&topology, &layout, NULL), 0);
	return 0;
}

static void address(unsigned device, unsigned function, unsigned reg)
{
	cf8_address_ops.write(&topology, 0, 4, 0x80000000u | device << 11 | function << 8 | (reg & 0xfc));
}

static uint32_t get(unsigned device, unsigned function, unsigned reg, unsigned length)
{
	address(device, function, reg);
	return (uint32_t)(cf8_data_ops.read(&topology, reg & 3, length) &
			  (length == 4 ? UINT32_MAX : (1u << 8 * length) - 1));
}

static void put(unsigned device, unsigned reg, unsigned length, uint32_t value)
{
	address(device, 0, reg);
	cf8_data_ops.write(&topology, reg & 3, length, value);
}

static bool ecam_at(uint64_t base, uint64_t length)
{
	uint64_t at, bytes;

	return chipset_ecam(&chipset, &at, &bytes) && at == base && bytes == length && seen.base == base &&
	       seen.length == length;
}

static void firmware_finds_what_it_knows(void **state)
{
	(void)state;
	assert_int_equal(get(0, 0, PCI_DEVICE_ID, 2), 0x29c0);
	assert_int_equal(get(0, 0, PCI_CLASS_REVISION + 1, 4) & 0xffffff, 0x060000);
	assert_int_equal(get(31, 0, 0, 4), 0x29188086);
	assert_int_equal(get(31, 0, PCI_CLASS_REVISION, 4), 0x06010002);
	assert_int_equal(get(31, 0, PCI_SUBSYSTEM_VENDOR_ID, 4), 0x11001b36);
	for (unsigned function = 1; function < 8; function++)
		assert_int_equal(get(31, function, 0, 4), 0xffffffff);
	for (unsigned slot = 0; slot < 32; slot += 31) {
		assert_int_equal(get(slot, 0, PCI_HEADER_TYPE, 1), 0);
		assert_int_equal(get(slot, 0, PCI_CAPABILITY_LIST, 1), 0);
		for (unsigned reg = PCI_BASE_ADDRESS_0; reg <= PCI_ROM_ADDRESS; reg += 4) {
			if (reg >= PCI_CARDBUS_CIS && reg < PCI_ROM_ADDRESS)
				continue;
			put(slot, reg, 4, 0xffffffff);
			assert_int_equal(get(slot, 0, reg, 4), 0);
		}
		put(slot, PCI_COMMAND, 2, 0x27);
		assert_int_equal(get(slot, 0, PCI_COMMAND, 2), 7);
	}
}

/* The first accesses of a build with secure boot; others write there no more once ECAM is set up. */
static void a_build_that_needs_smm_is_known(void **state)
{
	(void)state;
	put(31, 0x50, 2, 0xffff);
	put(0, 0x54, 4, 0xffffffff);
	put(0, 0x4c, 4, 0xffffffff);
	assert_int_equal(seen.stops, 0);
	put(0, 0x50, 2, 0xffff);
	assert_int_equal(seen.stops, 1);
	assert_int_equal(get(0, 0, 0x50, 2), 0);
	put(0, 0x60, 4, 0xe0000001);
	put(0, 0x50, 2, 0xffff);
	assert_int_equal(seen.stops, 1);
}

static void pciexbar_moves_ecam(void **state)
{
	(void)state;
	assert_int_equal(seen.moves, 0); /* off after a reset */
	put(0, 0x60, 4, 0);
	put(0, 0x64, 4, 0);
	assert_int_equal(seen.moves, 0);
	put(0, 0x60, 4, 0xe0000001);
	assert_true(ecam_at(0xe0000000, 256 << 20));
	assert_int_equal(get(0, 0, 0x60, 4), 0xe0000001);
	put(0, 0x60, 4, 0xe0000001); /* once is enough */
	assert_int_equal(seen.moves, 1);
	put(0, 0x60, 4, 0xb0000001);
	assert_true(ecam_at(0xb0000000, 256 << 20));
	put(0, 0x60, 1, 0); /* off */
	assert_int_equal(seen.length, 0);
	assert_false(ecam_at(0xb0000000, 256 << 20));
	put(0, 0x60, 1, 1); /* on again, by the byte of the enable bit alone */
	assert_true(ecam_at(0xb0000000, 256 << 20));
}

static void lengths_of_ecam(void **state)
{
	(void)state;
	put(0, 0x60, 4, 0xec000003);
	assert_true(ecam_at(0xe8000000, 128 << 20)); /* the base is a multiple of the length */
	put(0, 0x60, 4, 0xec000005);
	assert_true(ecam_at(0xec000000, 64 << 20));
	put(0, 0x60, 4, 0xe0000007);
	assert_int_equal(seen.length, 0);
	assert_int_equal(seen.lines, 0); /* nothing is wrong with any of them, nor with none */
}

static void a_place_that_cannot_be_is_said_once(void **state)
{
	(void)state;
	seen.error = -EBUSY;
	put(0, 0x60, 4, 0x00000001);
	assert_false(ecam_at(0, 256 << 20));
	assert_int_equal(seen.lines, 1);
	assert_non_null(strstr(seen.said, "PCIEXBAR) at 0"));
	put(0, 0x60, 4, 0x10000001);
	put(0, 0x64, 4, 5);
	assert_true(seen.base == 0x510000000);
	assert_int_equal(seen.lines, 1);
	seen.error = 0;
	put(0, 0x64, 4, 0);
	assert_true(ecam_at(0x10000000, 256 << 20));
}

static void acpi_cntl_shows_the_power_block(void **state)
{
	(void)state;
	assert_int_equal(get(31, 0, 0x40, 4), 1);
	put(31, 0x40, 4, 0x601);
	assert_int_equal(get(31, 0, 0x40, 4), 0x601);
	assert_int_equal(seen.shows, 0);
	put(31, 0x44, 1, 0x80);
	assert_true(seen.pm);
	assert_int_equal(get(31, 0, 0x44, 1), 0x80);
	put(31, 0x44, 1, 0x00);
	assert_false(seen.pm);
	assert_int_equal(seen.shows, 2);
	put(31, 0x60, 4, 0x0b0b0a0a); /* routes of the PICs */
	assert_int_equal(get(31, 0, 0x60, 4), 0x0b0b0a0a);
	put(31, 0xf0, 4, 0xfed1c001);
	assert_int_equal(get(31, 0, 0xf0, 4), 0xfed1c001);
	assert_int_equal(seen.shows, 2);
	assert_int_equal(seen.moves, 0);
}

static void a_reset_turns_all_off(void **state)
{
	(void)state;
	put(0, 0x60, 4, 0xe0000001);
	put(31, 0x40, 4, 0x601);
	put(31, 0x44, 1, 0x80);
	assert_int_equal(topology_assign(&topology, &layout, NULL), 0);
	assert_int_equal(seen.length, 0);
	assert_false(seen.pm);
	assert_int_equal(get(0, 0, 0x60, 4), 0);
	assert_int_equal(get(31, 0, 0x40, 4), 1);
	assert_int_equal(get(31, 0, 0x44, 1), 0);
	assert_int_equal(get(31, 0, 0x68, 4), 0x80808080);
}

/* All ones into each register: which bits come back, and that the others stay. */
static void registers_take_what_they_have(void **state)
{
	static const struct {
		unsigned device, reg;
		uint32_t writable;
	} rows[] = {
		{0, PCI_COMMAND, 7},    {0, PCI_INTERRUPT_LINE, 0xff},
		{0, 0x60, 0xfc000007},  {0, 0x64, UINT32_MAX},
		{31, PCI_COMMAND, 7},   {31, PCI_INTERRUPT_LINE, 0xff},
		{31, 0x40, 0xff80},     {31, 0x44, 0x87},
		{31, 0x60, 0x8f8f8f8f}, {31, 0x68, 0x8f8f8f8f},
		{31, 0xf0, 0xffffc001},
	};

	(void)state;
	for (unsigned device = 0; device < 32; device += 31)
		for (unsigned reg = 0; reg < 0x100; reg += 4) {
			uint32_t before = get(device, 0, reg, 4), writable = 0;

			for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
				if (rows[i].device == device && rows[i].reg == reg)
					writable = rows[i].writable;
			put(device, reg, 4, UINT32_MAX);
			assert_int_equal(get(device, 0, reg, 4), before | writable);
			put(device, reg, 4, 0);
			assert_int_equal(get(device, 0, reg, 4), before & ~writable);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(firmware_finds_what_it_knows, set_up),
		cmocka_unit_test_setup(a_build_that_needs_smm_is_known, set_up),
		cmocka_unit_test_setup(pciexbar_moves_ecam, set_up),
		cmocka_unit_test_setup(lengths_of_ecam, set_up),
		cmocka_unit_test_setup(a_place_that_cannot_be_is_said_once, set_up),
		cmocka_unit_test_setup(acpi_cntl_shows_the_power_block, set_up),
		cmocka_unit_test_setup(a_reset_turns_all_off, set_up),
		cmocka_unit_test_setup(registers_take_what_they_have, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
