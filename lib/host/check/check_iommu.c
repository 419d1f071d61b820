/* SPDX-License-Identifier: MIT */
/*
 * Why no IOMMU is on. The firmware has a table for each kind. Without a table there is
 * no IOMMU, or the firmware has switched it off. With a table, the kernel did not
 * switch it on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/host/check/check.h"

/* A kind of IOMMU, by the ACPI table that describes it. */
struct kind {
	const char *table;
	const char *argument;    /* the parameter that switches it on; NULL: it is on by default */
	const char *name, *item; /* of that argument */
	const char *log;         /* its word in the kernel's log */
	const char *module;      /* the option that the kernel may have been built without */
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

/* There is no table: the firmware has none, or the kernel does not read its tables. */
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
		/* One reboot is enough for both. */
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
