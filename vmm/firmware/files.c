/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/firmware/files.h"
#include "vmm/firmware/loader.h"
#include "vmm/x86/tables.h"

enum { E820_SIZE = 20 };
enum { WINDOWS_TYPE = 1, WINDOWS_HEADER = 16, WINDOWS_SIZE = 120 };
/* ISA motherboard I/O, VGA memory, IDE, and these three again with 16 bits: else COM1 is not started. */
enum { WINDOWS_ATTRIBUTES = 0x700c9 };
/* DMA above 4 GiB; prefetchable windows are the others. Without the latter firmware drops the whole bus. */
enum { WINDOWS_FLAGS = 1 | 4 };
enum { LINE_MAX = 64 };

/* Windows that firmware of 2022 and 2023 takes without being told. */
#define OLD_LOW_START 0xc0000000ULL
#define OLD_LOW_END   0xfc000000ULL
enum { OLD_BITS_MAX = 46, OLD_BITS_NO_GIB_PAGES = 40 };

static int add_memory(struct fw_cfg *fw_cfg, const struct layout *layout)
{
	uint8_t bytes[E820_SIZE * MEMORY_PIECES_MAX] = {0}, *at = bytes;

	for (unsigned i = 0; i < layout->ram_count; i++, at += E820_SIZE) {
		acpi_put(at, layout->ram[i].gpa.a, 8);
		acpi_put(at + 8, layout->ram[i].length, 8);
		acpi_put(at + 16, MAP_RAM, 4);
	}
	return fw_cfg_add_file(fw_cfg, "etc/e820", bytes, (uint32_t)(at - bytes));
}

static int add_windows(struct fw_cfg *fw_cfg, const struct layout *layout)
{
	uint8_t bytes[WINDOWS_HEADER + WINDOWS_SIZE] = {0}, *at = bytes + WINDOWS_HEADER;

	acpi_put(bytes, WINDOWS_TYPE, 8);
	acpi_put(bytes + 8, WINDOWS_SIZE, 8);
	acpi_put(at + 8, WINDOWS_ATTRIBUTES, 8);
	acpi_put(at + 16, WINDOWS_FLAGS, 4);
	at[21] = 0xff; /* the last bus */
	acpi_put(at + 24, PORT_WINDOW_FIRMWARE, 8);
	acpi_put(at + 32, PORT_WINDOW_END + 1 - PORT_WINDOW_FIRMWARE, 8);
	acpi_put(at + 40, layout->low_start, 8);
	acpi_put(at + 48, layout->low_end - layout->low_start, 8);
	if (layout->high_start < layout->high_end) {
		acpi_put(at + 72, layout->high_start, 8);
		acpi_put(at + 80, layout->high_end - layout->high_start, 8);
	}
	return fw_cfg_add_file(fw_cfg, FILES_WINDOWS, bytes, sizeof(bytes));
}

static int add_numbers(struct fw_cfg *fw_cfg, const struct fw_facts *facts)
{
	uint8_t cpus[2], menu[2] = {facts->boot_menu};
	int ret;

	acpi_put(cpus, facts->cpus, 2);
	ret = fw_cfg_add(fw_cfg, FW_CFG_CPUS, cpus, sizeof(cpus));
	return ret ? ret : fw_cfg_add(fw_cfg, FW_CFG_BOOT_MENU, menu, sizeof(menu));
}

static int add_smbios(struct fw_cfg *fw_cfg, const uint8_t *uuid)
{
	uint8_t structures[SMBIOS_ROOM], entry[SMBIOS_ENTRY_SIZE];
	uint32_t length = (uint32_t)smbios_structures(structures, uuid, true);
	int ret = fw_cfg_add_file(fw_cfg, "etc/smbios/smbios-tables", structures, length);

	smbios_entry(entry, 0, length);
	return ret ? ret : fw_cfg_add_file(fw_cfg, "etc/smbios/smbios-anchor", entry, sizeof(entry));
}

/* The next lowest index above `index`; NULL: there is none. */
static const struct fw_boot *next_boot(const struct fw_facts *facts, int index)
{
	const struct fw_boot *next = NULL;

	for (unsigned i = 0; i < facts->boot_count; i++)
		if (facts->boot[i].index > index && (!next || facts->boot[i].index < next->index))
			next = &facts->boot[i];
	return next;
}

static unsigned count_index(const struct fw_facts *facts, int index)
{
	unsigned count = 0;

	for (unsigned i = 0; i < facts->boot_count; i++)
		count += facts->boot[i].index == index;
	return count;
}

/* Firmware takes a name that it does not know for a PCI function, and all that is below it. */
static int put_path(char *at, const struct fw_boot *boot)
{
	char function[8] = "";

	if (boot->function)
		snprintf(function, sizeof(function), ",%x", boot->function & 7);
	if (boot->behind_port)
		return snprintf(at, LINE_MAX, "/pci@i0cf8/pci-bridge@%x/lend@0%s\n", boot->slot & 0x1f,
				function);
	return snprintf(at, LINE_MAX, "/pci@i0cf8/lend@%x%s\n", boot->slot & 0x1f, function);
}

/* One path a line, with a NUL in place of the last line's end. */
static int add_boot_order(struct fw_cfg *fw_cfg, const struct fw_facts *facts, struct lend_error *error)
{
	char text[LINE_MAX * VMM_DEVICES_MAX];
	const struct fw_boot *boot = NULL;
	uint32_t length = 0;

	while ((boot = next_boot(facts, boot ? boot->index : -1))) {
		if (count_index(facts, boot->index) > 1)
			return fail(error, -EINVAL,
				    "two devices have bootindex=%d: give each one its own number",
				    boot->index);
		length += (uint32_t)put_path(text + length, boot);
	}
	if (!length)
		return 0;
	text[length - 1] = '\0';
	return fw_cfg_add_file(fw_cfg, "bootorder", text, length);
}

static int make_acpi(struct acpi *acpi, struct loader_script *script, const struct layout *layout,
		     unsigned cpus, const struct acpi_ecam *ecam)
{
	int ret = acpi_fixed(acpi, layout, cpus, ecam);

	if (!ret)
		loader_write(acpi, script);
	return ret;
}

static int add_acpi(struct fw_cfg *fw_cfg, const struct fw_facts *facts)
{
	const struct acpi_ecam nowhere = {.buses = 1};
	struct loader_script script;
	struct acpi acpi;
	int ret = make_acpi(&acpi, &script, facts->layout, facts->cpus, &nowhere);

	ret = ret ? ret : fw_cfg_add_file(fw_cfg, LOADER_RSDP, acpi.bytes, ACPI_RSDP_SIZE);
	ret = ret ? ret
		  : fw_cfg_add_file(fw_cfg, LOADER_TABLES, acpi.bytes + ACPI_TABLES, acpi.used - ACPI_TABLES);
	return ret ? ret : fw_cfg_add_file(fw_cfg, FW_CFG_SCRIPT, script.bytes, script.length);
}

int files_acpi(struct fw_cfg *fw_cfg, const struct layout *layout, unsigned cpus,
	       const struct acpi_ecam *ecam)
{
	struct loader_script script;
	struct acpi acpi;
	int ret = make_acpi(&acpi, &script, layout, cpus, ecam);

	ret = ret ? ret : fw_cfg_update(fw_cfg, LOADER_RSDP, acpi.bytes, ACPI_RSDP_SIZE);
	ret = ret ? ret
		  : fw_cfg_update(fw_cfg, LOADER_TABLES, acpi.bytes + ACPI_TABLES, acpi.used - ACPI_TABLES);
	return ret ? ret : fw_cfg_update(fw_cfg, FW_CFG_SCRIPT, script.bytes, script.length);
}

static int add_users(struct fw_cfg *fw_cfg, const struct fw_facts *facts, struct lend_error *error)
{
	for (unsigned i = 0; i < facts->file_count; i++) {
		const struct vmm_fw_file *file = &facts->files[i];
		int ret = fw_cfg_add_file(fw_cfg, file->name, file->bytes, file->length);

		if (ret)
			return fail(error, ret, "-fw-cfg: %s: %s", file->name,
				    ret == -EEXIST   ? "there is such a file already"
				    : ret == -EINVAL ? "a name has 1 to 55 bytes"
				    : ret == -EFBIG  ? "it is larger than 16 MiB"
				    : ret == -ENOSPC ? "there are too many files"
						     : "not enough memory");
	}
	return 0;
}

int files_add(struct fw_cfg *fw_cfg, const struct fw_facts *facts, struct lend_error *error)
{
	int ret = add_memory(fw_cfg, facts->layout);

	ret = ret ? ret : add_windows(fw_cfg, facts->layout);
	ret = ret ? ret : add_numbers(fw_cfg, facts);
	ret = ret ? ret : add_smbios(fw_cfg, facts->uuid);
	ret = ret ? ret : add_acpi(fw_cfg, facts);
	if (ret)
		return fail(error, ret, "what the firmware is told does not fit: %s", strerror(-ret));
	ret = add_boot_order(fw_cfg, facts, error);
	return ret ? ret : add_users(fw_cfg, facts, error);
}

void files_old_windows(struct layout *layout, unsigned physical_bits, bool gib_pages)
{
	unsigned bits = gib_pages ? OLD_BITS_MAX : OLD_BITS_NO_GIB_PAGES;

	bits = physical_bits < bits ? physical_bits : bits;
	layout->low_start = OLD_LOW_START;
	layout->low_end = OLD_LOW_END;
	layout->high_end = 1ULL << bits;
	layout->high_start = layout->high_end - (layout->high_end >> 3);
}
