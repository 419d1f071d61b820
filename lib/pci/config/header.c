/* SPDX-License-Identifier: MIT */
/* The header of type 0: what of it the guest sees that is not the device's (spec/vfio-pci.md, 2.3). */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lib/error.h"
#include "lib/pci/config/config.h"

enum { HEADER_TYPE_BITS = 0x7f, MULTIFUNCTION = 0x80 };

struct field {
	uint16_t offset;
	uint8_t length;
	uint32_t bits;     /* that are virtual */
	uint32_t writable; /* of the state */
	enum hook hook;
};

/* The values are 0; BARs get theirs in bar.c. */
static const struct field fields[] = {
	/*
	 * The guest reads the decode bits that it wrote: the device's may differ,
	 * because the kernel or a reset changed them. They are written through,
	 * since not all bits of the byte are virtual.
	 */
	{PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY,
	 PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE, HOOK_DECODE},
	/* Addresses of the host never leak, and the guest's never reach the device. */
	{PCI_BASE_ADDRESS_0, 4, UINT32_MAX, 0, HOOK_DECODE},
	{PCI_BASE_ADDRESS_1, 4, UINT32_MAX, 0, HOOK_DECODE},
	{PCI_BASE_ADDRESS_2, 4, UINT32_MAX, 0, HOOK_DECODE},
	{PCI_BASE_ADDRESS_3, 4, UINT32_MAX, 0, HOOK_DECODE},
	{PCI_BASE_ADDRESS_4, 4, UINT32_MAX, 0, HOOK_DECODE},
	{PCI_BASE_ADDRESS_5, 4, UINT32_MAX, 0, HOOK_DECODE},
	/* Reads 0, which means none; rom.c has more where there is one. */
	{PCI_ROM_ADDRESS, 4, UINT32_MAX, 0, HOOK_NONE},
};

/* The device's own ids stay what matters to the host; the guest's driver goes by these. */
static void set_ids(struct lend_function *function, const struct lend_ids *ids)
{
	const struct {
		unsigned bit, offset, length;
		uint32_t value;
	} rows[] = {
		{LEND_ID_VENDOR, PCI_VENDOR_ID, 2, ids->vendor},
		{LEND_ID_DEVICE, PCI_DEVICE_ID, 2, ids->device},
		{LEND_ID_SUB_VENDOR, PCI_SUBSYSTEM_VENDOR_ID, 2, ids->sub_vendor},
		{LEND_ID_SUBSYSTEM, PCI_SUBSYSTEM_ID, 2, ids->subsystem},
		{LEND_ID_CLASS, PCI_CLASS_PROG, 3, ids->class_code},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (ids->given & rows[i].bit)
			config_set_virtual(function, rows[i].offset, rows[i].length, rows[i].value);
}

int header_setup(struct lend_function *function, struct lend_error *error)
{
	uint32_t type = config_hw(function, PCI_HEADER_TYPE, 1) & HEADER_TYPE_BITS;

	/* VFIO fills in the ids of virtual functions, so this is no hardware that has none. */
	if (config_hw(function, PCI_VENDOR_ID, 4) == UINT32_MAX)
		return error_say(
			error, -EPROTO,
			"%s does not answer (its config space reads all ones); is it powered and alive?",
			function->name);
	if (type != PCI_HEADER_TYPE_NORMAL)
		return error_say(error, -ENOTSUP, "%s is a bridge (header type %u), which cannot be lent",
				 function->name, type);
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		const struct field *field = &fields[i];

		config_set_bits(function, field->offset, field->length, field->bits, 0);
		config_set_writable(function, field->offset, field->length, field->writable);
		config_set_hook(function, field->offset, field->length, field->hook);
	}
	set_ids(function, &function->ids);
	config_set_bits(function, PCI_HEADER_TYPE, 1, MULTIFUNCTION,
			function->multifunction ? MULTIFUNCTION : 0);
	return 0;
}
