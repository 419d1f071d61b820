/* SPDX-License-Identifier: MIT */
/*
 * The script by which firmware places ACPI tables: it has commands of 128 bytes, which
 * allocate a file of fw_cfg in memory, write addresses into files, and make checksums.
 */
#ifndef VMM_FIRMWARE_LOADER_H
#define VMM_FIRMWARE_LOADER_H

#include "vmm/x86/acpi.h"

#define LOADER_RSDP   "etc/acpi/rsdp"
#define LOADER_TABLES "etc/acpi/tables"

enum { LOADER_COMMAND = 128, LOADER_COMMANDS_MAX = 2 + ACPI_LINKS_MAX + ACPI_SUMS_MAX };

struct loader_script {
	uint32_t length; /* bytes */
	uint8_t bytes[LOADER_COMMAND * LOADER_COMMANDS_MAX];
};

/**
 * Writes the script, and into acpi->bytes what it adds to. The first file has
 * ACPI_RSDP_SIZE bytes from the first on, the other one those from ACPI_TABLES on.
 */
void loader_write(struct acpi *acpi, struct loader_script *script);

#endif
