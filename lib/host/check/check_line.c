/* SPDX-License-Identifier: MIT */
/* Whose interrupt line a device shares on the host. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "lib/host/check/check.h"

static int take_name(void *opaque, const char *name)
{
	(void)opaque, (void)name;
	return 1;
}

/* The line of a device that a driver of the host has and uses; 0: none. With MSI-X it is not used. */
static long line_in_use(const struct lend_check *check, const struct lend_survey_device *device)
{
	char dir[PATH_MAX], messages[PATH_MAX];
	long line = 0;

	if (!device->is.driver[0] || lend_host_is_vfio(device->is.driver) ||
	    sysfs_path(dir, "%s/bus/pci/devices/%s", context_sysfs(check->context), device->is.name) ||
	    sysfs_path(messages, "%s/msi_irqs", dir) || sysfs_each(messages, take_name, NULL) > 0 ||
	    sysfs_number(dir, "irq", &line))
		return 0;
	return line;
}

static bool has_pin(const struct lend_check *check, const struct lend_survey_device *device)
{
	size_t length;
	unsigned char *config = check_config(check, device, &length);
	bool has = config && length > PCI_INTERRUPT_PIN && config[PCI_INTERRUPT_PIN];

	free(config);
	return has;
}

void check_line(struct lend_check *check, const struct lend_survey_device *device)
{
	const struct lend_survey_device *other;
	char dir[PATH_MAX], message[PATH_MAX];
	long line = 0;

	if (sysfs_path(dir, "%s/bus/pci/devices/%s", context_sysfs(check->context), device->is.name) ||
	    sysfs_number(dir, "irq", &line) || line <= 0 || !has_pin(check, device))
		return;
	/* While a driver uses MSI the kernel shows the number of the message there, and not the line. */
	if (sysfs_path(message, "%s/msi_irqs/%ld", dir, line) || !access(message, F_OK))
		return;
	for (size_t i = 0; (other = lend_survey_at(check->survey, i)); i++) {
		if (other == device || line_in_use(check, other) != line)
			continue;
		CHECK_CURE(
			check_row(
				check, "line", device, LEND_NOTE,
				"its interrupt line %ld is also that of %s, which %s has: a guest that uses "
				"the line can slow that device down",
				line, other->is.name, other->is.driver),
			advice,
			"nothing, where you trust the guest or the guest's driver uses MSI; x-intx=off "
			"keeps the line from the guest");
		return;
	}
	check_row(check, "line", device, LEND_PASSED,
		  "no driver of another PCI device uses its interrupt line");
}
