/* SPDX-License-Identifier: MIT */
/* What the firmware is told by fw_cfg: memory, windows, processors, boot order, tables. */
#ifndef VMM_FIRMWARE_FILES_H
#define VMM_FIRMWARE_FILES_H

#include "vmm/firmware/fw_cfg.h"
#include "vmm/vmm.h"
#include "vmm/x86/acpi.h"

/** The file of windows, which firmware before 2025.02 reads wrongly. */
#define FILES_WINDOWS "etc/hardware-info"

/** A function that the firmware may boot from. */
struct fw_boot {
	int index;        /* lowest first; below 0: none */
	unsigned slot;    /* of the root bus: its own, or its port's */
	bool behind_port; /* in slot 0 there */
	unsigned function;
};

struct fw_facts {
	const struct layout *layout; /* RAM, and windows for BARs */
	unsigned cpus;
	bool boot_menu;
	const uint8_t *uuid; /* 16 bytes; all zero: none */
	const struct fw_boot *boot;
	unsigned boot_count;             /* VMM_DEVICES_MAX at most */
	const struct vmm_fw_file *files; /* of the user */
	unsigned file_count;
};

/**
 * Adds all of it, with ACPI tables of the right size that have to be made again by
 * files_acpi(). -EINVAL: two devices have one boot index, or a name of the user's files
 * is too long; -EEXIST; -ENOSPC; -ENOMEM; each with a sentence.
 */
int files_add(struct fw_cfg *fw_cfg, const struct fw_facts *facts, struct lend_error *error);

/** Makes the ACPI tables and the script, now that the firmware has placed ECAM; for fw_cfg->make. */
int files_acpi(struct fw_cfg *fw_cfg, const struct layout *layout, unsigned cpus,
	       const struct acpi_ecam *ecam);

/**
 * Puts the windows into `layout` that firmware before 2023.05 takes by itself, for
 * processors that address `physical_bits`, with or without pages of 1 GiB.
 */
void files_old_windows(struct layout *layout, unsigned physical_bits, bool gib_pages);

#endif
