/* SPDX-License-Identifier: MIT */
/* What the machine writes for its guest: ACPI, SMBIOS, the code that resets, and CPUID. */
#include <string.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/guest_memory.h"
#include "vmm/x86/cpuid.h"
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

static struct kvm_cpuid_entry2 *leaf(struct cpuid *cpuid, unsigned function, unsigned index)
{
	for (unsigned i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == function && cpuid->entries[i].index == index)
			return &cpuid->entries[i];
	return NULL;
}

static void each_processor_knows_its_place(void **state)
{
	const struct cpuid_config config = {.cpus = 6, .tsc_deadline = true, .tsc_khz = 2500000};

	(void)state;
	for (unsigned id = 0; id < 6; id++) {
		struct cpuid cpuid = {.nent = 7,
				      .entries = {{.function = 0, .eax = 0xd},
						  {.function = 1, .ecx = 1 << 5, .ebx = 0x12345678},
						  {.function = 4, .eax = 0x143, .index = 3},
						  {.function = 0x40000000, .eax = 0x40000001},
						  {.function = 0x80000001, .ecx = 1 << 2},
						  {.function = 0x80000008, .eax = 0x3030},
						  {.function = 0x8000000a, .eax = 1, .edx = 0xff}}};

		cpuid_fit(&cpuid, &config, id);
		assert_int_equal(leaf(&cpuid, 1, 0)->ebx >> 24, id);
		assert_int_equal(leaf(&cpuid, 1, 0)->ecx & 1 << 5, 0); /* no VMX */
		assert_true(leaf(&cpuid, 1, 0)->ecx & 1 << 24);
		assert_true(leaf(&cpuid, 1, 0)->ecx & 0x80000000u);
		assert_int_equal(leaf(&cpuid, 0xb, 0)->edx, id);
		assert_int_equal(leaf(&cpuid, 0xb, 1)->eax, 3);
		assert_int_equal(leaf(&cpuid, 0xb, 1)->ebx, 6);
		assert_int_equal(leaf(&cpuid, 0xb, 1)->ecx, 0x201);
		assert_int_equal(leaf(&cpuid, 0xb, 2)->ecx, 2);
		assert_null(leaf(&cpuid, 0x1f, 0));                             /* beyond what leaf 0 says */
		assert_int_equal(leaf(&cpuid, 0x80000001, 0)->ecx & 1 << 2, 0); /* no SVM */
		assert_int_equal(leaf(&cpuid, 0x8000000a, 0)->edx, 0);
		assert_int_equal(leaf(&cpuid, 0x80000008, 0)->ecx & 0xff, 5);
		assert_int_equal(leaf(&cpuid, 0x40000010, 0)->eax, 2500000);
		assert_int_equal(leaf(&cpuid, 0x40000000, 0)->eax, 0x40000010);
		assert_int_equal(cpuid_physical_bits(&cpuid), 48);
	}
}

/* What page tables of four levels do not reach is no place for a BAR. */
static void physical_bits_are_those_that_can_be_mapped(void **state)
{
	static const struct {
		uint32_t sizes, features;
		unsigned bits;
	} rows[] = {
		{52, 0, 48},                  /* an older kernel; four levels */
		{52, 1 << 16, 52},            /* five */
		{52 | 48 << 16, 1 << 16, 48}, /* KVM says it, whatever the processor has */
		{52 | 52 << 16, 0, 52},
		{39, 0, 39},
		{39 | 48 << 16, 0, 39},
		{0, 0, 36},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cpuid cpuid = {.nent = 2,
				      .entries = {{.function = 7, .ecx = rows[i].features},
						  {.function = 0x80000008, .eax = rows[i].sizes}}};

		assert_int_equal(cpuid_physical_bits(&cpuid), rows[i].bits);
	}
	assert_int_equal(cpuid_physical_bits(&(struct cpuid){0}), 36);
}

/* Firmware may put BARs at the end of the address space, so that is where devices reach. */
static void processors_reach_no_further_than_devices(void **state)
{
	enum { INTEL = 0x756e6547, AMD = 0x68747541 };
	static const struct {
		uint32_t maker, sizes;
		unsigned limit;
		uint32_t want;
	} rows[] = {
		{INTEL, 46, 39, 39},
		{INTEL, 46, 42, 42},
		{INTEL, 46, 40, 39}, /* firmware takes 40 for a mistake */
		{INTEL, 46, 38, 36},
		{INTEL, 46, 48, 46},
		{INTEL, 39, 39, 39},
		{INTEL, 46, 30, 46}, /* nothing is that short */
		{AMD, 48 | 48 << 16, 40, 40 | 40 << 16},
		{AMD, 48 | 0x3000, 40, 40 | 0x3000},
		{AMD, 48, 39, 48}, /* an AMD has 40 at the least */
		{0, 48, 40, 48},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cpuid cpuid = {.nent = 2,
				      .entries = {{.function = 0, .ebx = rows[i].maker},
						  {.function = 0x80000008, .eax = rows[i].sizes}}};

		cpuid_limit_bits(&cpuid, rows[i].limit);
		assert_int_equal(leaf(&cpuid, 0x80000008, 0)->eax, rows[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acpi_says_what_there_is),
		cmocka_unit_test(tables_of_a_direct_boot_stay),
		cmocka_unit_test(hotplug_has_a_table_of_its_own),
		cmocka_unit_test(smbios_has_the_uuid),
		cmocka_unit_test(the_real_mode_entry_resets),
		cmocka_unit_test(each_processor_knows_its_place),
		cmocka_unit_test(physical_bits_are_those_that_can_be_mapped),
		cmocka_unit_test(processors_reach_no_further_than_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
