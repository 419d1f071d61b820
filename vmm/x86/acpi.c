/* SPDX-License-Identifier: MIT */
/*
 * ACPI 6.5, chapter 5: a hardware-reduced platform. The FADT's flags name what
 * is not there, so that the kernel does not look for it: without the flag for
 * the CMOS clock, a stock kernel polls ports 0x70 and 0x71 some 40,000 times.
 */
#include <errno.h>
#include <string.h>

#include "dsdt.h"
#include "vmm/x86/fixed.h"
#include "vmm/x86/tables.h"

enum { HEADER = 36, FADT_SIZE = 276, FADT_REVISION = 6 };
enum {
	FADT_PWR_BUTTON = 1 << 4,
	FADT_SLP_BUTTON = 1 << 5,
	FADT_RESET_SUP = 1 << 10,
	FADT_HW_REDUCED = 1 << 20
};
enum { BOOT_NO_VGA = 1 << 2, BOOT_NO_CMOS_RTC = 1 << 5 };

/* struct acpi_windows of dsdt.asl: six little-endian 64-bit fields. */
struct acpi_windows {
	uint64_t low_start, low_length, high_start, high_length, io, buses;
};
_Static_assert(sizeof(struct acpi_windows) == ADDR_WINDOWS_SIZE, "dsdt.asl reads this");

/* Tables are laid one behind the other in a buffer that is then put into the guest. */
struct tables {
	uint8_t bytes[ADDR_WINDOWS - ADDR_ACPI];
	size_t used;
	uint64_t xsdt[8];
	unsigned count;
};

static void put(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

static uint8_t checksum(const uint8_t *bytes, size_t length)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + bytes[i]);
	return (uint8_t)-sum;
}

/* Room for `length` zeroed bytes, aligned to 16. NULL: the area is full. */
static uint8_t *take(struct tables *tables, size_t length)
{
	size_t at = align_up(tables->used, 16);

	if (length > sizeof(tables->bytes) - at)
		return NULL;
	tables->used = at + length;
	return tables->bytes + at;
}

static uint64_t address(const struct tables *tables, const uint8_t *table)
{
	return ADDR_ACPI + (uint64_t)(table - tables->bytes);
}

static uint8_t *begin(struct tables *tables, const char *signature, uint8_t revision, size_t length)
{
	uint8_t *table = take(tables, length);

	if (!table)
		return NULL;
	memcpy(table, signature, 4);
	put(table + 4, length, 4);
	table[8] = revision;
	memcpy(table + 10, "LEND  LENDVMM ", 14);
	put(table + 24, 1, 4);
	memcpy(table + 28, "LEND", 4);
	put(table + 32, 1, 4);
	return table;
}

static void finish(uint8_t *table, size_t length)
{
	table[9] = 0;
	table[9] = checksum(table, length);
}

static void listed(struct tables *tables, uint8_t *table, size_t length)
{
	finish(table, length);
	tables->xsdt[tables->count++] = address(tables, table);
}

/* 5.2.3.2: Generic Address Structure of a byte in I/O space. */
static void put_port(uint8_t *at, uint16_t port)
{
	at[0] = 1; /* system I/O */
	at[1] = 8; /* bits */
	at[3] = 1; /* byte access */
	put(at + 4, port, 8);
}

static int add_fadt(struct tables *tables, uint64_t dsdt)
{
	uint8_t *fadt = begin(tables, "FACP", FADT_REVISION, FADT_SIZE);

	if (!fadt)
		return -ENOSPC;
	put(fadt + 40, dsdt, 4);
	put(fadt + 109, BOOT_NO_VGA | BOOT_NO_CMOS_RTC, 2); /* and no 8042, no other legacy device */
	put(fadt + 112, FADT_PWR_BUTTON | FADT_SLP_BUTTON | FADT_RESET_SUP | FADT_HW_REDUCED, 4);
	put_port(fadt + 116, PORT_RESET);
	fadt[128] = RESET_VALUE;
	fadt[131] = 5; /* minor revision */
	put(fadt + 140, dsdt, 8);
	put_port(fadt + 244, PORT_SLEEP_CONTROL);
	put_port(fadt + 256, PORT_SLEEP_STATUS);
	memcpy(fadt + 268, "LEND", 4);
	listed(tables, fadt, FADT_SIZE);
	return 0;
}

/* 5.2.12: local APICs, one IOAPIC with GSIs from 0, NMI on LINT1 of all. */
static int add_madt(struct tables *tables, unsigned cpus)
{
	size_t length = HEADER + 8 + 8 * (size_t)cpus + 12 + 6;
	uint8_t *madt = begin(tables, "APIC", 5, length);
	uint8_t *at;

	if (!madt)
		return -ENOSPC;
	put(madt + HEADER, ADDR_LAPIC, 4);
	at = madt + HEADER + 8;
	for (unsigned i = 0; i < cpus; i++, at += 8) {
		at[0] = 0;
		at[1] = 8;
		at[2] = (uint8_t)i;
		at[3] = (uint8_t)i;
		put(at + 4, 1, 4); /* enabled */
	}
	at[0] = 1;
	at[1] = 12;
	put(at + 4, ADDR_IOAPIC, 4);
	at += 12;
	at[0] = 4;
	at[1] = 6;
	at[2] = 0xff;
	at[5] = 1;
	listed(tables, madt, length);
	return 0;
}

/* PCI Firmware 3.3, 4.1.2: ECAM of segment 0. */
static int add_mcfg(struct tables *tables, unsigned buses)
{
	size_t length = HEADER + 8 + 16;
	uint8_t *mcfg = begin(tables, "MCFG", 1, length);

	if (!mcfg)
		return -ENOSPC;
	put(mcfg + HEADER + 8, ADDR_ECAM, 8);
	mcfg[HEADER + 8 + 11] = (uint8_t)(buses - 1);
	listed(tables, mcfg, length);
	return 0;
}

static int add_roots(struct tables *tables, uint8_t *rsdp)
{
	size_t length = HEADER + 8 * (size_t)tables->count;
	uint8_t *xsdt = begin(tables, "XSDT", 1, length);

	if (!xsdt)
		return -ENOSPC;
	for (unsigned i = 0; i < tables->count; i++)
		put(xsdt + HEADER + 8 * i, tables->xsdt[i], 8);
	finish(xsdt, length);

	memcpy(rsdp, "RSD PTR ", 8);
	memcpy(rsdp + 9, "LEND  ", 6);
	rsdp[15] = 2;
	put(rsdp + 20, 36, 4);
	put(rsdp + 24, address(tables, xsdt), 8);
	rsdp[8] = checksum(rsdp, 20);
	rsdp[32] = checksum(rsdp, 36);
	return 0;
}

static int put_windows(const struct memory *memory, const struct layout *layout, bool io_window)
{
	struct acpi_windows windows = {
		.low_start = layout->low_start,
		.low_length = layout->low_end - layout->low_start,
		.high_start = layout->high_start,
		.high_length = layout->high_end - layout->high_start,
		.io = io_window,
		.buses = layout->buses,
	};

	return memory_put(memory, gpa(ADDR_WINDOWS), &windows, sizeof(windows));
}

int acpi_write(const struct memory *memory, const struct layout *layout, unsigned cpus, bool io_window,
	       uint64_t *rsdp)
{
	struct tables tables = {0};
	uint8_t *root = take(&tables, 36);
	uint8_t *dsdt = take(&tables, sizeof(dsdt_aml_code));
	int ret;

	if (!root || !dsdt)
		return -ENOSPC;
	memcpy(dsdt, dsdt_aml_code, sizeof(dsdt_aml_code));
	ret = add_fadt(&tables, address(&tables, dsdt));
	if (!ret)
		ret = add_madt(&tables, cpus);
	if (!ret)
		ret = add_mcfg(&tables, layout->buses);
	if (!ret)
		ret = add_roots(&tables, root);
	if (!ret)
		ret = memory_put(memory, gpa(ADDR_ACPI), tables.bytes, sizeof(tables.bytes));
	if (!ret)
		ret = put_windows(memory, layout, io_window);
	*rsdp = address(&tables, root);
	return ret;
}
