/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "ssdt_hotplug.h"
#include "vmm/x86/acpi.h"

int acpi_add_hotplug(struct acpi *acpi, const struct layout *layout, bool event_device)
{
	size_t length = sizeof(ssdt_hotplug_aml_code);
	uint8_t *table;
	int ret;

	if (!layout->hotplug)
		return 0;
	table = acpi_copy(acpi, ssdt_hotplug_aml_code, length);
	if (!table)
		return -ENOSPC;
	ret = acpi_set_name(table, length, "HPPT", layout->hotplug);
	ret = ret ? ret : acpi_set_name(table, length, "HPGE", event_device);
	return ret ? ret : acpi_list(acpi, table);
}
