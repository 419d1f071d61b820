/* SPDX-License-Identifier: MIT */
/* Which addresses the IOMMU group of a device keeps from its guest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host/check/check.h"

/* "0x00000000fee00000 0x00000000feefffff msi", a line each; the end is inclusive. */
void check_reserved(struct lend_check *check, const struct lend_survey_device *device)
{
	const uint64_t four_gib = 1ull << 32;
	char dir[PATH_MAX], *text, *rest, *line, kind[32];
	unsigned long long first, last;
	bool clear = true;

	if (device->is.group < 0 ||
	    sysfs_path(dir, "%s/kernel/iommu_groups/%d", context_sysfs(check->context), device->is.group))
		return;
	rest = text = sysfs_load(dir, "reserved_regions", NULL);
	while ((line = strsep(&rest, "\n"))) {
		if (sscanf(line, "%llx %llx %31s", &first, &last, kind) != 3 || !strcmp(kind, "msi"))
			continue;
		if (!strcmp(kind, "direct")) {
			clear = false;
			CHECK_CURE(
				check_row(
					check, "reserved", device, LEND_FAILED,
					"the firmware keeps %#llx to %#llx for itself in this device (RMRR): "
					"the kernel does not let it be lent",
					first, last),
				advice,
				"switch off what uses it in the firmware's set-up (legacy USB, shared "
				"management ports), or take another device");
		} else if (first < check->options.memory + four_gib) {
			clear = false;
			check_row(check, "reserved", device, LEND_NOTE,
				  "%#llx to %#llx is reserved (%s): the guest's memory goes around it", first,
				  last, kind);
		}
	}
	free(text);
	if (clear)
		check_row(check, "reserved", device, LEND_PASSED,
			  "no reserved address is in the way of %llu MiB of memory",
			  (unsigned long long)check->options.memory >> 20);
}
