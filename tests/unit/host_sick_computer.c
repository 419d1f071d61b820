/* SPDX-License-Identifier: MIT */
/* Computers whose IOMMU, interrupts, drivers or KVM are not as they have to be. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/host_cures.h"

static void put(struct person *person, const char *path, const char *text)
{
	tree_put(person->tree, path, text);
}

static void has_table(struct person *person, const char *table, const char *arguments)
{
	char path[64];

	snprintf(path, sizeof(path), "sys/firmware/acpi/tables/%s", table);
	put(person, path, "");
	put(person, "proc/cmdline", arguments);
}

static void intel(struct person *person)
{
	has_table(person, "DMAR", "quiet\n");
}
static void intel_off(struct person *person)
{
	has_table(person, "DMAR", "intel_iommu=off,strict quiet\n");
}
static void intel_on_off(struct person *person)
{
	has_table(person, "DMAR", "intel_iommu=on intel_iommu=off\n");
}
static void intel_off_on(struct person *person)
{
	has_table(person, "DMAR", "intel_iommu=off intel_iommu=on,sm_on\n");
}
static void intel_all_off(struct person *person)
{
	has_table(person, "DMAR", "iommu=off intel_iommu=on\n");
}
static void amd(struct person *person)
{
	has_table(person, "IVRS", "quiet\n");
}
static void amd_asked(struct person *person)
{
	has_table(person, "IVRS", "amd_iommu=on iommu=pt\n");
}
static void amd_off(struct person *person)
{
	has_table(person, "IVRS", "amd_iommu=off\n");
}
static void amd_all_off(struct person *person)
{
	has_table(person, "IVRS", "iommu=pt,off\n");
}
static void arm(struct person *person)
{
	has_table(person, "IORT", "quiet\n");
}
static void virtual(struct person *person)
{
	has_table(person, "VIOT", "quiet\n");
}
static void no_acpi(struct person *person)
{
	put(person, "proc/cmdline", "acpi=off\n");
}
static void xen(struct person *person)
{
	put(person, "sys/hypervisor/type", "xen\n");
}

static void guest(struct person *person)
{
	put(person, "proc/cpuinfo", "vendor_id\t: GenuineIntel\nflags\t\t: fpu vmx hypervisor\n");
}

static void unmapped(struct person *person, const char *arguments)
{
	put(person, "proc/interrupts", "  0:  42  IO-APIC   2-edge      timer\n");
	put(person, "proc/cmdline", arguments);
}

static void no_remapping(struct person *person)
{
	unmapped(person, "quiet\n");
	tree_remove(person->tree, "sys/module/vfio_iommu_type1");
}

static void remapping_refused(struct person *person)
{
	unmapped(person, "quiet\n");
	put(person, "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "N\n");
}

static void iommufd_alone(struct person *person)
{
	unmapped(person, "quiet\n");
	tree_remove(person->tree, "sys/module/vfio_iommu_type1");
	put(person, "sys/module/iommufd/parameters/allow_unsafe_interrupts", "N\n");
}

static void remapping_off(struct person *person)
{
	unmapped(person, "intremap=nosid,off\n");
}
static void no_intremap(struct person *person)
{
	unmapped(person, "nointremap\n");
}
static void no_x2apic(struct person *person)
{
	unmapped(person, "nox2apic\n");
}
static void no_apic(struct person *person)
{
	unmapped(person, "noapic\n");
}
static void remapping_on_again(struct person *person)
{
	unmapped(person, "intremap=off intremap=on\n");
}

static void no_modules(struct person *person)
{
	tree_remove(person->tree, "sys/bus/pci/drivers/vfio-pci");
	tree_remove(person->tree, "sys/module/vfio_pci");
	tree_remove(person->tree, "dev/kvm");
	tree_remove(person->tree, "sys/module/kvm_amd");
}

static void no_kvm(struct person *person, const char *cpu)
{
	tree_remove(person->tree, "dev/kvm");
	tree_remove(person->tree, "sys/class/misc/kvm");
	put(person, "proc/cpuinfo", cpu);
}

static void kvm_loaded(struct person *person)
{
	no_kvm(person, "vendor_id\t: AuthenticAMD\nflags\t\t: fpu svm\n");
	tree_folder(person->tree, "sys/module/kvm_amd");
}

static void kvm_without_node(struct person *person)
{
	kvm_loaded(person);
	put(person, "sys/class/misc/kvm/dev", "10:232\n");
}

static void kvm_hidden(struct person *person)
{
	no_kvm(person, "vendor_id\t: GenuineIntel\nflags\t\t: fpu sse\n");
}
static void kvm_nested(struct person *person)
{
	no_kvm(person, "vendor_id\t: GenuineIntel\nflags\t\t: fpu hypervisor\n");
}
static void kvm_arm(struct person *person)
{
	no_kvm(person, "CPU implementer\t: 0x41\nFeatures\t: fp\n");
}

static void old_kernel(struct person *person)
{
	put(person, "proc/sys/kernel/osrelease", "5.4.1\n");
	put(person, "proc/version", "");
}

const struct sick_host sick_computers[] = {
	{"no-iommu", {"01:00.0"}, intel, "intel_iommu=on", "the firmware describes it (DMAR)", {0}},
	{"no-iommu",
	 {"01:00.0"},
	 intel_off,
	 "take intel_iommu=off,strict away",
	 "the firmware describes it (DMAR)",
	 {0}},
	{"no-iommu",
	 {"01:00.0"},
	 intel_on_off,
	 "take intel_iommu=off away",
	 "the firmware describes it (DMAR)",
	 {0}},
	{"no-iommu", {"01:00.0"}, intel_off_on, "grep -i DMAR", "the firmware describes it (DMAR)", {0}},
	{"no-iommu",
	 {"01:00.0"},
	 intel_all_off,
	 "take iommu=off away",
	 "the firmware describes it (DMAR)",
	 {0}},
	{"no-iommu", {"01:00.0"}, amd, "grep -i AMD-Vi", "the firmware describes it (IVRS)", {0}},
	{"no-iommu", {"01:00.0"}, amd_asked, "grep -i AMD-Vi", "the firmware describes it (IVRS)", {0}},
	{"no-iommu",
	 {"01:00.0"},
	 amd_off,
	 "take amd_iommu=off away",
	 "the firmware describes it (IVRS)",
	 {0}},
	{"no-iommu",
	 {"01:00.0"},
	 amd_all_off,
	 "take iommu=pt,off away",
	 "the firmware describes it (IVRS)",
	 {0}},
	{"no-iommu", {"01:00.0"}, arm, NULL, "the firmware describes it (IORT)", {0}},
	{"no-iommu", {"01:00.0"}, virtual, NULL, "the firmware describes it (VIOT)", {0}},
	{"no-iommu", {"01:00.0"}, no_acpi, "take acpi=off away", "switch on VT-d", {0}},
	{"no-iommu", {"01:00.0"}, xen, NULL, "Xen keeps", {0}},
	{"no-iommu", {"01:00.0"}, guest, NULL, "this computer is a virtual machine", {0}},
	{"plain", {"01:00.0"}, no_remapping, "modprobe vfio_iommu_type1 && echo Y", NULL, {0}},
	{"plain", {"01:00.0"}, remapping_refused, "echo Y", NULL, {0}},
	{"plain", {"01:00.0"}, iommufd_alone, "/module/iommufd/", NULL, {0}},
	{"plain", {"01:00.0"}, remapping_off, "take intremap=nosid,off away", NULL, {0}},
	{"plain", {"01:00.0"}, no_intremap, "take nointremap away", NULL, {0}},
	{"plain", {"01:00.0"}, no_x2apic, "take nox2apic away", NULL, {0}},
	{"plain", {"01:00.0"}, no_apic, "take noapic away", NULL, {0}},
	{"plain", {"01:00.0"}, remapping_on_again, "DMAR-IR", NULL, {0}},
	{"plain", {"01:00.0"}, no_modules, "modprobe vfio-pci", NULL, {0}},
	{"plain", {"01:00.0"}, kvm_loaded, NULL, "the module kvm-amd is loaded", {0}},
	{"plain", {"01:00.0"}, kvm_without_node, "mknod", NULL, {0}},
	{"plain", {"01:00.0"}, kvm_hidden, NULL, "switch on VT-x", {0}},
	{"plain", {"01:00.0"}, kvm_nested, NULL, "this computer is a virtual machine", {0}},
	{"plain", {"01:00.0"}, kvm_arm, NULL, "lend run needs an x86", {0}},
	{"plain", {"01:00.0"}, old_kernel, NULL, "update the kernel", {0}},
	{0},
};
