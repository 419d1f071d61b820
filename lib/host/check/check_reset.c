/* SPDX-License-Identifier: MIT */
/* How a device can be reset and what that takes along; and which addresses its IOMMU group keeps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/host/check/check.h"
#include "lib/reset_way.h"

/* The bus of a device, as VFIO looks at it before it resets it. */
struct bus {
	bool has_bridge;                        /* a bridge is above it, which resets it */
	char along[200];                        /* what else is on it */
	const struct lend_survey_device *other; /* the first that VFIO does not have; NULL: none */
	bool can_come;                          /* `other` is handed over, and can be taken */
};

/* A group is handed over as a whole. */
static bool is_handed_over(const struct lend_check *check, const struct lend_survey_device *device)
{
	for (size_t i = 0; i < check->device_count; i++)
		if (check->devices[i] == device ||
		    (device->is.group >= 0 && check->devices[i]->is.group == device->is.group))
			return true;
	return false;
}

/* Whether VFIO has the device, or has it once the cure of another row is done. */
static bool is_with_vfio(const struct lend_check *check, const struct lend_survey_device *device)
{
	bool cured = false;

	for (size_t i = 0; i < check->device_count; i++)
		cured |= check->devices[i] == device ||
			 survey_member(check->survey, check->devices[i], device) == MEMBER_COMES;
	return cured || lend_host_is_vfio(device->is.driver);
}

/* A bridge on the bus is never with VFIO, so what is behind it need not be looked at. */
static void look_at_bus(const struct lend_check *check, const struct lend_survey_device *device,
			struct bus *bus)
{
	const struct lend_survey_device *other;
	struct lend_bdf above;
	size_t used = 0;

	*bus = (struct bus){.other = NULL};
	if (!lend_bdf_parse(device->parent, &above)) {
		other = lend_survey_find(check->survey, &above);
		bus->has_bridge = other && other->is.is_bridge;
	}
	for (size_t i = 0; (other = lend_survey_at(check->survey, i)); i++) {
		bool ours = is_handed_over(check, other);

		if (other == device || other->is.bdf.domain != device->is.bdf.domain ||
		    other->is.bdf.bus != device->is.bdf.bus)
			continue;
		if (used < sizeof(bus->along))
			used += (size_t)snprintf(bus->along + used, sizeof(bus->along) - used, " %s",
						 other->is.name);
		if (bus->other || (ours && is_with_vfio(check, other)))
			continue;
		bus->other = other;
		bus->can_come = ours && !is_of_the_host(other);
	}
}

/*
 * The kernel lists "bus" for a device that is alone on its bus, unless it knows that a
 * reset of this bus does harm. With others on the bus the list does not tell.
 */
static bool bus_can_be_reset(const struct lend_survey_device *device, const struct bus *bus)
{
	return bus->has_bridge && !bus->other && (bus->along[0] || has_word(device->is.reset_methods, "bus"));
}

/*
 * The kernel lists "bus" for the first function of a bus, which it looks at before it
 * knows the others, and then it does not reset the bus for one of them. Before 5.15
 * the kernel could reset devices but did not list its methods.
 */
static bool kernel_can_reset(const struct lend_check *check, const struct lend_survey_device *device,
			     const struct bus *bus)
{
	char path[PATH_MAX];

	if (device->is.reset_methods[0])
		return !bus->along[0] || !reset_is_first(device->is.reset_methods, "bus");
	return !sysfs_path(path, "%s/bus/pci/devices/%s/reset", context_sysfs(check->context),
			   device->is.name) &&
	       !access(path, F_OK);
}

/* Names what keeps VFIO from a reset of the bus. */
static void no_reset(struct lend_check *check, const struct lend_survey_device *device, const struct bus *bus)
{
	const char *user = check->options.user, *other = bus->other ? bus->other->is.name : "";
	struct lend_check_row *row;

	if (!bus->has_bridge || !bus->other) {
		row = check_row(check, "reset", device, LEND_FAILED,
				"the kernel knows no way to reset it: what one guest left in it the next "
				"one finds, and lend run refuses it");
	} else if (bus->can_come) {
		row = check_row(check, "reset", device, LEND_FAILED,
				"it can only be reset with its bus, and %s on that bus is not with vfio-pci",
				other);
		CHECK_CURE(row, command, "lend bind%s%s %s", user ? " --user " : "", user ? user : "", other);
		return;
	} else {
		row = check_row(check, "reset", device, LEND_FAILED,
				"it can only be reset with its bus, and %s on that bus is not handed over: "
				"lend run refuses it",
				other);
		if (!is_of_the_host(bus->other)) {
			CHECK_CURE(row, advice, "hand %s over too, and both can be reset", other);
			return;
		}
	}
	CHECK_CURE(row, advice,
		   "give it to guests that may know of each other, with "
		   "-device vfio-pci,host=%s,x-allow-unreset=on",
		   device->is.name);
}

static void reset_alone(struct lend_check *check, const struct lend_survey_device *device)
{
	const char *methods = device->is.reset_methods;

	if (!methods[0])
		check_row(check, "reset", device, LEND_PASSED, "the kernel can reset it");
	else if (reset_is_first(methods, "bus"))
		check_row(check, "reset", device, LEND_PASSED,
			  "it can be reset by its bus, where it is alone (%s)", methods);
	else
		check_row(check, "reset", device, LEND_PASSED, "it can be reset alone (%s)", methods);
}

void check_reset(struct lend_check *check, const struct lend_survey_device *device)
{
	struct reset_facts facts = {
		.own = reset_is_own(device->is.vendor, device->is.device),
		.power = reset_is_first(device->is.reset_methods, "pm"),
	};
	enum reset_way ways[RESET_WAY_COUNT];
	struct bus bus;

	look_at_bus(check, device, &bus);
	facts.kernel_can = kernel_can_reset(check, device, &bus);
	facts.bus = bus_can_be_reset(device, &bus);
	if (!reset_ways(&facts, ways)) {
		no_reset(check, device, &bus);
		return;
	}
	switch (ways[0]) {
	case RESET_WAY_OWN:
		check_row(check, "reset", device, LEND_PASSED, "lend knows how to reset it");
		return;
	case RESET_WAY_FUNCTION:
		reset_alone(check, device);
		return;
	case RESET_WAY_BUS:
		check_row(check, "reset", device, LEND_PASSED, "it can be reset with its bus%s%s",
			  bus.along[0] ? ", which takes along" : "", bus.along);
		return;
	default:
		check_row(check, "reset", device, LEND_NOTE,
			  "its only reset (%s) may leave things in it: some devices keep their state",
			  device->is.reset_methods);
	}
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
