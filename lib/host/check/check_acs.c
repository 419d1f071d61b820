/* SPDX-License-Identifier: MIT */
/*
 * Why devices share a group: a port between them may let one reach the other without
 * the IOMMU. Access Control Services prevent that, if the port has them (PCI Express
 * Base, 6.12).
 */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host/check/check.h"

enum { EXTENDED = 0x100, EXTENDED_END = 0x1000, ACS_ID = 0x0d, HOPS = 960 };

enum acs { ACS_UNKNOWN, ACS_NONE, ACS_THERE };

/* Whether the port has the capability. Only root can read the extended space. */
static enum acs find_acs(struct lend_check *check, const char *name)
{
	char dir[PATH_MAX], *config;
	enum acs found = ACS_UNKNOWN;
	size_t length = 0;
	unsigned at = EXTENDED;

	if (sysfs_path(dir, "%s/bus/pci/devices/%s", context_sysfs(check->context), name))
		return ACS_UNKNOWN;
	config = sysfs_load(dir, "config", &length);
	if (config && length >= EXTENDED_END)
		found = ACS_NONE;
	for (int hops = 0; found == ACS_NONE && at >= EXTENDED && at + 4 <= EXTENDED_END && hops < HOPS;
	     hops++) {
		uint32_t head;

		memcpy(&head, config + at, sizeof(head));
		head = le32toh(head);
		if ((head & 0xffff) == ACS_ID)
			found = ACS_THERE;
		at = head >> 20 & ~3u;
	}
	free(config);
	return found;
}

static void say_why(struct lend_check *check, const struct lend_survey_device *device,
		    const struct lend_survey_device *other)
{
	const struct lend_bdf *a = &device->is.bdf, *b = &other->is.bdf;
	struct lend_check_row *row;

	if (a->domain == b->domain && a->bus == b->bus && a->device == b->device)
		row = check_row(
			check, "acs", device, LEND_NOTE,
			"%s shares its group: a function of the same device, which has no ACS to keep "
			"them apart",
			other->is.name);
	else if (device->parent[0] && !strcmp(device->parent, other->parent))
		row = check_row(
			check, "acs", device, LEND_NOTE,
			"%s shares its group: both are behind %s, on one bus, where devices reach each "
			"other",
			other->is.name, device->parent);
	else if (device->parent[0] && find_acs(check, device->parent) == ACS_NONE)
		row = check_row(check, "acs", device, LEND_NOTE,
				"%s shares its group: the port %s has no ACS", other->is.name,
				device->parent);
	else
		row = check_row(check, "acs", device, LEND_NOTE,
				"%s shares its group: a port between them does not keep them apart (ACS)",
				other->is.name);
	CHECK_CURE(
		row, advice,
		"another slot may have a group of its own; lend ls --tree shows which. Kernels that are told "
		"to ignore this keep nothing apart");
}

void check_acs(struct lend_check *check, const struct lend_survey_device *device)
{
	const struct lend_survey_device *other;

	for (size_t i = 0; (other = lend_survey_at(check->survey, i)); i++) {
		if (other == device || other->is.group != device->is.group || other->is.is_bridge)
			continue;
		/* One reason is enough. */
		say_why(check, device, other);
		return;
	}
}
