/* SPDX-License-Identifier: MIT */
/* How a device can be reset and what that takes along; and which addresses its IOMMU group keeps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/host/check/check.h"

/* A reset of the bus resets everything below the same bridge. */
static void list_neighbours(struct lend_check *check, const struct lend_survey_device *device, char *out,
			    size_t size)
{
	const struct lend_survey_device *other;
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; (other = lend_survey_at(check->survey, i)); i++)
		if (other != device && other->is.bdf.domain == device->is.bdf.domain &&
		    other->is.bdf.bus == device->is.bdf.bus && used < size)
			used += (size_t)snprintf(out + used, size - used, " %s", other->is.name);
}

static bool has_word(const char *list, const char *word)
{
	const char *at = strstr(list, word);
	size_t length = strlen(word);

	return at && (at == list || at[-1] == ' ') && (!at[length] || at[length] == ' ');
}

void check_reset(struct lend_check *check, const struct lend_survey_device *device)
{
	const char *methods = device->is.reset_methods;
	char neighbours[200], path[PATH_MAX];

	list_neighbours(check, device, neighbours, sizeof(neighbours));
	if (!methods[0]) {
		/* Before 5.15 the kernel could reset devices but did not list its methods. */
		bool some = !sysfs_path(path, "%s/bus/pci/devices/%s/reset", context_sysfs(check->context),
					device->is.name) &&
			    !access(path, F_OK);

		if (some)
			check_row(check, "reset", device, LEND_PASSED, "the kernel can reset it");
		/* The kernel's methods are of one function; VFIO resets a bus for who has all of it. */
		else if (device->parent[0] && neighbours[0])
			check_row(
				check, "reset", device, LEND_NOTE,
				"it has no reset of its own: lend run resets all of its bus:%s; they have to "
				"be yours too",
				neighbours);
		else
			CHECK_CURE(check_row(check, "reset", device, LEND_FAILED,
					     "the kernel knows no way to reset it: what one guest left in it "
					     "the next one finds, and lend run refuses it"),
				   advice,
				   "give it to guests that may know of each other, with "
				   "-device vfio-pci,host=%s,x-allow-unreset=on",
				   device->is.name);
		return;
	}
	if (has_word(methods, "flr") || has_word(methods, "af_flr") || has_word(methods, "device_specific"))
		check_row(check, "reset", device, LEND_PASSED, "it can be reset alone (%s)", methods);
	else if (has_word(methods, "bus") && !neighbours[0])
		check_row(check, "reset", device, LEND_PASSED,
			  "it can be reset by its bus, where it is alone (%s)", methods);
	else if (has_word(methods, "bus"))
		check_row(check, "reset", device, LEND_NOTE,
			  "its only reset (%s) takes along all of its bus:%s; they have to be yours too",
			  methods, neighbours);
	else
		check_row(check, "reset", device, LEND_NOTE,
			  "its only reset (%s) may leave things in it: some devices keep their state",
			  methods);
}

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
