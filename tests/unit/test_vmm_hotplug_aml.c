/* SPDX-License-Identifier: MIT */
/*
 * The AML of hotplug, run by ACPICA's own interpreter (acpiexec). Each byte of its registers reads 2
 * at first: bit 1 of each byte is a slot where something came, and shall go.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/guest_memory.h"
#include "vmm/x86/acpi.h"
#include "vmm/x86/tables.h"

extern char **environ;

#define PORTS (1u << 1 | 1u << 9 | 1u << 31)

static const struct layout layout = {.low_start = 0xe0000000, .low_end = 0xf0000000, .buses = 3};

static char folder[] = "/tmp/test_vmm_hotplug_aml.XXXXXX";
static char said[1 << 16]; /* what acpiexec wrote */

static void put_table(const uint8_t *tables, const char *signature, char *path, size_t room)
{
	uint8_t *copy, sum = 0;
	const uint8_t *at = memmem(tables, ACPI_ROOM, signature, 4);
	uint32_t length;
	FILE *to;

	*path = '\0';
	if (!at)
		return;
	memcpy(&length, at + 4, 4);
	copy = malloc(length);
	assert_non_null(copy);
	memcpy(copy, at, length);
	copy[9] = 0; /* the checksum of a table that is not placed yet is missing */
	for (uint32_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + copy[i]);
	copy[9] = (uint8_t)-sum;
	snprintf(path, room, "%s/%s.aml", folder, signature);
	to = fopen(path, "w");
	assert_non_null(to);
	assert_int_equal(fwrite(copy, 1, length, to), length);
	fclose(to);
	free(copy);
}

/* Runs the commands on the DSDT, and on the SSDT where there is one. */
static void run(const uint8_t *tables, const char *commands)
{
	char dsdt[64], ssdt[64], words[512];
	char *argv[] = {(char[]){"acpiexec"},
			(char[]){"-fv"},
			(char[]){"0x02"},
			(char[]){"-b"},
			words,
			dsdt,
			ssdt,
			NULL};
	posix_spawn_file_actions_t actions;
	size_t got = 0, part;
	int pipes[2], status;
	FILE *from;
	pid_t pid;

	snprintf(words, sizeof(words), "%s", commands);
	put_table(tables, "DSDT", dsdt, sizeof(dsdt));
	put_table(tables, "SSDT", ssdt, sizeof(ssdt));
	if (!*ssdt)
		argv[6] = NULL;
	assert_int_equal(pipe(pipes), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], 1);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], 2);
	posix_spawn_file_actions_addclose(&actions, pipes[0]);
	assert_int_equal(posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(pipes[1]);
	from = fdopen(pipes[0], "r");
	while ((part = fread(said + got, 1, sizeof(said) - 1 - got, from)) > 0)
		got += part;
	said[got] = '\0';
	fclose(from);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	unlink(dsdt);
	if (*ssdt)
		unlink(ssdt);
	if (strstr(said, "ACPI Error"))
		fail_msg("%s", said);
}

static bool has(const char *word)
{
	return strstr(said, word);
}

static unsigned count(const char *word)
{
	unsigned found = 0;

	for (const char *at = said; (at = strstr(at, word)); at++)
		found++;
	return found;
}

/* The tables of a direct boot or of a machine with firmware, one behind the other. */
static const uint8_t *tables_of(bool firmware, uint32_t ports)
{
	static struct acpi acpi;
	static uint8_t direct[ACPI_ROOM];
	const struct acpi_ecam ecam = {0xe0000000, 256};
	struct layout with = layout;
	struct memory *memory;
	uint64_t rsdp;

	with.hotplug = ports;
	if (firmware) {
		assert_int_equal(acpi_fixed(&acpi, &with, 2, &ecam), 0);
		return acpi.bytes;
	}
	memory = guest_memory(RAM);
	assert_int_equal(acpi_write(memory, &with, 2, false, &rsdp), 0);
	memcpy(direct, memory_at(memory, gpa(ADDR_ACPI), ACPI_ROOM), ACPI_ROOM);
	guest_memory_free(memory);
	return direct;
}

static void what_is_pending_is_told(void **state)
{
	(void)state;
	for (unsigned firmware = 0; firmware < 2; firmware++) {
		run(tables_of(firmware, PORTS),
		    firmware ? "evaluate \\_GPE._L01" : "evaluate \\_SB.HPGD._EVT 6");
		assert_true(has("[S01_]") && has("[S09_]"));
		assert_int_equal(count("(Bus Check)"), 2);
		assert_int_equal(count("(Eject Request)"), 2);
		assert_false(has("[S17_]") || has("[S31_]"));
	}
}

static void a_slot_ejects_and_answers(void **state)
{
	static const struct {
		const char *commands, *value;
	} rows[] = {
		{"evaluate \\_SB.PCI0.S01.F0._EJ0 1; evaluate \\_SB.EJCT", "[Integer] = 0000000000000002"},
		{"evaluate \\_SB.PCI0.S31.F0._EJ0 1; evaluate \\_SB.EJCT", "[Integer] = 0000000080000000"},
		{"evaluate \\_SB.PCI0.S09.F0._OST 0x103 0x12382 (00); evaluate \\_SB.OUTC",
		 "[Integer] = 0000000009010382"},
		{"evaluate \\_SB.PCI0.S31.F0._OST 3 0x80 (00); evaluate \\_SB.OUTC",
		 "[Integer] = 000000001F000380"},
		{"evaluate \\_SB.PCI0.S09.F0._SUN", "[Integer] = 0000000000000009"},
		{"evaluate \\_SB.PCI0.S09._ADR", "[Integer] = 0000000000090000"},
		{"evaluate \\_SB.PCI0.S09.F0._ADR", "[Integer] = 0000000000000000"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		run(tables_of(i & 1, PORTS), rows[i].commands);
		if (!has(rows[i].value))
			fail_msg("%s: %s", rows[i].commands, said);
	}
}

/* What is cleared is what was read, and what is not pending is not cleared. */
static void what_was_taken_is_cleared(void **state)
{
	(void)state;
	run(tables_of(false, PORTS), "evaluate \\_SB.HPSC; evaluate \\_SB.CHNG; evaluate \\_SB.ASKS");
	/* The registers of acpiexec are memory: it holds what was written. */
	assert_int_equal(count("[Integer] = 0000000000000202"), 2);
}

static void there_are_only_the_ports_of_the_machine(void **state)
{
	(void)state;
	run(tables_of(false, 1u << 3), "namespace");
	assert_int_equal(count("_EJ0 Method"), 1);
	assert_true(has("HPGD Device"));
	run(tables_of(true, 1u << 3 | 1u << 4), "namespace");
	assert_int_equal(count("_EJ0 Method"), 2);
	assert_false(has("HPGD Device"));
	run(tables_of(false, 0), "namespace");
	assert_false(has("_EJ0") || has("HPGD") || has("_L01"));
}

/* Native hotplug is kept back only where the machine has its own; PME, AER and the capability never. */
static void the_system_grants_what_it_does_not_do(void **state)
{
	static const char ask[] = "evaluate \\_SB.PCI0._OSC "
				  "(5B 4D DB 33 F7 1F 1C 40 96 57 74 41 C0 3D D7 66) 1 3 "
				  "(00 00 00 00 00 00 00 00 1F 00 00 00)";

	(void)state;
	for (unsigned firmware = 0; firmware < 2; firmware++) {
		run(tables_of(firmware, 0), ask);
		assert_true(has("00 00 00 00 00 00 00 00 1D 00 00 00"));
		run(tables_of(firmware, PORTS), ask);
		assert_true(has("10 00 00 00 00 00 00 00 1C 00 00 00"));
	}
}

static int start(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_pending_is_told),
		cmocka_unit_test(a_slot_ejects_and_answers),
		cmocka_unit_test(what_was_taken_is_cleared),
		cmocka_unit_test(there_are_only_the_ports_of_the_machine),
		cmocka_unit_test(the_system_grants_what_it_does_not_do),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
