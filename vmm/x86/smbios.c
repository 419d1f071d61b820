/* SPDX-License-Identifier: MIT */
/* SMBIOS 3.6 (DMTF DSP0134): entry point 5.2.2, types 0 (7.1), 1 (7.2) and 127 (7.45). */
#include <string.h>

#include "vmm/x86/tables.h"

enum { TABLE_OFFSET = 32 };

struct writer {
	uint8_t *bytes; /* SMBIOS_ROOM */
	size_t used;
};

static void add(struct writer *writer, const void *data, size_t length)
{
	if (length > SMBIOS_ROOM - writer->used)
		return;
	memcpy(writer->bytes + writer->used, data, length);
	writer->used += length;
}

/* Strings are numbered from 1 as they follow the structure, and end with an empty one. */
static void add_structure(struct writer *writer, const uint8_t *fixed, size_t length, const char *strings,
			  size_t strings_length)
{
	add(writer, fixed, length);
	add(writer, strings, strings_length);
}

static void add_bios(struct writer *writer)
{
	static const char strings[] = "lend\0" LEND_VERSION "\0"
				      "01/01/2026\0";
	uint8_t fixed[0x1a] = {[0] = 0, [1] = sizeof(fixed), [4] = 1, [5] = 2, [8] = 3};

	fixed[10] = 1 << 3;   /* characteristics: "not supported" */
	fixed[0x13] = 1 << 4; /* extension 2: a virtual machine */
	fixed[0x14] = fixed[0x15] = fixed[0x16] = fixed[0x17] = 0xff;
	add_structure(writer, fixed, sizeof(fixed), strings, sizeof(strings));
}

static void add_system(struct writer *writer, const uint8_t uuid[16])
{
	static const char strings[] = "lend\0virtual machine\0" LEND_VERSION "\0";
	/* 7.2.1: the first three fields of the UUID are little endian. */
	static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
	uint8_t fixed[0x1b] = {[0] = 1, [1] = sizeof(fixed), [2] = 1, [4] = 1, [5] = 2, [6] = 3};

	for (unsigned i = 0; i < 16; i++)
		fixed[8 + i] = uuid[order[i]];
	fixed[0x18] = 6; /* woken by the power switch */
	add_structure(writer, fixed, sizeof(fixed), strings, sizeof(strings));
}

static void add_end(struct writer *writer)
{
	static const uint8_t end[6] = {127, 4, 2};

	add(writer, end, sizeof(end));
}

size_t smbios_structures(uint8_t out[SMBIOS_ROOM], const uint8_t uuid[16], bool firmware)
{
	struct writer writer = {.bytes = out};

	if (!firmware)
		add_bios(&writer);
	add_system(&writer, uuid);
	add_end(&writer);
	return writer.used;
}

void smbios_entry(uint8_t out[SMBIOS_ENTRY_SIZE], uint32_t at, uint32_t length)
{
	uint8_t sum = 0;

	memset(out, 0, SMBIOS_ENTRY_SIZE);
	memcpy(out, "_SM3_", 5);
	out[6] = SMBIOS_ENTRY_SIZE;
	out[7] = 3; /* version 3.6 */
	out[8] = 6;
	out[10] = 1;
	memcpy(out + 12, &length, 4);
	memcpy(out + 16, &at, 4);
	for (unsigned i = 0; i < SMBIOS_ENTRY_SIZE; i++)
		sum = (uint8_t)(sum + out[i]);
	out[5] = (uint8_t)-sum;
}

int smbios_write(const struct memory *memory, const uint8_t uuid[16])
{
	uint8_t bytes[TABLE_OFFSET + SMBIOS_ROOM] = {0};
	size_t length = smbios_structures(bytes + TABLE_OFFSET, uuid, false);

	smbios_entry(bytes, ADDR_SMBIOS + TABLE_OFFSET, (uint32_t)length);
	return memory_put(memory, gpa(ADDR_SMBIOS), bytes, TABLE_OFFSET + length);
}
