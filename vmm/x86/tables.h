/* SPDX-License-Identifier: MIT */
/* What firmware would leave in memory: ACPI and SMBIOS tables, its entry, and the memory map. */
#ifndef VMM_X86_TABLES_H
#define VMM_X86_TABLES_H

#include "vmm/memory.h"
#include "vmm/x86/layout.h"

/**
 * Writes RSDP, XSDT, FADT, DSDT, MADT and MCFG at ADDR_ACPI, and the windows
 * that the DSDT reads at ADDR_WINDOWS. Returns the RSDP's address in *rsdp.
 */
int acpi_write(const struct memory *memory, const struct layout *layout, unsigned cpus, bool io_window,
	       uint64_t *rsdp);

enum { SMBIOS_ENTRY_SIZE = 24, SMBIOS_ROOM = 512 };

/**
 * Lays SMBIOS types 0, 1 and 127 one behind the other, and returns how many bytes they are;
 * `firmware`: without type 0, which firmware writes itself. An all-zero uuid says "not set".
 */
size_t smbios_structures(uint8_t out[SMBIOS_ROOM], const uint8_t uuid[16], bool firmware);

/** The entry point of structures that lie at the address `at`. */
void smbios_entry(uint8_t out[SMBIOS_ENTRY_SIZE], uint32_t at, uint32_t length);

/** Writes SMBIOS types 0, 1 and 127 at ADDR_SMBIOS; an all-zero uuid says "not set". */
int smbios_write(const struct memory *memory, const uint8_t uuid[16]);

/** Writes code at ADDR_RESET_VECTOR that resets the machine: where a guest jumps to start anew. */
int reset_vector_write(const struct memory *memory);

/** A line of the map that the kernel gets; types as E820 numbers them. */
struct map_entry {
	uint64_t start, length;
	uint32_t type;
};
enum { MAP_RAM = 1, MAP_RESERVED = 2, MAP_ACPI = 3, MAP_MAX = MEMORY_PIECES_MAX + 4 };

/** Fills `out` (room for MAP_MAX), ascending; returns how many. */
unsigned map_entries(const struct memory *memory, const struct layout *layout, struct map_entry *out);

/**
 * The pieces of RAM that the guest and its devices see: all, but for a hole
 * where legacy VGA memory is, if a device has that. Room for one piece more.
 */
unsigned map_shown(const struct memory *memory, bool vga, struct memory_piece *out);

#endif
