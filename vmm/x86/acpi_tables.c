/* SPDX-License-Identifier: MIT */
/* The tables that are the same for all machines, but for a few fields. */
#include <errno.h>

#include "vmm/x86/acpi.h"

enum { HEADER = 36 };
enum { MADT_PCAT_COMPAT = 1 };
enum { MADT_LAPIC = 8, MADT_IOAPIC = 12, MADT_OVERRIDE = 10, MADT_NMI = 6 };
enum { ACTIVE_HIGH = 1, LEVEL = 3 << 2 };

/* 5.2.12.5: an interrupt of the ISA bus that is not the GSI of its number, or not as ISA has it. */
static uint8_t *put_override(uint8_t *at, uint8_t irq, uint8_t gsi, uint16_t flags)
{
	at[0] = 2;
	at[1] = MADT_OVERRIDE;
	at[3] = irq;
	acpi_put(at + 4, gsi, 4);
	acpi_put(at + 8, flags, 2);
	return at + MADT_OVERRIDE;
}

/* 5.2.12: local APICs, one IOAPIC with GSIs from 0, NMI on LINT1 of all. */
int acpi_add_madt(struct acpi *acpi, unsigned cpus, bool legacy)
{
	size_t length = HEADER + 8 + MADT_LAPIC * (size_t)cpus + MADT_IOAPIC +
			(legacy ? 2 * MADT_OVERRIDE : 0) + MADT_NMI;
	uint8_t *madt = acpi_table(acpi, "APIC", 5, length);
	uint8_t *at;

	if (!madt)
		return -ENOSPC;
	acpi_put(madt + HEADER, ADDR_LAPIC, 4);
	acpi_put(madt + HEADER + 4, legacy ? MADT_PCAT_COMPAT : 0, 4);
	at = madt + HEADER + 8;
	for (unsigned i = 0; i < cpus; i++, at += MADT_LAPIC) {
		at[0] = 0;
		at[1] = MADT_LAPIC;
		at[2] = (uint8_t)i;
		at[3] = (uint8_t)i;
		acpi_put(at + 4, 1, 4); /* enabled */
	}
	at[0] = 1;
	at[1] = MADT_IOAPIC;
	acpi_put(at + 4, ADDR_IOAPIC, 4);
	at += MADT_IOAPIC;
	if (legacy) {
		at = put_override(at, 0, GSI_TIMER, 0);
		at = put_override(at, GSI_SCI, GSI_SCI, ACTIVE_HIGH | LEVEL);
	}
	at[0] = 4;
	at[1] = MADT_NMI;
	at[2] = 0xff;
	at[5] = 1;
	return acpi_list(acpi, madt);
}

/* PCI Firmware 3.3, 4.1.2: ECAM of segment 0. */
int acpi_add_mcfg(struct acpi *acpi, uint64_t ecam, unsigned buses)
{
	uint8_t *mcfg = acpi_table(acpi, "MCFG", 1, HEADER + 8 + 16);

	if (!mcfg)
		return -ENOSPC;
	acpi_put(mcfg + HEADER + 8, ecam, 8);
	mcfg[HEADER + 8 + 11] = (uint8_t)(buses - 1);
	return acpi_list(acpi, mcfg);
}
