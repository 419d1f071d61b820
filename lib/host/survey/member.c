/* SPDX-License-Identifier: MIT */
/*
 * What another member of its IOMMU group means for a device that is to be lent.
 * VFIO lends a group as a whole: no driver of the host may have a member of it,
 * except those of bridges and pci-stub.
 */
#include <string.h>

#include "lib/host/survey/survey.h"

enum { DEPTH_MAX = 32 };

/*
 * Bridges of all kinds stay with the host (PCI Code and ID Assignment, 1.7), but
 * not class 0680, "other": it may be any device.
 */
bool is_of_the_host(const struct lend_survey_device *device)
{
	enum { HOST = 0x0600, ISA, EISA, MCA, PCI, PCMCIA, CARDBUS = 0x0607, RACEWAY, PCI_SEMI };
	uint32_t class = device->is.class_code >> 8;

	return device->is.is_bridge || (class >= HOST && class <= PCI) || class == PCMCIA ||
	       (class >= CARDBUS && class <= PCI_SEMI);
}

/* The next device above that is no bridge: a VMD has a bus of its own behind it. NULL: there is none. */
const struct lend_survey_device *survey_owner_above(const struct lend_survey *survey,
						    const struct lend_survey_device *device)
{
	struct lend_bdf bdf;

	for (int depth = 0; device && device->parent[0] && depth < DEPTH_MAX; depth++) {
		if (lend_bdf_parse(device->parent, &bdf))
			return NULL;
		device = lend_survey_find(survey, &bdf);
		if (device && !is_of_the_host(device))
			return device;
	}
	return NULL;
}

static bool has_driver(const struct lend_survey_device *device)
{
	return device->is.driver[0] && !device->is.is_bridge && !lend_host_is_vfio(device->is.driver) &&
	       strcmp(device->is.driver, "pci-stub") != 0;
}

enum member survey_member(const struct lend_survey *survey, const struct lend_survey_device *device,
			  const struct lend_survey_device *other)
{
	const struct lend_survey_device *above = survey_owner_above(survey, other);

	if (other == device || other->is.group < 0 || other->is.group != device->is.group ||
	    !has_driver(other))
		return MEMBER_FREE;
	if (above && above->is.group == device->is.group)
		return MEMBER_BELOW;
	if (is_of_the_host(other) || survey_owner_above(survey, device) == other)
		return MEMBER_STAYS;
	return MEMBER_COMES;
}
