/* SPDX-License-Identifier: MIT */
/*
 * The script that places the ACPI tables of a machine with firmware, run by a small
 * interpreter with the files at different addresses; and the tables that come of it.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "vmm/firmware/files.h"
#include "vmm/firmware/loader.h"

extern char **environ;

enum { ALLOCATE = 1, ADD_POINTER = 2, ADD_CHECKSUM = 3 };
enum { CPUS = 254, BLOBS_MAX = 4 };

static const struct layout layout = {.ram = {{.length = GIB(1)}},
				     .ram_count = 1,
				     .low_start = 0xc0000000,
				     .low_end = 0xe0000000,
				     .high_start = 0x2000000000,
				     .high_end = 0x3000000000};
static const struct acpi_ecam ecam = {0xe0000000, 256};

static struct fw_cfg fw_cfg;

/* A file that the script has allocated. */
static struct blob {
	const char *name;
	uint8_t *bytes;
	uint32_t length;
	uint64_t address;
} blobs[BLOBS_MAX];
static unsigned blob_count;

static uint64_t little(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << 8 * i;
	return value;
}

static uint8_t sum(const uint8_t *bytes, uint64_t length)
{
	uint8_t total = 0;

	for (uint64_t i = 0; i < length; i++)
		total = (uint8_t)(total + bytes[i]);
	return total;
}

static const struct fw_cfg_item *file(const char *name)
{
	for (unsigned i = 0; i < fw_cfg.file_count; i++)
		if (!strcmp(fw_cfg.files[i].name, name))
			return &fw_cfg.files[i];
	fail_msg("no file %s", name);
	return NULL;
}

static struct blob *blob(const uint8_t *name)
{
	for (unsigned i = 0; i < blob_count; i++)
		if (!strcmp(blobs[i].name, (const char *)name))
			return &blobs[i];
	fail_msg("%s is not allocated", (const char *)name);
	return NULL;
}

static void run_allocate(const uint8_t *command, uint64_t *next)
{
	const struct fw_cfg_item *from = file((const char *)command + 4);
	uint64_t align = little(command + 60, 4);
	struct blob *to = &blobs[blob_count++];

	assert_true(align && align <= 4096 && !(align & (align - 1)));
	assert_in_range(command[64], 1, 2);
	*to = (struct blob){from->name, malloc(from->length), from->length, align_up(*next, align)};
	assert_non_null(to->bytes);
	memcpy(to->bytes, from->bytes, from->length);
	*next = to->address + to->length;
}

static void run_pointer(const uint8_t *command)
{
	struct blob *at = blob(command + 4), *target = blob(command + 60);
	uint32_t offset = (uint32_t)little(command + 116, 4), length = command[120];
	uint64_t value;

	assert_true(length == 4 || length == 8);
	assert_true(offset + length <= at->length);
	value = little(at->bytes + offset, length);
	assert_true(value < target->length);
	acpi_put(at->bytes + offset, value + target->address, length);
}

static void run_checksum(const uint8_t *command)
{
	struct blob *at = blob(command + 4);
	uint32_t result = (uint32_t)little(command + 60, 4), start = (uint32_t)little(command + 64, 4),
		 length = (uint32_t)little(command + 68, 4);

	assert_true(start <= result && result < start + length && start + length <= at->length);
	assert_int_equal(at->bytes[result], 0);
	at->bytes[result] = (uint8_t)-sum(at->bytes + start, length);
}

/* Runs the script; files lie from `base` on. Allocations come first, and checksums last. */
static void run(uint64_t base)
{
	const struct fw_cfg_item *script = file(FW_CFG_SCRIPT);
	uint64_t type, last = ALLOCATE;

	assert_int_equal(script->length % LOADER_COMMAND, 0);
	for (uint32_t i = 0; i < script->length; i += LOADER_COMMAND, last = type) {
		const uint8_t *command = script->bytes + i;

		type = little(command, 4);
		assert_true(type >= last);
		if (type == ALLOCATE)
			run_allocate(command, &base);
		else if (type == ADD_POINTER)
			run_pointer(command);
		else if (type == ADD_CHECKSUM)
			run_checksum(command);
		else
			fail_msg("command %u", (unsigned)type);
	}
}

/* A table, all inside one file. */
static uint8_t *at_address(uint64_t address, uint32_t length)
{
	for (unsigned i = 0; i < blob_count; i++)
		if (address >= blobs[i].address && address - blobs[i].address < blobs[i].length &&
		    length <= blobs[i].length - (address - blobs[i].address))
			return blobs[i].bytes + (address - blobs[i].address);
	fail_msg("%#llx is in no file", (unsigned long long)address);
	return NULL;
}

static uint8_t *table_at(uint64_t address, const char *signature)
{
	uint8_t *table = at_address(address, 36);
	uint32_t length = (uint32_t)little(table + 4, 4);

	table = at_address(address, length);
	if (signature)
		assert_memory_equal(table, signature, 4);
	assert_int_equal(sum(table, length), 0);
	return table;
}

static uint8_t *table(const char *signature)
{
	const uint8_t *rsdp = blob((const uint8_t *)LOADER_RSDP)->bytes;
	const uint8_t *xsdt = table_at(little(rsdp + 24, 8), "XSDT");

	for (unsigned i = 36; i < little(xsdt + 4, 4); i += 8) {
		uint8_t *found = table_at(little(xsdt + i, 8), NULL);

		if (!memcmp(found, signature, 4))
			return found;
	}
	fail_msg("no table %s", signature);
	return NULL;
}

static int start(void **state)
{
	static const uint8_t uuid[16];
	const struct fw_facts facts = {.layout = &layout, .cpus = CPUS, .uuid = uuid};

	(void)state;
	fw_cfg_init(&fw_cfg, NULL);
	assert_int_equal(files_add(&fw_cfg, &facts, NULL), 0);
	assert_int_equal(files_acpi(&fw_cfg, &layout, CPUS, &ecam), 0);
	blob_count = 0;
	return 0;
}

static void forget(void)
{
	while (blob_count)
		free(blobs[--blob_count].bytes);
}

static int stop(void **state)
{
	(void)state;
	forget();
	fw_cfg_free(&fw_cfg);
	return 0;
}

static void every_pointer_and_checksum_is_right(void **state)
{
	static const uint64_t bases[] = {0x1000, 0x7fe4d000, 0xfffa0};
	static const char *const listed[] = {"FACP", "APIC", "MCFG", "SPCR"};

	(void)state;
	for (unsigned i = 0; i < sizeof(bases) / sizeof(*bases); i++) {
		const uint8_t *rsdp, *fadt, *facs;

		run(bases[i]);
		rsdp = blob((const uint8_t *)LOADER_RSDP)->bytes;
		assert_memory_equal(rsdp, "RSD PTR ", 8);
		assert_int_equal(sum(rsdp, 20), 0);
		assert_int_equal(sum(rsdp, 36), 0);
		for (unsigned j = 0; j < sizeof(listed) / sizeof(*listed); j++)
			table(listed[j]);
		fadt = table("FACP");
		table_at(little(fadt + 140, 8), "DSDT");
		assert_int_equal(little(fadt + 36, 4) % 64, 0);
		facs = at_address(little(fadt + 36, 4), 64);
		assert_memory_equal(facs, "FACS\x40\0\0\0", 8);
		assert_int_equal(facs[32], 2);
		forget();
	}
}

/* Bytes of a table; beyond the eighth they are zero. */
struct field {
	unsigned at, bytes;
	uint64_t value;
};

static void assert_fields(const uint8_t *table, const struct field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (unsigned j = 0; j < fields[i].bytes; j++)
			assert_int_equal(table[fields[i].at + j],
					 j < 8 ? fields[i].value >> 8 * j & 0xff : 0);
}

static void the_fadt_has_fixed_hardware(void **state)
{
	static const struct field rows[] = {
		{46, 2, 9},           {48, 4, 0},           {56, 4, 0x600},       {64, 4, 0x604},
		{76, 4, 0x608},       {88, 1, 4},           {89, 1, 2},           {91, 1, 4},
		{96, 2, 0xfff},       {98, 2, 0xfff},       {108, 1, 0x32},       {109, 2, 5},
		{112, 4, 0x465},      {116, 4, 0x01000801}, {120, 8, 0xcf9},      {128, 1, 6},
		{148, 4, 0x02002001}, {152, 8, 0x600},      {172, 4, 0x02001001}, {176, 8, 0x604},
		{208, 4, 0x03002001}, {212, 8, 0x608},      {80, 8, 0},           {220, 24, 0},
		{244, 24, 0},         {131, 1, 5},          {268, 8, 0x444e454c},
	};
	const uint8_t *fadt;

	(void)state;
	run(0x1000);
	fadt = table("FACP");
	assert_int_equal(fadt[8], 6);
	assert_int_equal(little(fadt + 4, 4), 276);
	assert_fields(fadt, rows, sizeof(rows) / sizeof(*rows));
}

/* Where devices come and go: a table of its own, and a block of general-purpose events. */
static void hotplug_has_a_table_and_an_event(void **state)
{
	static const struct field rows[] = {
		{80, 4, 0x620}, {84, 4, 0}, {92, 1, 4}, {220, 4, 0x01002001}, {224, 8, 0x620}};
	struct layout ports = layout;
	struct acpi acpi;

	(void)state;
	ports.hotplug = 1 << 2;
	assert_int_equal(acpi_fixed(&acpi, &ports, CPUS, &ecam), 0);
	assert_fields(memmem(acpi.bytes, acpi.used, "FACP", 4), rows, sizeof(rows) / sizeof(*rows));
	assert_int_equal(acpi.listed_count, 5);
	assert_memory_equal(acpi.bytes + acpi.listed[4], "SSDT", 4);
	assert_null(memmem(acpi.bytes, acpi.used, "\xfe\xff\xff\xff\xff\xff\xff\xff", 8));
}

static void the_console_is_the_serial_line(void **state)
{
	static const struct field rows[] = {
		{36, 1, 0}, {40, 4, 0x01000801}, {44, 8, 0x3f8}, /* a 16550 of bytes */
		{52, 1, 3}, {53, 1, 4},          {54, 4, 4},     /* PIC and IOAPIC, and its line */
		{58, 1, 7}, {59, 1, 0},          {60, 1, 1},     /* 115200, no parity, a stop bit */
		{61, 1, 0}, {62, 1, 3},          {64, 4, 0xffffffff}, {68, 12, 0},
	};
	const uint8_t *spcr;

	(void)state;
	run(0x1000);
	spcr = table("SPCR");
	assert_int_equal(spcr[8], 2);
	assert_int_equal(little(spcr + 4, 4), 80);
	assert_fields(spcr, rows, sizeof(rows) / sizeof(*rows));
}

static void the_madt_has_the_old_interrupts(void **state)
{
	static const uint8_t overrides[] = {2, 10, 0, 0, 2, 0, 0, 0, 0, 0, 2, 10, 0, 9, 9, 0, 0, 0, 0x0d, 0};
	const uint8_t *madt;

	(void)state;
	run(0x1000);
	madt = table("APIC");
	assert_int_equal(little(madt + 40, 4), 1); /* there are PICs */
	assert_int_equal(little(madt + 4, 4), 44 + 8 * CPUS + 12 + sizeof(overrides) + 6);
	assert_memory_equal(madt + 44 + 8 * CPUS + 12, overrides, sizeof(overrides));
}

static void tables_follow_what_the_firmware_did(void **state)
{
	const struct acpi_ecam old = {0xb0000000, 128};
	struct layout windows = layout;
	const uint8_t *mcfg, *dsdt, *at;

	(void)state;
	run(0x1000);
	mcfg = table("MCFG");
	assert_int_equal(little(mcfg + 44, 8), 0xe0000000);
	assert_int_equal(little(mcfg + 52, 4), 0xff000000);
	forget();
	files_old_windows(&windows, 39, true);
	assert_int_equal(files_acpi(&fw_cfg, &windows, CPUS, &old), 0);
	run(0x1000);
	mcfg = table("MCFG");
	assert_int_equal(little(mcfg + 44, 8), 0xb0000000);
	assert_int_equal(little(mcfg + 52, 4), 0x7f000000);
	dsdt = table_at(little(table("FACP") + 140, 8), "DSDT");
	at = memmem(dsdt, little(dsdt + 4, 4), "\x08HIGS\x0e", 6);
	assert_non_null(at);
	assert_int_equal(little(at + 6, 8), 0x7000000000);
	assert_int_equal(files_acpi(&fw_cfg, &windows, CPUS - 1, &old), -22); /* others would not fit */
}

/* Each integer that is written into the AML is there once. */
static void names_in_the_aml_are_found(void **state)
{
	static const struct {
		const char *name;
		uint64_t value;
	} rows[] = {{"LOWS", 0xc0000000},   {"LOWL", 0x20000000}, {"HIGS", 0x2000000000},
		    {"HIGL", 0x1000000000}, {"ECAB", 0xe0000000}, {"BUSN", 256}};
	const uint8_t *dsdt, *end;

	(void)state;
	run(0x1000);
	dsdt = table_at(little(table("FACP") + 140, 8), "DSDT");
	end = dsdt + little(dsdt + 4, 4);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint8_t pattern[6] = "\x08----\x0e";
		const uint8_t *at;

		memcpy(pattern + 1, rows[i].name, 4);
		at = memmem(dsdt, (size_t)(end - dsdt), pattern, 6);
		assert_non_null(at);
		assert_int_equal(little(at + 6, 8), rows[i].value);
		assert_null(memmem(at + 6, (size_t)(end - at - 6), pattern, 6));
	}
	assert_null(memmem(dsdt, (size_t)(end - dsdt), "\xfe\xff\xff\xff\xff\xff\xff\xff", 8));
}

/* Linux looks for this id, and for the chip's twelve ports in its resources (ACPI 6.5, 6.4.2.5). */
static void the_chip_of_files_is_found(void **state)
{
	static const uint8_t ports[] = {0x47, 1, 0x10, 5, 0x10, 5, 1, 12};
	const uint8_t *dsdt, *at;

	(void)state;
	run(0x1000);
	dsdt = table_at(little(table("FACP") + 140, 8), "DSDT");
	at = memmem(dsdt, little(dsdt + 4, 4), "QEMU0002", sizeof("QEMU0002"));
	assert_non_null(at);
	assert_non_null(memmem(at, 64, ports, sizeof(ports)));
}

static void write_file(const char *path, const uint8_t *bytes, size_t length)
{
	FILE *to = fopen(path, "w");

	assert_non_null(to);
	assert_int_equal(fwrite(bytes, 1, length, to), length);
	fclose(to);
}

/* iasl takes the table apart, and a line of what it writes has `word`. */
static void disassemble(const uint8_t *bytes, const char *word)
{
	char folder[] = "/tmp/test_firmware_loader.XXXXXX", path[64], text[96], line[512];
	char *argv[] = {getenv("IASL") ? getenv("IASL") : "iasl", "-d", path, NULL};
	posix_spawn_file_actions_t quiet;
	bool found = false;
	FILE *from;
	int status;
	pid_t pid;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/t.aml", folder);
	write_file(path, bytes, little(bytes + 4, 4));
	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", 1, 0);
	posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", 1, 0);
	assert_int_equal(posix_spawnp(&pid, argv[0], &quiet, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&quiet);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	snprintf(text, sizeof(text), "%s/t.dsl", folder);
	from = fopen(text, "r");
	assert_non_null(from);
	while (fgets(line, sizeof(line), from)) {
		found |= strstr(line, word) != NULL;
		assert_null(strstr(line, "Incorrect checksum"));
		assert_null(strstr(line, "ERROR"));
	}
	fclose(from);
	unlink(text);
	unlink(path);
	rmdir(folder);
	if (!found)
		fail_msg("iasl finds no \"%s\"", word);
}

static void iasl_reads_each_table_back(void **state)
{
	static const char *const rows[][2] = {{"FACP", "FACS Address"},
					      {"APIC", "Interrupt Source Override"},
					      {"MCFG", "Segment Group Number"},
					      {"SPCR", "Serial Port Register"}};
	const uint8_t *fadt;

	(void)state;
	run(0x7fe4d000);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		disassemble(table(rows[i][0]), rows[i][1]);
	fadt = table("FACP");
	disassemble(table_at(little(fadt + 140, 8), "DSDT"), "PNP0100");
	disassemble(at_address(little(fadt + 36, 4), 64), "Hardware Signature");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_pointer_and_checksum_is_right), TEST(the_fadt_has_fixed_hardware),
		TEST(hotplug_has_a_table_and_an_event),    TEST(the_console_is_the_serial_line),
		TEST(the_madt_has_the_old_interrupts),     TEST(tables_follow_what_the_firmware_did),
		TEST(names_in_the_aml_are_found),          TEST(iasl_reads_each_table_back),
		TEST(the_chip_of_files_is_found),
	};

	return cmocka_run_group_tests_name("firmware_loader", tests, NULL, NULL);
}
