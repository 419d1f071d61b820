/* SPDX-License-Identifier: MIT */
/* See check_firmware.h. */
#include <cpuid.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/check_firmware.h"
#include "tool/run/firmware.h"
#include "tool/run/firmware_arg.h"

enum {
	CLASS_NETWORK = 0x02,
	VENDOR_VIRTIO = 0x1af4,
	RNG_LEGACY = 0x1005,
	RNG = 0x1044,
	/* The plain adapter of other monitors, whose guest this computer may be. */
	VENDOR_BOCHS = 0x1234,
	BOCHS_DISPLAY = 0x1111,
};

/*
 * Devices that OVMF has no driver for: it is in their own ROM, or they are not used before the system is.
 * The class, of which the lower byte is not compared.
 */
static const struct {
	uint32_t class_code, mask;
	const char *what, *lost;
} driverless[] = {
	{0x020000, 0xff0000, "a network card", "nothing is started from its network"},
	{0x030000, 0xff0000, "a graphics card", "the firmware shows itself on the serial line alone"},
	{0x010400, 0xffff00, "a RAID controller", "nothing is started from its drives"},
	{0x010700, 0xffff00, "a SAS controller", "nothing is started from its drives"},
	{0x0c0400, 0xffff00, "a Fibre Channel adapter", "nothing is started by it"},
};

/*
 * The ROMs of the package ipxe-qemu. Firmware uses a ROM for the ids that it names alone, and
 * efi-ne2k_pci.rom names none.
 */
static const struct {
	uint16_t vendor, device;
	const char *file;
} roms[] = {
	{0x8086, 0x100e, "efi-e1000.rom"},    {0x8086, 0x10d3, "efi-e1000e.rom"},
	{0x8086, 0x1229, "efi-eepro100.rom"}, {0x1022, 0x2000, "efi-pcnet.rom"},
	{0x10ec, 0x8139, "efi-rtl8139.rom"},  {0x15ad, 0x07b0, "efi-vmxnet3.rom"},
};

bool check_rdrand(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && c & bit_RDRND;
}

LEND_PRINTF(4, 5)
static struct lend_check_row *add_row(struct check_rows *rows, const char *device, enum lend_verdict verdict,
				      const char *format, ...)
{
	struct lend_check_row *row = &rows->rows[rows->count++];
	va_list list;

	*row = (struct lend_check_row){.size = sizeof(*row), .topic = "firmware", .verdict = verdict};
	snprintf(row->device, sizeof(row->device), "%s", device);
	va_start(list, format);
	vsnprintf(row->text, sizeof(row->text), format, list);
	va_end(list);
	return row;
}

static void check_files(const struct run_options *options, struct check_rows *out)
{
	struct firmware_files files;
	struct lend_error error;

	if (firmware_look(options, &files, &error)) {
		add_row(out, "", LEND_FAILED, "%s", error.text);
		return;
	}
	if (options->firmware.vars[0] || !files.vars[0])
		add_row(out, "", LEND_PASSED, "%.280s is firmware that a machine can start", files.code);
	else
		add_row(out, "", LEND_PASSED, "%.140s is firmware that a machine can start, with %.120s",
			files.code, files.vars);
}

static bool has_rom(const struct firmware_facts *facts, const struct lend_survey_device *device)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/rom", facts->sys, device->is.name);
	return !access(path, F_OK);
}

/* Where there is a ROM for a network card. */
static void advise_rom(struct lend_check_row *row, const struct lend_host_device *device)
{
	for (size_t i = 0; i < sizeof(roms) / sizeof(*roms); i++)
		if (roms[i].vendor == device->vendor && roms[i].device == device->device) {
			snprintf(row->advice, sizeof(row->advice),
				 "give romfile=/usr/lib/ipxe/qemu/%s, of the package ipxe-qemu, with its "
				 "-device",
				 roms[i].file);
			return;
		}
	snprintf(row->advice, sizeof(row->advice),
		 "give romfile= with an EFI ROM for %04x:%04x: its maker's, or what 'make "
		 "bin-x86_64-efi/%04x%04x.efirom' makes in the sources of iPXE",
		 device->vendor, device->device, device->vendor, device->device);
}

/* Devices of those classes that OVMF has a driver for all the same. */
static bool has_driver(const struct lend_host_device *device)
{
	return device->vendor == VENDOR_VIRTIO ||
	       (device->vendor == VENDOR_BOCHS && device->device == BOCHS_DISPLAY);
}

static void check_device(const struct firmware_facts *facts, const struct lend_survey_device *device,
			 struct check_rows *out)
{
	const struct lend_host_device *is = &device->is;
	struct lend_check_row *row;
	size_t i = 0;

	while (i < sizeof(driverless) / sizeof(*driverless) &&
	       (is->class_code & driverless[i].mask) != driverless[i].class_code)
		i++;
	if (i == sizeof(driverless) / sizeof(*driverless) || has_driver(is))
		return;
	if (has_rom(facts, device))
		row = add_row(
			out, is->name, LEND_UNKNOWN,
			"%s is %s: whether its ROM has a driver for UEFI is seen when the firmware reads it; "
			"without one %s",
			is->name, driverless[i].what, driverless[i].lost);
	else
		row = add_row(out, is->name, LEND_NOTE,
			      "%s is %s without a ROM, which would have its driver: %s", is->name,
			      driverless[i].what, driverless[i].lost);
	if (driverless[i].class_code >> 16 == CLASS_NETWORK)
		advise_rom(row, is);
}

static void check_random(const struct firmware_facts *facts, struct check_rows *out)
{
	bool network = false, source = facts->has_rdrand;
	struct lend_check_row *row;

	for (size_t i = 0; i < facts->device_count; i++) {
		const struct lend_host_device *is = &facts->devices[i]->is;

		network |= is->class_code >> 16 == CLASS_NETWORK;
		source |= is->vendor == VENDOR_VIRTIO && (is->device == RNG || is->device == RNG_LEGACY);
	}
	if (!network || source)
		return;
	row = add_row(
		out, "", LEND_NOTE,
		"the processor makes no random numbers (RDRAND): firmware of 2024 and later starts nothing "
		"from the network then, without a word");
	snprintf(row->advice, sizeof(row->advice), "hand over a virtio-rng, too, or start from a drive");
}

int check_firmware(const char *value, const struct firmware_facts *facts, struct check_rows *out,
		   struct lend_error *error)
{
	struct run_options *options = calloc(1, sizeof(*options));
	int ret;

	out->count = 0;
	if (!options)
		return tool_fail(error, -ENOMEM, "not enough memory to look at the firmware");
	ret = firmware_parse(options, value, error);
	if (!ret) {
		check_files(options, out);
		check_random(facts, out);
		for (size_t i = 0; i < facts->device_count; i++)
			check_device(facts, facts->devices[i], out);
	}
	free(options);
	return ret;
}

bool firmware_rows_passed(const struct check_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		if (rows->rows[i].verdict == LEND_FAILED)
			return false;
	return true;
}
