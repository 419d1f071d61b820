/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "vmm/firmware/loader.h"

enum { ALLOCATE = 1, ADD_POINTER = 2, ADD_CHECKSUM = 3 };
enum { ZONE_HIGH = 1, ZONE_F_SEGMENT = 2 };
/* Offsets in a command; names of files have 56 bytes. */
enum { FIRST_NAME = 4, SECOND_NAME = 60 };
enum { ALLOCATE_ALIGN = 60, ALLOCATE_ZONE = 64 };
enum { POINTER_AT = 116, POINTER_LENGTH = 120 };
enum { SUM_AT = 60, SUM_START = 64, SUM_LENGTH = 68 };
enum { RSDP_ALIGN = 16, TABLES_ALIGN = 64 };

/* The file where a byte of acpi->bytes is, and its offset in it. */
static const char *file_of(uint32_t *at)
{
	if (*at < ACPI_TABLES)
		return LOADER_RSDP;
	*at -= ACPI_TABLES;
	return LOADER_TABLES;
}

static uint8_t *command(struct loader_script *script, uint32_t type, const char *file)
{
	uint8_t *at = script->bytes + script->length;

	script->length += LOADER_COMMAND;
	acpi_put(at, type, 4);
	strcpy((char *)at + FIRST_NAME, file);
	return at;
}

static void allocate(struct loader_script *script, const char *file, uint32_t align, uint8_t zone)
{
	uint8_t *at = command(script, ALLOCATE, file);

	acpi_put(at + ALLOCATE_ALIGN, align, 4);
	at[ALLOCATE_ZONE] = zone;
}

/* The firmware adds the address of the target's file to what stands there. */
static void add_pointer(struct loader_script *script, struct acpi *acpi, struct acpi_link link)
{
	uint8_t *value = acpi->bytes + link.at, *at;
	const char *target = file_of(&link.target);

	acpi_put(value, link.target, link.length);
	at = command(script, ADD_POINTER, file_of(&link.at));
	strcpy((char *)at + SECOND_NAME, target);
	acpi_put(at + POINTER_AT, link.at, 4);
	at[POINTER_LENGTH] = (uint8_t)link.length;
}

static void add_checksum(struct loader_script *script, struct acpi_sum sum)
{
	uint8_t *at = command(script, ADD_CHECKSUM, file_of(&sum.at));

	file_of(&sum.start);
	acpi_put(at + SUM_AT, sum.at, 4);
	acpi_put(at + SUM_START, sum.start, 4);
	acpi_put(at + SUM_LENGTH, sum.length, 4);
}

void loader_write(struct acpi *acpi, struct loader_script *script)
{
	*script = (struct loader_script){0};
	allocate(script, LOADER_RSDP, RSDP_ALIGN, ZONE_F_SEGMENT);
	allocate(script, LOADER_TABLES, TABLES_ALIGN, ZONE_HIGH);
	for (unsigned i = 0; i < acpi->link_count; i++)
		add_pointer(script, acpi, acpi->links[i]);
	for (unsigned i = 0; i < acpi->sum_count; i++)
		add_checksum(script, acpi->sums[i]);
}
