/* SPDX-License-Identifier: MIT */
/*
 * ACPI of a direct boot: a hardware-reduced platform, in memory. The FADT's flags
 * name what is not there, so that the kernel does not look for it: without the flag
 * for the CMOS clock, a stock kernel polls ports 0x70 and 0x71 some 40,000 times.
 */
#include <errno.h>
#include <string.h>

#include "dsdt.h"
#include "vmm/x86/acpi.h"
#include "vmm/x86/tables.h"

enum { FADT_SIZE = 276, FADT_REVISION = 6, FIRST_TABLE = 48 };
enum {
	FADT_PWR_BUTTON = 1 << 4,
	FADT_SLP_BUTTON = 1 << 5,
	FADT_RESET_SUP = 1 << 10,
	FADT_HW_REDUCED = 1 << 20
};
enum { BOOT_NO_VGA = 1 << 2, BOOT_NO_CMOS_RTC = 1 << 5 };

_Static_assert(ADDR_ACPI + ACPI_ROOM == ADDR_WINDOWS, "the tables lie below what dsdt.asl reads");

/* struct acpi_windows of dsdt.asl: six little-endian 64-bit fields. */
struct acpi_windows {
	uint64_t low_start, low_length, high_start, high_length, io, buses;
};
_Static_assert(sizeof(struct acpi_windows) == ADDR_WINDOWS_SIZE, "dsdt.asl reads this");

static int add_fadt(struct acpi *acpi, const uint8_t *dsdt)
{
	uint8_t *fadt = acpi_table(acpi, "FACP", FADT_REVISION, FADT_SIZE);
	int ret;

	if (!fadt)
		return -ENOSPC;
	acpi_put(fadt + 109, BOOT_NO_VGA | BOOT_NO_CMOS_RTC, 2); /* and no 8042, no other legacy device */
	acpi_put(fadt + 112, FADT_PWR_BUTTON | FADT_SLP_BUTTON | FADT_RESET_SUP | FADT_HW_REDUCED, 4);
	acpi_put_port(fadt + 116, PORT_RESET, 1);
	fadt[128] = RESET_VALUE;
	fadt[131] = 5; /* minor revision */
	acpi_put_port(fadt + 244, PORT_SLEEP_CONTROL, 1);
	acpi_put_port(fadt + 256, PORT_SLEEP_STATUS, 1);
	memcpy(fadt + 268, "LEND", 4);
	ret = acpi_link(acpi, fadt + 40, dsdt, 4);
	ret = ret ? ret : acpi_link(acpi, fadt + 140, dsdt, 8);
	return ret ? ret : acpi_list(acpi, fadt);
}

static int build(struct acpi *acpi, const struct layout *layout, unsigned cpus)
{
	const uint8_t *dsdt;
	int ret;

	acpi_begin(acpi, FIRST_TABLE);
	dsdt = acpi_copy(acpi, dsdt_aml_code, sizeof(dsdt_aml_code));
	if (!dsdt)
		return -ENOSPC;
	ret = add_fadt(acpi, dsdt);
	ret = ret ? ret : acpi_add_madt(acpi, cpus, false);
	ret = ret ? ret : acpi_add_mcfg(acpi, ADDR_ECAM, layout->buses);
	ret = ret ? ret : acpi_add_hotplug(acpi, layout, true);
	return ret ? ret : acpi_end(acpi);
}

/* The tables lie at `base`. */
static void place(struct acpi *acpi, uint64_t base)
{
	for (unsigned i = 0; i < acpi->link_count; i++) {
		const struct acpi_link *link = &acpi->links[i];

		acpi_put(acpi->bytes + link->at, base + link->target, link->length);
	}
	for (unsigned i = 0; i < acpi->sum_count; i++) {
		const struct acpi_sum *sum = &acpi->sums[i];
		uint8_t total = 0;

		for (uint32_t j = 0; j < sum->length; j++)
			total = (uint8_t)(total + acpi->bytes[sum->start + j]);
		acpi->bytes[sum->at] = (uint8_t)-total;
	}
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
	struct acpi acpi;
	int ret = build(&acpi, layout, cpus);

	if (ret)
		return ret;
	place(&acpi, ADDR_ACPI);
	*rsdp = ADDR_ACPI;
	ret = memory_put(memory, gpa(ADDR_ACPI), acpi.bytes, sizeof(acpi.bytes));
	return ret ? ret : put_windows(memory, layout, io_window);
}
