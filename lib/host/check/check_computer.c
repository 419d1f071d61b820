/* SPDX-License-Identifier: MIT */
/* What the computer and its kernel must have: an IOMMU that is on, remapped interrupts, VFIO, KVM. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/host/check/check.h"

static bool is_there(const char *root, const char *path)
{
	char full[PATH_MAX];

	return !sysfs_path(full, "%s/%s", root, path) && !access(full, F_OK);
}

static int take_name(void *opaque, const char *name)
{
	char *names = opaque;
	size_t used = strlen(names);

	if (used + strlen(name) + 2 < 64)
		snprintf(names + used, 64 - used, "%s%s", used ? " " : "", name);
	return 0;
}

static bool cmdline_has(struct lend_check *check, const char *word)
{
	char *text = sysfs_load(context_proc(check->context), "cmdline", NULL), *rest = text, *at;
	bool found = false;

	while (!found && (at = strsep(&rest, " \n")))
		found = !strcmp(at, word);
	free(text);
	return found;
}

/* Off: by the firmware, which then has no table of it, or by the kernel. */
static void explain_no_iommu(struct lend_check *check, struct lend_check_row *row)
{
	static const char *const offs[] = {"iommu=off", "intel_iommu=off", "amd_iommu=off"};
	const char *sys = context_sysfs(check->context);

	for (size_t i = 0; i < sizeof(offs) / sizeof(*offs); i++)
		if (cmdline_has(check, offs[i]))
			CHECK_CURE(row, advice, "take %s away from the kernel's command line", offs[i]);
	if (is_there(sys, "firmware/acpi/tables/DMAR"))
		CHECK_CURE(row, kernel_argument, "intel_iommu=on");
	else if (is_there(sys, "firmware/acpi/tables/IVRS"))
		CHECK_CURE(row, kernel_argument, "amd_iommu=on");
	else if (is_there(sys, "firmware/acpi/tables/VIOT"))
		CHECK_CURE(row, advice, "start a kernel with the driver of virtio-iommu built in");
	else
		CHECK_CURE(
			row, advice,
			"switch on VT-d (Intel) or AMD-Vi, also called IOMMU, in the firmware's set-up; if "
			"it is not there, this computer has none");
}

static bool check_iommu(struct lend_check *check)
{
	char path[PATH_MAX], groups[64] = "", names[64] = "";
	const char *sys = context_sysfs(check->context);

	if (!sysfs_path(path, "%s/kernel/iommu_groups", sys))
		sysfs_each(path, take_name, groups);
	if (!sysfs_path(path, "%s/class/iommu", sys))
		sysfs_each(path, take_name, names);
	if (!groups[0] || !names[0]) {
		explain_no_iommu(check,
				 check_row(check, "iommu", NULL, LEND_FAILED,
					   "no IOMMU is on, which would keep a guest's device from the "
					   "host's memory"));
		return false;
	}
	check_row(check, "iommu", NULL, LEND_PASSED, "the IOMMU is on (%s)", names);
	return true;
}

/* The kernel puts "IR-" before the names of interrupt controllers whose interrupts are remapped. */
static void check_remapping(struct lend_check *check)
{
	char *interrupts = sysfs_load(context_proc(check->context), "interrupts", NULL);
	bool remapped = interrupts && strstr(interrupts, " IR-");
	char dir[PATH_MAX], allowed[8] = "";
	struct lend_check_row *row;

	free(interrupts);
	if (remapped) {
		check_row(check, "interrupt-remapping", NULL, LEND_PASSED, "interrupts are remapped");
		return;
	}
	if (!sysfs_path(dir, "%s/module/vfio_iommu_type1/parameters", context_sysfs(check->context)) &&
	    sysfs_read(dir, "allow_unsafe_interrupts", allowed, sizeof(allowed)) > 0 && allowed[0] == 'Y') {
		check_row(
			check, "interrupt-remapping", NULL, LEND_NOTE,
			"interrupts are not remapped, which was allowed: a guest can raise any interrupt of "
			"the host");
		return;
	}
	row = check_row(check, "interrupt-remapping", NULL, LEND_FAILED,
			"interrupts are not remapped: a guest could raise any interrupt of the host");
	CHECK_CURE(row, command, "modprobe -q vfio_iommu_type1; echo Y > %.120s/allow_unsafe_interrupts",
		   dir);
	CHECK_CURE(row, advice,
		   "better than allowing it: switch on interrupt remapping (and x2APIC) in the firmware; the "
		   "command is for guests that you trust");
}

static void check_vfio(struct lend_check *check)
{
	struct lend_check_row *row;

	if (is_there(context_sysfs(check->context), "bus/pci/drivers/vfio-pci")) {
		check_row(check, "vfio-pci", NULL, LEND_PASSED, "the driver vfio-pci is there");
		return;
	}
	row = check_row(check, "vfio-pci", NULL, LEND_FAILED, "the driver vfio-pci is not loaded");
	CHECK_CURE(row, command, "modprobe vfio-pci");
	CHECK_CURE(row, advice, "if there is no such module, the kernel was built without CONFIG_VFIO_PCI");
}

static void check_kvm(struct lend_check *check)
{
	struct lend_check_row *row;
	char *cpu;

	if (is_there(context_dev(check->context), "kvm")) {
		check_row(check, "kvm", NULL, LEND_PASSED, "KVM is there");
		return;
	}
	cpu = sysfs_load(context_proc(check->context), "cpuinfo", NULL);
	row = check_row(check, "kvm", NULL, LEND_FAILED, "KVM is not there: /dev/kvm is missing");
	CHECK_CURE(row, command, "modprobe %s", cpu && strstr(cpu, "GenuineIntel") ? "kvm-intel" : "kvm-amd");
	CHECK_CURE(row, advice,
		   "if that fails, switch on VT-x (Intel) or SVM (AMD) in the firmware's set-up");
	free(cpu);
}

void check_computer(struct lend_check *check)
{
	if (check_iommu(check))
		check_remapping(check);
	check_vfio(check);
	check_kvm(check);
}
