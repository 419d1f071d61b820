/* SPDX-License-Identifier: MIT */
/* Laying ACPI tables into a buffer (ACPI 6.5, chapter 5): see acpi.h. */
#include <errno.h>
#include <string.h>

#include "vmm/x86/acpi.h"

enum { HEADER = 36, LENGTH = 4, CHECKSUM = 9, XSDT_ENTRY = 8 };
enum { RSDP_CHECKSUM = 8, RSDP_XSDT = 24, RSDP_EXTENDED_CHECKSUM = 32, RSDP_FIRST = 20 };

void acpi_put(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

void acpi_put_port(uint8_t *at, uint16_t port, unsigned bytes)
{
	at[0] = 1; /* system I/O */
	at[1] = (uint8_t)(8 * bytes);
	at[3] = (uint8_t)(bytes == 4 ? 3 : bytes); /* access size */
	acpi_put(at + 4, port, 8);
}

static uint32_t offset(const struct acpi *acpi, const uint8_t *at)
{
	return (uint32_t)(at - acpi->bytes);
}

void acpi_begin(struct acpi *acpi, uint32_t first)
{
	*acpi = (struct acpi){.used = first};
}

uint8_t *acpi_take(struct acpi *acpi, size_t length, uint32_t align)
{
	uint32_t at = (uint32_t)align_up(acpi->used, align);

	if (at > ACPI_ROOM || length > ACPI_ROOM - at)
		return NULL;
	acpi->used = at + (uint32_t)length;
	return acpi->bytes + at;
}

uint8_t *acpi_table(struct acpi *acpi, const char *signature, uint8_t revision, size_t length)
{
	uint8_t *table = acpi_take(acpi, length, 16);

	if (!table)
		return NULL;
	memcpy(table, signature, 4);
	acpi_put(table + LENGTH, length, 4);
	table[8] = revision;
	memcpy(table + 10, "LEND  LENDVMM ", 14);
	acpi_put(table + 24, 1, 4);
	memcpy(table + 28, "LEND", 4);
	acpi_put(table + 32, 1, 4);
	return table;
}

uint8_t *acpi_copy(struct acpi *acpi, const void *table, size_t length)
{
	uint8_t *copy = acpi_take(acpi, length, 16);

	if (copy)
		memcpy(copy, table, length);
	return copy;
}

/* In AML: NameOp, the name, QWordPrefix, the value. */
int acpi_set_name(uint8_t *table, size_t length, const char *name, uint64_t value)
{
	uint8_t pattern[6] = {0x08, 0, 0, 0, 0, 0x0e}, *at;

	memcpy(pattern + 1, name, 4);
	at = memmem(table + HEADER, length - HEADER, pattern, sizeof(pattern));
	if (!at)
		return -ENOENT;
	acpi_put(at + sizeof(pattern), value, 8);
	return 0;
}

int acpi_link(struct acpi *acpi, const uint8_t *at, const uint8_t *target, uint32_t length)
{
	if (acpi->link_count == ACPI_LINKS_MAX)
		return -ENOSPC;
	acpi->links[acpi->link_count++] = (struct acpi_link){offset(acpi, at), offset(acpi, target), length};
	return 0;
}

static int add_sum(struct acpi *acpi, uint32_t at, uint32_t start, uint32_t length)
{
	if (acpi->sum_count == ACPI_SUMS_MAX)
		return -ENOSPC;
	acpi->bytes[at] = 0;
	acpi->sums[acpi->sum_count++] = (struct acpi_sum){at, start, length};
	return 0;
}

int acpi_sum(struct acpi *acpi, const uint8_t *table)
{
	uint32_t start = offset(acpi, table), length;

	memcpy(&length, table + LENGTH, 4);
	return add_sum(acpi, start + CHECKSUM, start, length);
}

int acpi_list(struct acpi *acpi, const uint8_t *table)
{
	if (acpi->listed_count == ACPI_LISTED_MAX)
		return -ENOSPC;
	acpi->listed[acpi->listed_count++] = offset(acpi, table);
	return acpi_sum(acpi, table);
}

int acpi_end(struct acpi *acpi)
{
	uint8_t *rsdp = acpi->bytes, *xsdt;
	int ret = 0;

	xsdt = acpi_table(acpi, "XSDT", 1, HEADER + XSDT_ENTRY * (size_t)acpi->listed_count);
	if (!xsdt)
		return -ENOSPC;
	for (unsigned i = 0; i < acpi->listed_count && !ret; i++)
		ret = acpi_link(acpi, xsdt + HEADER + XSDT_ENTRY * i, acpi->bytes + acpi->listed[i],
				XSDT_ENTRY);
	memcpy(rsdp, "RSD PTR ", 8);
	memcpy(rsdp + 9, "LEND  ", 6);
	rsdp[15] = 2;
	acpi_put(rsdp + 20, ACPI_RSDP_SIZE, 4);
	ret = ret ? ret : acpi_link(acpi, rsdp + RSDP_XSDT, xsdt, 8);
	ret = ret ? ret : acpi_sum(acpi, xsdt);
	ret = ret ? ret : add_sum(acpi, RSDP_CHECKSUM, 0, RSDP_FIRST);
	return ret ? ret : add_sum(acpi, RSDP_EXTENDED_CHECKSUM, 0, ACPI_RSDP_SIZE);
}
