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

static bool check_iommu(struct lend_check *check)
{
	char path[PATH_MAX], groups[64] = "", names[64] = "";
	const char *sys = context_sysfs(check->context);

	if (!sysfs_path(path, "%s/kernel/iommu_groups", sys))
		sysfs_each(path, take_name, groups);
	if (!sysfs_path(path, "%s/class/iommu", sys))
		sysfs_each(path, take_name, names);
	if (!groups[0] || !names[0]) {
		check_explain_no_iommu(check,
				       check_row(check, "iommu", NULL, LEND_FAILED,
						 "no IOMMU is on, which would keep a guest's device from the "
						 "host's memory"));
		return false;
	}
	check_row(check, "iommu", NULL, LEND_PASSED, "the IOMMU is on (%s)", names);
	return true;
}

/*
 * The kernel puts "IR-" before the name of an interrupt controller if its interrupts
 * are remapped. Those of an interrupt translation service (arm) always are.
 */
static bool is_remapped(struct lend_check *check)
{
	char *interrupts = sysfs_load(context_proc(check->context), "interrupts", NULL);
	bool remapped = interrupts && (strstr(interrupts, " IR-") || strstr(interrupts, " ITS-"));

	free(interrupts);
	return remapped;
}

/* The module whose parameter allows it: that of containers, or of iommufd if there is no other. */
static const char *unsafe_module(struct lend_check *check)
{
	const char *sys = context_sysfs(check->context);

	return is_there(sys, "module/iommufd") && !is_there(sys, "module/vfio_iommu_type1")
		       ? "iommufd"
		       : "vfio_iommu_type1";
}

static void cure_remapping(struct lend_check *check, struct lend_check_row *row, const char *module,
			   const char *dir)
{
	static const struct cmdline_switch offs[] = {
		{"intremap", "off", "on"}, {"nointremap", NULL, NULL}, {"noapic", NULL, NULL},
		{"nolapic", NULL, NULL},   {"nox2apic", NULL, NULL},
	};
	char word[64];

	if (cmdline_off(check, offs, sizeof(offs) / sizeof(*offs), word)) {
		CHECK_CURE(row, advice,
			   "take %s away from the kernel's command line, and reboot: with it the kernel "
			   "may not remap interrupts",
			   word);
		return;
	}
	if (access(dir, F_OK))
		CHECK_CURE(row, command, "modprobe %s && echo Y > %.120s/allow_unsafe_interrupts", module,
			   dir);
	else
		CHECK_CURE(row, command, "echo Y > %.120s/allow_unsafe_interrupts", dir);
	CHECK_CURE(row, advice,
		   "better than allowing it: switch on interrupt remapping (and x2APIC) in the firmware; the "
		   "kernel's log says why it is off (dmesg: DMAR-IR, AMD-Vi). The command is for guests that "
		   "you trust");
}

static void check_remapping(struct lend_check *check)
{
	const char *module = unsafe_module(check);
	char dir[PATH_MAX], allowed[8] = "";

	if (is_remapped(check)) {
		check_row(check, "interrupt-remapping", NULL, LEND_PASSED, "interrupts are remapped");
		return;
	}
	if (sysfs_path(dir, "%s/module/%s/parameters", context_sysfs(check->context), module))
		return;
	if (sysfs_read(dir, "allow_unsafe_interrupts", allowed, sizeof(allowed)) > 0 && allowed[0] == 'Y') {
		check_row(
			check, "interrupt-remapping", NULL, LEND_NOTE,
			"interrupts are not remapped, which was allowed: a guest can raise any interrupt of "
			"the host");
		return;
	}
	cure_remapping(
		check,
		check_row(check, "interrupt-remapping", NULL, LEND_FAILED,
			  "interrupts are not remapped: a guest could raise any interrupt of the host"),
		module, dir);
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

bool check_processor_has(struct lend_check *check, const char *flag)
{
	char *text = sysfs_load(context_proc(check->context), "cpuinfo", NULL), *rest, *word;
	bool found = false;

	rest = text ? strstr(text, "\nflags") : NULL;
	if (rest)
		rest[1 + strcspn(rest + 1, "\n")] = '\0';
	while (!found && (word = strsep(&rest, " \t\n")))
		found = !strcmp(word, flag);
	free(text);
	return found;
}

/* KVM's module for the processor; NULL: it has none. */
static const char *kvm_module(struct lend_check *check)
{
	static const struct {
		const char *vendor, *module;
	} vendors[] = {
		{"GenuineIntel", "kvm-intel"}, {"CentaurHauls", "kvm-intel"}, {"Shanghai", "kvm-intel"},
		{"AuthenticAMD", "kvm-amd"},   {"HygonGenuine", "kvm-amd"},
	};
	char *cpu = sysfs_load(context_proc(check->context), "cpuinfo", NULL);
	const char *module = NULL;

	for (size_t i = 0; cpu && !module && i < sizeof(vendors) / sizeof(*vendors); i++)
		if (strstr(cpu, vendors[i].vendor))
			module = vendors[i].module;
	free(cpu);
	return module;
}

static void cure_kvm(struct lend_check *check, struct lend_check_row *row)
{
	const char *sys = context_sysfs(check->context), *module = kvm_module(check);
	bool has_flags = check_processor_has(check, "fpu");
	char dir[PATH_MAX], number[16];
	unsigned major, minor;

	if (!sysfs_path(dir, "%s/class/misc/kvm", sys) &&
	    sysfs_read(dir, "dev", number, sizeof(number)) > 0 &&
	    sscanf(number, "%u:%u", &major, &minor) == 2) {
		CHECK_CURE(row, command, "mknod %.200s/kvm c %u %u", context_dev(check->context), major,
			   minor);
		CHECK_CURE(row, advice,
			   "KVM is on, and its node alone is missing: a container has to be "
			   "given the node from outside");
	} else if (has_flags && !check_processor_has(check, "vmx") && !check_processor_has(check, "svm")) {
		if (check_processor_has(check, "hypervisor"))
			CHECK_CURE(
				row, advice,
				"this computer is a virtual machine, and has no virtualisation of its own: "
				"switch on nested virtualisation where it is run");
		else
			CHECK_CURE(
				row, advice,
				"switch on VT-x (Intel) or SVM (AMD) in the firmware's set-up: the processor "
				"does not show it");
	} else if (!module) {
		CHECK_CURE(row, advice,
			   "lend run needs an x86 processor with VT-x or SVM, and a kernel with "
			   "its KVM");
	} else if (is_there(sys, module[4] == 'i' ? "module/kvm_intel" : "module/kvm_amd")) {
		CHECK_CURE(row, advice,
			   "the module %s is loaded, and KVM did not start: switch on VT-x or SVM "
			   "in the firmware's set-up; the kernel's log says more (dmesg: kvm)",
			   module);
	} else {
		CHECK_CURE(row, command, "modprobe %s", module);
		CHECK_CURE(row, advice,
			   "if that fails, switch on VT-x (Intel) or SVM (AMD) in the firmware's set-up");
	}
}

static void check_kvm(struct lend_check *check)
{
	if (is_there(context_dev(check->context), "kvm"))
		check_row(check, "kvm", NULL, LEND_PASSED, "KVM is there");
	else
		cure_kvm(check,
			 check_row(check, "kvm", NULL, LEND_FAILED, "KVM is not there: /dev/kvm is missing"));
}

void check_computer(struct lend_check *check)
{
	if (check->options.starting) {
		/* A driver like vfio-pci does without it; and what opens a device asks for remapping. */
		check->has_iommu = check->device_count && check_iommu(check);
	} else {
		check->has_iommu = check_iommu(check);
		if (check->has_iommu)
			check_remapping(check);
		check_vfio(check);
	}
	if (!check->options.device_alone)
		check_kvm(check);
}
