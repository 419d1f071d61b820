/* SPDX-License-Identifier: MIT */
/*
 * Why no IOMMU is on. The firmware describes each kind in a table of its own;
 * without a table there is none, or the firmware has it off. With one it is the
 * kernel that did not switch it on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/host/check/check.h"

/* A kind of IOMMU, by the ACPI table that describes it. */
struct kind {
	const char *table;
	const char *argument;    /* what switches it on; NULL: it is on by itself */
	const char *name, *item; /* of that argument */
	const char *log;         /* the word by which the kernel's log has it */
	const char *module;      /* what the kernel was built without, perhaps */
	struct cmdline_switch offs[2];
};

static const struct kind kinds[] = {
	{"DMAR",
	 "intel_iommu=on",
	 "intel_iommu",
	 "on",
	 "DMAR",
	 "CONFIG_INTEL_IOMMU",
	 {{"intel_iommu", "off", "on"}, {"iommu", "off", NULL}}},
	{"IVRS",
	 NULL,
	 NULL,
	 NULL,
	 "AMD-Vi",
	 "CONFIG_AMD_IOMMU",
	 {{"amd_iommu", "off", NULL}, {"iommu", "off", NULL}}},
	{"IORT", NULL, NULL, NULL, "smmu", "CONFIG_ARM_SMMU_V3", {{NULL, NULL, NULL}, {NULL, NULL, NULL}}},
	{"VIOT",
	 NULL,
	 NULL,
	 NULL,
	 "virtio_iommu",
	 "CONFIG_VIRTIO_IOMMU",
	 {{NULL, NULL, NULL}, {NULL, NULL, NULL}}},
};

static const struct kind *find_kind(struct lend_check *check)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!sysfs_path(path, "%s/firmware/acpi/tables/%s", context_sysfs(check->context),
				kinds[i].table) &&
		    !access(path, F_OK))
			return &kinds[i];
	return NULL;
}

/* No table: a computer whose firmware says nothing, or whose kernel does not listen. */
static void explain_no_table(struct lend_check *check, struct lend_check_row *row)
{
	static const struct cmdline_switch offs[] = {{"acpi", "off", NULL}, {"pci", "noacpi", NULL}};
	char word[64], kind[16] = "";

	sysfs_read(context_sysfs(check->context), "hypervisor/type", kind, sizeof(kind));
	if (cmdline_off(check, offs, sizeof(offs) / sizeof(*offs), word))
		CHECK_CURE(row, advice,
			   "take %s away from the kernel's command line, and reboot: without ACPI the kernel "
			   "finds no IOMMU",
			   word);
	else if (!strcmp(kind, "xen"))
		CHECK_CURE(
			row, advice,
			"Xen keeps the IOMMU for itself: start Linux without Xen below it, or lend devices "
			"with Xen's own tools");
	else if (check_processor_has(check, "hypervisor"))
		CHECK_CURE(row, advice,
			   "this computer is a virtual machine: give it an IOMMU where it is run (VT-d with "
			   "interrupt remapping, AMD-Vi, or virtio-iommu)");
	else
		CHECK_CURE(
			row, advice,
			"switch on VT-d (Intel) or AMD-Vi, also called IOMMU, in the firmware's set-up; if "
			"it is not there, this computer has none");
}

void check_explain_no_iommu(struct lend_check *check, struct lend_check_row *row)
{
	const struct kind *kind = find_kind(check);
	bool asked;
	char word[64];

	if (!kind) {
		explain_no_table(check, row);
		return;
	}
	asked = !kind->argument || cmdline_has(check, kind->name, kind->item);
	if (cmdline_off(check, kind->offs, sizeof(kind->offs) / sizeof(*kind->offs), word)) {
		/* One reboot does for both. */
		if (!asked)
			CHECK_CURE(row, kernel_argument, "%s", kind->argument);
		CHECK_CURE(row, advice, "take %s away from the kernel's command line, and reboot", word);
	} else if (!asked) {
		CHECK_CURE(row, kernel_argument, "%s", kind->argument);
	} else {
		CHECK_CURE(
			row, advice,
			"the firmware describes it (%s), and the kernel did not switch it on, for a reason "
			"that its log has: dmesg | grep -i %s; where it says nothing, it was built without "
			"%s",
			kind->table, kind->log, kind->module);
	}
}
