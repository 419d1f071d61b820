/* SPDX-License-Identifier: MIT */
/* What the machine writes for its guest: ACPI, SMBIOS, and the code that resets. */
#include <string.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/guest_memory.h"
#include "vmm/x86/tables.h"

enum { CPUS = 254 };

static const struct layout layout = {.low_start = 0xe0000000, .low_end = 0xf0000000, .buses = 3};

static uint8_t sum(const uint8_t *bytes, size_t length)
{
	uint8_t total = 0;

	for (size_t i = 0; i < length; i++)
		total = (uint8_t)(total + bytes[i]);
	return total;
}

static const uint8_t *table(const struct memory *memory, uint64_t rsdp, const char *signature)
{
	const uint8_t *root = memory_at(memory, gpa(rsdp), 36), *xsdt;
	uint64_t at;
	uint32_t length;

	memcpy(&at, root + 24, 8);
	xsdt = memory_at(memory, gpa(at), 36);
	memcpy(&length, xsdt + 4, 4);
	for (unsigned i = 36; i < length; i += 8) {
		const uint8_t *found;

		memcpy(&at, xsdt + i, 8);
		found = memory_at(memory, gpa(at), 36);
		if (!memcmp(found, signature, 4))
			return found;
	}
	return NULL;
}

static void acpi_says_what_there_is(void **state)
{
	struct memory *memory = guest_memory(RAM);
	const uint8_t *root, *fadt, *madt, *mcfg;
	uint32_t length, flags;
	uint16_t boot;
	uint64_t rsdp;

	(void)state;
	assert_int_equal(acpi_write(memory, &layout, CPUS, false, &rsdp), 0);
	root = memory_at(memory, gpa(rsdp), 36);
	assert_memory_equal(root, "RSD PTR ", 8);
	assert_int_equal(sum(root, 20), 0);
	assert_int_equal(sum(root, 36), 0);
	fadt = table(memory, rsdp, "FACP");
	assert_int_equal(sum(fadt, 276), 0);
	memcpy(&flags, fadt + 112, 4);
	memcpy(&boot, fadt + 109, 2);
	assert_true(flags & 1 << 20); /* hardware reduced */
	assert_true(flags & 1 << 10); /* the reset register */
	assert_true(boot & 1 << 5);   /* no CMOS clock */
	assert_false(boot & 1 << 1);  /* no 8042 */
	madt = table(memory, rsdp, "APIC");
	memcpy(&length, madt + 4, 4);
	assert_int_equal(sum(madt, length), 0);
	assert_int_equal(length, 44 + 8 * CPUS + 12 + 6);
	mcfg = table(memory, rsdp, "MCFG");
	assert_int_equal(mcfg[36 + 8 + 11], layout.buses - 1);
	guest_memory_free(memory);
}

/* FNV-1a, with `skip` bytes as zeros at each of two places (0: at none). */
static uint32_t hash(const uint8_t *bytes, size_t length, const unsigned skip[2][2])
{
	uint32_t value = 0x811c9dc5;

	for (size_t i = 0; i < length; i++) {
		bool hidden = i - skip[0][0] < skip[0][1] || i - skip[1][0] < skip[1][1] || i == 9;

		value = (value ^ (hidden ? 0 : bytes[i])) * 0x01000193;
	}
	return value;
}

/*
 * What a kernel that is booted directly has always been shown, but for addresses and
 * checksums: these follow from the DSDT's length, and that from iasl.
 */
static void tables_of_a_direct_boot_stay(void **state)
{
	static const struct {
		const char *signature;
		unsigned length, skip[2][2];
		uint32_t hash;
	} rows[] = {
		{"FACP", 276, {{40, 4}, {140, 8}}, 0x7a300f5f},
		{"APIC", 44 + 8 * CPUS + 18, {{0, 0}, {0, 0}}, 0xf007a677},
		{"MCFG", 60, {{0, 0}, {0, 0}}, 0x32caa8ec},
	};
	static const uint64_t windows[] = {0xe0000000, 0x10000000, 0, 0, 1, 3};
	struct memory *memory = guest_memory(RAM);
	const uint8_t *fadt, *dsdt;
	uint64_t rsdp, at;

	(void)state;
	assert_int_equal(acpi_write(memory, &layout, CPUS, true, &rsdp), 0);
	assert_int_equal(rsdp, ADDR_ACPI);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(hash(table(memory, rsdp, rows[i].signature), rows[i].length, rows[i].skip),
				 rows[i].hash);
	fadt = table(memory, rsdp, "FACP");
	memcpy(&at, fadt + 140, 8);
	assert_int_equal(at, ADDR_ACPI + 48);
	assert_memory_equal(fadt + 40, fadt + 140, 4);
	dsdt = memory_at(memory, gpa(at), 36);
	assert_memory_equal(dsdt, "DSDT", 4);
	assert_memory_equal(dsdt + 10, "LEND\0\0LENDDSDT", 14);
	assert_memory_equal(memory_at(memory, gpa(ADDR_WINDOWS), sizeof(windows)), windows, sizeof(windows));
	guest_memory_free(memory);
}

static void hotplug_has_a_table_of_its_own(void **state)
{
	struct memory *memory = guest_memory(RAM);
	struct layout ports = layout;
	const uint8_t *ssdt;
	uint32_t length;
	uint64_t rsdp;

	(void)state;
	assert_int_equal(acpi_write(memory, &layout, CPUS, false, &rsdp), 0);
	assert_null(table(memory, rsdp, "SSDT"));
	ports.hotplug = 1u << 31;
	assert_int_equal(acpi_write(memory, &ports, CPUS, false, &rsdp), 0);
	ssdt = table(memory, rsdp, "SSDT");
	assert_non_null(ssdt);
	memcpy(&length, ssdt + 4, 4);
	assert_int_equal(sum(ssdt, length), 0);
	assert_null(memmem(ssdt, length, "\xfe\xff\xff\xff\xff\xff\xff\xff", 8));
	guest_memory_free(memory);
}

static void smbios_has_the_uuid(void **state)
{
	const uint8_t uuid[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
				  0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
	const uint8_t swapped[16] = {0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66,
				     0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
	struct memory *memory = guest_memory(RAM);
	const uint8_t *entry = memory_at(memory, gpa(ADDR_SMBIOS), 512);

	(void)state;
	assert_int_equal(smbios_write(memory, uuid), 0);
	assert_memory_equal(entry, "_SM3_", 5);
	assert_int_equal(sum(entry, 24), 0);
	assert_non_null(memmem(entry, 512, swapped, 16));
	/* The last bytes of the first structure: no release of the BIOS, nor of a controller, has a number.
	 */
	assert_non_null(memmem(entry, 512, "\x10\xff\xff\xff\xff\0\0lend", 11));
	guest_memory_free(memory);
}

/* DSP0134, 6.1: a string of a structure by its number, from 1 on. */
static const char *string_of(const uint8_t *structure, unsigned number)
{
	const char *at = (const char *)structure + structure[1];

	while (--number)
		at += strlen(at) + 1;
	return at;
}

static const uint8_t *behind(const uint8_t *structure)
{
	const uint8_t *at = structure + structure[1];

	while (at[0] || at[1])
		at++;
	return at + 2;
}

/* The same, 7.1, 7.2 and 7.45. */
static void smbios_has_the_structures_of_a_machine(void **state)
{
	const uint8_t uuid[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
	static const uint8_t bios[0x1a] = {
		[1] = 0x1a,    [4] = 1,       [5] = 2,       [8] = 3,
		[10] = 8,      [0x13] = 0x10, /* in a virtual machine */
		[0x14] = 0xff, [0x15] = 0xff, [0x16] = 0xff, [0x17] = 0xff,
	};
	static const uint8_t system[0x1b] = {
		1, 0x1b, 1,  0,  1,  2,  3,  0, /* handle 1; three strings, no serial number */
		4, 3,    2,  1,  6,  5,  8,  7,
		9, 10,   11, 12, 13, 14, 15, 16, /* fields of 4, 2 and 2 bytes first */
		6,
	};
	static const uint8_t end[6] = {127, 4, 2};
	uint8_t bytes[SMBIOS_ROOM];
	const uint8_t *first = bytes, *second, *last;
	size_t length = smbios_structures(bytes, uuid, false);

	(void)state;
	assert_memory_equal(first, bios, sizeof(bios));
	assert_string_equal(string_of(first, 1), "lend");
	assert_true(*string_of(first, 2) && string_of(first, 2) != string_of(first, 3));
	assert_string_equal(string_of(first, 3), "01/01/2026");
	second = behind(first);
	assert_memory_equal(second, system, sizeof(system));
	assert_string_equal(string_of(second, 1), "lend");
	assert_string_equal(string_of(second, 2), "virtual machine");
	assert_string_equal(string_of(second, 3), string_of(first, 2)); /* the version */
	last = behind(second);
	assert_memory_equal(last, end, sizeof(end));
	assert_int_equal(length, last + sizeof(end) - bytes);
	/* Firmware describes its BIOS itself. */
	length -= (size_t)(second - first);
	assert_int_equal(smbios_structures(bytes, uuid, true), length);
	assert_memory_equal(bytes, system, sizeof(system));
}

/* The same, 5.2.2: the entry point of version 3.6. */
static void smbios_is_found_by_its_entry_point(void **state)
{
	static const uint8_t want[SMBIOS_ENTRY_SIZE] = {'_',  'S',  'M',  '3',  '_',  0, 24, 3,
							6,    0,    1,    0,    0x23, 1, 0,  0,
							0x78, 0x56, 0x34, 0x12, 0,    0, 0,  0};
	uint8_t entry[SMBIOS_ENTRY_SIZE];

	(void)state;
	memset(entry, 0xff, sizeof(entry));
	smbios_entry(entry, 0x12345678, 0x123);
	assert_int_equal(sum(entry, sizeof(entry)), 0);
	entry[5] = 0;
	assert_memory_equal(entry, want, sizeof(want));
}

/* Where Linux jumps to start anew when it takes the platform for one of EFI. */
static void the_real_mode_entry_resets(void **state)
{
	const uint8_t code[] = {0xba, PORT_RESET & 0xff, PORT_RESET >> 8, 0xb0, RESET_VALUE, 0xee, 0xfa,
				0xf4};
	struct memory *memory = guest_memory(RAM);
	uint8_t *at = memory_at(memory, gpa(0xffff0), 16);

	(void)state;
	/* What a guest has overwritten is there again at the next boot. */
	for (unsigned i = 0; i < 2; i++) {
		memset(at, 0, 16);
		assert_int_equal(reset_vector_write(memory), 0);
		assert_memory_equal(at, code, sizeof(code));
	}
	guest_memory_free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acpi_says_what_there_is),
		cmocka_unit_test(tables_of_a_direct_boot_stay),
		cmocka_unit_test(hotplug_has_a_table_of_its_own),
		cmocka_unit_test(smbios_has_the_uuid),
		cmocka_unit_test(smbios_has_the_structures_of_a_machine),
		cmocka_unit_test(smbios_is_found_by_its_entry_point),
		cmocka_unit_test(the_real_mode_entry_resets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
