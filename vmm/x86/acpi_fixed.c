/* SPDX-License-Identifier: MIT */
/*
 * ACPI of a machine with firmware: fixed hardware (ACPI 6.5, 4.8), since there are
 * systems that have no driver for the other kind. What depends on the machine is
 * written into named integers of the AML. A region of memory would do as well, but
 * firmware keeps a file of tables only as long as nothing but tables is in it.
 */
#include <errno.h>
#include <string.h>

#include "dsdt_fixed.h"
#include "vmm/x86/acpi.h"

enum { HEADER = 36, FADT_SIZE = 276, FADT_REVISION = 6, FIRST_TABLE = ACPI_TABLES };
enum {
	FADT_WBINVD = 1 << 0,
	FADT_PROC_C1 = 1 << 2,
	FADT_NO_SLP_BUTTON = 1 << 5,
	FADT_NO_FIXED_RTC = 1 << 6, /* it wakes nothing */
	FADT_RESET_SUP = 1 << 10
};
enum { BOOT_LEGACY_DEVICES = 1 << 0, BOOT_NO_VGA = 1 << 2 };
enum { NO_C_STATE = 0xfff };
enum { FACS_SIZE = 64, FACS_VERSION = 2 };
enum { SPCR_SIZE = 80, SPCR_PIC = 1, SPCR_IOAPIC = 2, SPCR_115200 = 7, SPCR_ANSI = 3 };

/* 5.2.10: nobody sleeps, and nobody holds the global lock. Without it Xen complains. */
static const uint8_t *add_facs(struct acpi *acpi)
{
	uint8_t *facs = acpi_take(acpi, FACS_SIZE, 64);

	if (!facs)
		return NULL;
	memcpy(facs, "FACS", 4);
	acpi_put(facs + 4, FACS_SIZE, 4);
	facs[32] = FACS_VERSION;
	return facs;
}

/* Registers of the PM block, in the FADT's old fields and in the new ones. The last row is of events. */
static void put_pm(uint8_t *fadt, bool events)
{
	static const struct {
		uint16_t port, old, old_length, length, new;
	} rows[] = {
		{PORT_PM_EVENT, 56, 88, 4, 148},
		{PORT_PM_CONTROL, 64, 89, 2, 172},
		{PORT_PM_TIMER, 76, 91, 4, 208},
		{PORT_PM_GPE, 80, 92, 4, 220},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows) - !events; i++) {
		acpi_put(fadt + rows[i].old, rows[i].port, 4);
		fadt[rows[i].old_length] = (uint8_t)rows[i].length;
		acpi_put_port(fadt + rows[i].new, rows[i].port, rows[i].length);
		fadt[rows[i].new + 1] = (uint8_t)(8 * rows[i].length);
	}
	fadt[148 + 3] = 2; /* status and enable are two bytes each */
	if (events)
		fadt[220 + 3] = 1; /* and here bytes, 8 events in each */
}

static int add_fadt(struct acpi *acpi, const struct layout *layout, const uint8_t *facs, const uint8_t *dsdt)
{
	uint8_t *fadt = acpi_table(acpi, "FACP", FADT_REVISION, FADT_SIZE);
	int ret;

	if (!fadt)
		return -ENOSPC;
	acpi_put(fadt + 46, GSI_SCI, 2);
	put_pm(fadt, layout->hotplug);
	acpi_put(fadt + 96, NO_C_STATE, 2);
	acpi_put(fadt + 98, NO_C_STATE, 2);
	fadt[108] = CMOS_CENTURY;
	acpi_put(fadt + 109, BOOT_LEGACY_DEVICES | BOOT_NO_VGA, 2); /* and no 8042 */
	acpi_put(fadt + 112,
		 FADT_WBINVD | FADT_PROC_C1 | FADT_NO_SLP_BUTTON | FADT_NO_FIXED_RTC | FADT_RESET_SUP, 4);
	acpi_put_port(fadt + 116, PORT_RESET_CONTROL, 1);
	fadt[128] = RESET_CONTROL_VALUE;
	fadt[131] = 5; /* minor revision */
	memcpy(fadt + 268, "LEND", 4);
	ret = acpi_link(acpi, fadt + 36, facs, 4);
	ret = ret ? ret : acpi_link(acpi, fadt + 140, dsdt, 8);
	return ret ? ret : acpi_list(acpi, fadt);
}

/* Serial Port Console Redirection: COM1 is the console. */
static int add_spcr(struct acpi *acpi)
{
	uint8_t *spcr = acpi_table(acpi, "SPCR", 2, SPCR_SIZE);

	if (!spcr)
		return -ENOSPC;
	acpi_put_port(spcr + 40, PORT_SERIAL, 1); /* of a 16550: interface type 0 */
	spcr[52] = SPCR_PIC | SPCR_IOAPIC;
	spcr[53] = GSI_SERIAL;
	acpi_put(spcr + 54, GSI_SERIAL, 4);
	spcr[58] = SPCR_115200;
	spcr[60] = 1; /* stop bit */
	spcr[62] = SPCR_ANSI;
	acpi_put(spcr + 64, UINT32_MAX, 4); /* no PCI device */
	return acpi_list(acpi, spcr);
}

static int add_dsdt(struct acpi *acpi, const struct layout *layout, const struct acpi_ecam *ecam,
		    const uint8_t **out)
{
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{"LOWS", layout->low_start},  {"LOWL", layout->low_end - layout->low_start},
		{"HIGS", layout->high_start}, {"HIGL", layout->high_end - layout->high_start},
		{"ECAB", ecam->base},         {"BUSN", ecam->buses},
	};
	uint8_t *dsdt = acpi_copy(acpi, dsdt_fixed_aml_code, sizeof(dsdt_fixed_aml_code));
	int ret = dsdt ? acpi_sum(acpi, dsdt) : -ENOSPC;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows) && !ret; i++)
		ret = acpi_set_name(dsdt, sizeof(dsdt_fixed_aml_code), rows[i].name, rows[i].value);
	*out = dsdt;
	return ret;
}

int acpi_fixed(struct acpi *acpi, const struct layout *layout, unsigned cpus, const struct acpi_ecam *ecam)
{
	const uint8_t *facs, *dsdt;
	int ret;

	acpi_begin(acpi, FIRST_TABLE);
	facs = add_facs(acpi);
	if (!facs)
		return -ENOSPC;
	ret = add_dsdt(acpi, layout, ecam, &dsdt);
	ret = ret ? ret : add_fadt(acpi, layout, facs, dsdt);
	ret = ret ? ret : acpi_add_madt(acpi, cpus, true);
	ret = ret ? ret : acpi_add_mcfg(acpi, ecam->base, ecam->buses);
	ret = ret ? ret : add_spcr(acpi);
	ret = ret ? ret : acpi_add_hotplug(acpi, layout, false);
	return ret ? ret : acpi_end(acpi);
}
