/* SPDX-License-Identifier: MIT */
/* query-pci: the guest's buses, decoded from the first 64 bytes of each function's config space. */
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>

#include "tool/run/qmp/commands.h"

/* PCI Code and ID Assignment, 1.2 to 1.20: base classes. */
static const char *const classes[] = {
	"Old device",
	"Mass storage controller",
	"Network controller",
	"Display controller",
	"Multimedia device",
	"Memory controller",
	"Bridge",
	"Communication controller",
	"System peripheral",
	"Input controller",
	"Docking station",
	"Processor",
	"Serial bus controller",
	"Wireless controller",
	"Intelligent controller",
	"Satellite controller",
	"Encryption controller",
	"Signal processing controller",
	"Processing accelerator",
	"Non-essential instrumentation",
};

static uint32_t reg(const struct vmm_pci_row *row, unsigned offset, unsigned length)
{
	uint32_t value = row->header[offset / 4] >> (8 * (offset % 4));

	return length == 4 ? value : value & ((1u << (8 * length)) - 1);
}

static json_t *range(uint64_t base, uint64_t limit)
{
	return json_pack("{s:I, s:I}", "base", (json_int_t)base, "limit", (json_int_t)limit);
}

/* PCI-to-PCI Bridge Architecture 1.2, 3.2.5: windows of a bridge, of which a closed one ends before it
 * begins. */
static json_t *bridge_of(const struct vmm_pci_row *row)
{
	uint32_t io = reg(row, PCI_IO_BASE, 2), memory = reg(row, PCI_MEMORY_BASE, 4),
		 prefetch = reg(row, PCI_PREF_MEMORY_BASE, 4);
	uint64_t io_base = (io & 0xf0) << 8, io_limit = (io & 0xf000) | 0xfff;
	uint64_t base = (uint64_t)(prefetch & 0xfff0) << 16, limit = (prefetch & 0xfff00000) | 0xfffff;

	if ((io & 0xf) == PCI_IO_RANGE_TYPE_32) {
		io_base |= (uint64_t)reg(row, PCI_IO_BASE_UPPER16, 2) << 16;
		io_limit |= (uint64_t)reg(row, PCI_IO_LIMIT_UPPER16, 2) << 16;
	}
	if ((prefetch & 0xf) == PCI_PREF_RANGE_TYPE_64) {
		base |= (uint64_t)reg(row, PCI_PREF_BASE_UPPER32, 4) << 32;
		limit |= (uint64_t)reg(row, PCI_PREF_LIMIT_UPPER32, 4) << 32;
	}
	return json_pack("{s:{s:i, s:i, s:i, s:o, s:o, s:o}, s:[]}", "bus", "number",
			 (int)reg(row, PCI_PRIMARY_BUS, 1), "secondary", (int)reg(row, PCI_SECONDARY_BUS, 1),
			 "subordinate", (int)reg(row, PCI_SUBORDINATE_BUS, 1), "io_range",
			 range(io_base, io_limit), "memory_range",
			 range((uint64_t)(memory & 0xfff0) << 16, (memory & 0xfff00000) | 0xfffff),
			 "prefetchable_range", range(base, limit), "devices");
}

static json_t *region(const struct vmm_pci_row *row, unsigned bar)
{
	uint32_t value = bar < 6 ? reg(row, PCI_BASE_ADDRESS_0 + 4 * bar, 4) : reg(row, PCI_ROM_ADDRESS, 4);
	bool io = bar < 6 && (value & PCI_BASE_ADDRESS_SPACE_IO);
	bool wide =
		bar < 5 && !io && (value & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64;
	uint64_t address = bar == 6 ? value & PCI_ROM_ADDRESS_MASK
			   : io     ? value & (uint32_t)PCI_BASE_ADDRESS_IO_MASK
				    : value & (uint32_t)PCI_BASE_ADDRESS_MEM_MASK;
	json_t *out;

	if (wide)
		address |= (uint64_t)reg(row, PCI_BASE_ADDRESS_0 + 4 * bar + 4, 4) << 32;
	out = json_pack("{s:i, s:s, s:I, s:I}", "bar", (int)bar, "type", io ? "io" : "memory", "address",
			(json_int_t)address, "size", (json_int_t)row->sizes[bar]);
	if (!io) {
		json_object_set_new(out, "prefetch",
				    json_boolean(bar < 6 && (value & PCI_BASE_ADDRESS_MEM_PREFETCH)));
		json_object_set_new(out, "mem_type_64", json_boolean(wide));
	}
	return out;
}

static json_t *regions_of(const struct vmm_pci_row *row)
{
	json_t *regions = json_array();

	for (unsigned i = 0; i < VMM_PCI_BARS; i++)
		if (row->sizes[i])
			json_array_append_new(regions, region(row, i));
	return regions;
}

static json_t *id_of(const struct vmm_pci_row *row, bool bridge)
{
	json_t *id = json_pack("{s:i, s:i}", "vendor", (int)reg(row, PCI_VENDOR_ID, 2), "device",
			       (int)reg(row, PCI_DEVICE_ID, 2));

	if (!bridge) {
		json_object_set_new(id, "subsystem-vendor",
				    json_integer(reg(row, PCI_SUBSYSTEM_VENDOR_ID, 2)));
		json_object_set_new(id, "subsystem", json_integer(reg(row, PCI_SUBSYSTEM_ID, 2)));
	}
	return id;
}

static json_t *class_of(const struct vmm_pci_row *row)
{
	unsigned code = reg(row, PCI_CLASS_DEVICE, 2);
	const char *text = code >> 8 < sizeof(classes) / sizeof(*classes) ? classes[code >> 8] : NULL;

	return json_pack("{s:i, s:s*}", "class", (int)code, "desc", text);
}

static void add_device(const struct qmp *qmp, json_t *rows, const void *of)
{
	const struct control_message *message = of;
	const struct vmm_pci_row *row = &message->pci;
	bool bridge;
	json_t *device;

	if (message->type != CONTROL_PCI)
		return;
	bridge = (reg(row, PCI_HEADER_TYPE, 1) & 0x7f) == PCI_HEADER_TYPE_BRIDGE && !row->name[0];
	device = json_pack("{s:i, s:i, s:i, s:o, s:o, s:i, s:i, s:s, s:o}", "bus", (int)row->bus, "slot",
			   (int)row->slot, "function", (int)row->function, "class_info", class_of(row), "id",
			   id_of(row, bridge), "irq", (int)reg(row, PCI_INTERRUPT_LINE, 1), "irq_pin",
			   (int)reg(row, PCI_INTERRUPT_PIN, 1), "qdev_id",
			   row->device < VMM_DEVICES_MAX ? qmp->devices[row->device].id : "", "regions",
			   regions_of(row));
	if (bridge)
		json_object_set_new(device, "pci_bridge", bridge_of(row));
	if (row->name[0])
		json_object_set_new(device, "x-host", qmp_text(row->name));
	json_array_append_new(rows, device);
}

static json_t *devices_below(const json_t *buses, int bus)
{
	size_t i;
	json_t *device;

	json_array_foreach(buses, i, device)
	{
		json_t *bridge = json_object_get(device, "pci_bridge");

		if (bridge && bus &&
		    json_integer_value(json_object_get(json_object_get(bridge, "bus"), "secondary")) == bus)
			return json_object_get(bridge, "devices");
	}
	return NULL;
}

/* Devices behind a port are in its object; what a port that the guest has not numbered has is on bus 0. */
static json_t *make_tree(json_t *rows)
{
	json_t *root = json_array(), *device;
	size_t i;

	json_array_foreach(rows, i, device)
	{
		int bus = (int)json_integer_value(json_object_get(device, "bus"));
		json_t *below = devices_below(rows, bus);

		json_array_append(below && json_object_get(device, "x-host") ? below : root, device);
	}
	return json_pack("[{s:i, s:o}]", "bus", 0, "devices", root);
}

int qmp_query_pci(struct qmp_request *request, struct lend_error *error)
{
	return qmp_call_rows(request, CALL_PCI, add_device, make_tree, error);
}
