/* SPDX-License-Identifier: MIT */
/* The header of type 0: the bits of it that are not the device's (spec 2.3). */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lib/error.h"
#include "lib/pci/config/config.h"

enum { HEADER_TYPE_BITS = 0x7f, MULTIFUNCTION = 0x80 };

struct field {
	uint16_t offset;
	uint8_t length;
	uint32_t bits;     /* virtual ones */
	uint32_t writable; /* bits of the state that the guest may write */
	enum hook hook;
};

/* All start as 0. bar.c sets the types and masks of the BARs. */
static const struct field fields[] = {
	/*
	 * The guest reads the decode bits that it wrote. The device's may differ,
	 * because the kernel or a reset changed them. The guest's write still
	 * reaches the device: other bits of the byte are the device's.
	 */
	{PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY,
	 PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE, HOOK_DECODE},
	/* The guest never sees the host's addresses, and its own never reach the device. */
	{PCI_BASE_ADDRESS_0, 4, UINT32_MAX, 0, HOOK_DECODE},
	{PCI_BASE_ADDRESS_1, 4, UINT32_MAX, 0, HOOK_DECODE},
	{PCI_BASE_ADDRESS_2, 4, UINT32_MAX, 0, HOOK_DECODE},
	{PCI_BASE_ADDRESS_3, 4, UINT32_MAX, 0, HOOK_DECODE},
	{PCI_BASE_ADDRESS_4, 4, UINT32_MAX, 0, HOOK_DECODE},
	{PCI_BASE_ADDRESS_5, 4, UINT32_MAX, 0, HOOK_DECODE},
	/* It reads 0, "no ROM". rom.c sets it up if there is one. */
	{PCI_ROM_ADDRESS, 4, UINT32_MAX, 0, HOOK_NONE},
};

/* The guest sees the ids that the user gave. The host keeps using the device's own. */
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

	/* A virtual function has no ids in hardware, but VFIO fills them in: the test holds for it too. */
	if (config_hw(function, PCI_VENDOR_ID, 4) == UINT32_MAX)
		return error_say(
			error, -EPROTO,
			"%s does not answer (its config space reads all ones); is it powered and alive?",
			function->name);
	if (type != PCI_HEADER_TYPE_NORMAL)
		return error_say(error, -ENOTSUP, "%s is a bridge (header type %u); bridges cannot be lent",
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
