/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables before it is known where they will lie: bytes, and what follows from
 * their place (pointers, and then checksums). A direct boot puts them at ADDR_ACPI
 * (acpi_write()); firmware places them itself, by a script (firmware/loader.c).
 */
#ifndef VMM_X86_ACPI_H
#define VMM_X86_ACPI_H

#include "vmm/x86/layout.h"

enum {
	ACPI_ROOM = 0xf000,
	ACPI_RSDP_SIZE = 36,
	ACPI_TABLES = 64, /* where the tables of a machine with firmware begin */
	ACPI_LISTED_MAX = 8,
	ACPI_LINKS_MAX = 16,
	ACPI_SUMS_MAX = 16,
};

/** The address of bytes[target] stands in `length` bytes from bytes[at] on. */
struct acpi_link {
	uint32_t at, target, length;
};

/** bytes[at] makes the `length` bytes from `start` on sum to 0. */
struct acpi_sum {
	uint32_t at, start, length;
};

struct acpi {
	uint8_t bytes[ACPI_ROOM]; /* the RSDP first, and then tables. Zero where a link or a sum is */
	uint32_t used;
	struct acpi_link links[ACPI_LINKS_MAX];
	struct acpi_sum sums[ACPI_SUMS_MAX]; /* in this order, after the links */
	uint32_t listed[ACPI_LISTED_MAX];    /* where the tables are that the XSDT names */
	unsigned link_count, sum_count, listed_count;
};

/* The parts of a builder. Each returns 0, or -ENOSPC. */

/** Begins with the RSDP; the first table lies at `first` or behind it. */
void acpi_begin(struct acpi *acpi, uint32_t first);
/** Room for `length` zeroed bytes at a multiple of `align`; NULL: there is none. */
uint8_t *acpi_take(struct acpi *acpi, size_t length, uint32_t align);
/** Room for a table, with its header (5.2.6) but for the checksum; NULL: there is none. */
uint8_t *acpi_table(struct acpi *acpi, const char *signature, uint8_t revision, size_t length);
/** Room for a table that is there; NULL: there is none. */
uint8_t *acpi_copy(struct acpi *acpi, const void *table, size_t length);
int acpi_link(struct acpi *acpi, const uint8_t *at, const uint8_t *target, uint32_t length);
/** The table's checksum. */
int acpi_sum(struct acpi *acpi, const uint8_t *table);
/** The XSDT names the table, which gets its checksum. */
int acpi_list(struct acpi *acpi, const uint8_t *table);
/** The last step: the XSDT, and what stands in the RSDP. */
int acpi_end(struct acpi *acpi);

/**
 * Writes an integer of AML: Name (NAME, <8 bytes>) in the `length` bytes of a table. -ENOENT: there
 * is none of this name.
 */
int acpi_set_name(uint8_t *table, size_t length, const char *name, uint64_t value);

/** Little-endian. */
void acpi_put(uint8_t *at, uint64_t value, unsigned bytes);
/** 5.2.3.2: Generic Address Structure of an I/O port of 1, 2 or 4 bytes. */
void acpi_put_port(uint8_t *at, uint16_t port, unsigned bytes);

/* Tables of both kinds of machines (acpi_tables.c). */

/** `legacy`: there are two PICs, a timer at IRQ 0 and the SCI. */
int acpi_add_madt(struct acpi *acpi, unsigned cpus, bool legacy);
int acpi_add_mcfg(struct acpi *acpi, uint64_t ecam, unsigned buses);

/**
 * Hotplug behind the ports of `layout`, if there are any. `event_device`: the interrupt is that of
 * a generic event device, GSI_HOTPLUG; else it is the general-purpose event GPE_HOTPLUG.
 */
int acpi_add_hotplug(struct acpi *acpi, const struct layout *layout, bool event_device);

/** Where ECAM is, and for how many buses from 0 on. */
struct acpi_ecam {
	uint64_t base;
	unsigned buses;
};

/**
 * The tables of a machine whose firmware has placed ECAM, and BARs in the windows of `layout`.
 * They are as many bytes each time. -ENOSPC.
 */
int acpi_fixed(struct acpi *acpi, const struct layout *layout, unsigned cpus, const struct acpi_ecam *ecam);

#endif
