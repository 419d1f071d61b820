/* SPDX-License-Identifier: MIT */
/* What this machine is, in the words of fw_cfg's files; and ACPI, which follows from what the firmware did.
 */
#include <string.h>

#include "vmm/firmware/files.h"
#include "vmm/firmware/firmware.h"
#include "vmm/x86/cpuid.h"

/*
 * Where ovmf up to 2023.02 puts ECAM. These releases take the file of windows with addresses that they
 * never set, and then place no BAR. They read the directory again for each file, after ECAM is placed:
 * so they are not shown it, and take windows of their own.
 */
#define OLD_ECAM 0xb0000000ULL

static bool is_old(uint64_t ecam)
{
	return ecam == OLD_ECAM;
}

void firmware_ecam_moved(struct vmm *vmm, uint64_t base)
{
	if (base)
		fw_cfg_hide(&vmm->firmware->fw_cfg, FILES_WINDOWS, is_old(base));
}

/* The function's number in its slot. */
static unsigned number_of(const struct pci_slot *slot, const struct lend_function *function)
{
	for (unsigned f = 0; f < PCI_FUNCTIONS; f++)
		if (slot->functions[f] == function)
			return f;
	return 0;
}

static void list_boot(const struct vmm *vmm, struct fw_boot *out)
{
	for (unsigned i = 0; i < vmm->assigned_count; i++) {
		const struct assigned *assigned = vmm->assigned[i];
		const struct pci_slot *slot = &vmm->topology.slots[assigned->slot];

		out[i] = (struct fw_boot){
			.index = vmm->config.devices[i].boot_index,
			.slot = assigned->slot,
			.behind_port = slot->kind == SLOT_PORT,
			.function = number_of(slot, assigned->function),
		};
	}
}

/* For fw_cfg, when the firmware asks for the script of the tables: ECAM and BARs are placed. */
static void make(void *opaque)
{
	struct vmm *vmm = opaque;
	struct firmware *firmware = vmm->firmware;
	struct layout layout = vmm->layout;
	struct acpi_ecam ecam = {.buses = 1};
	uint64_t length;
	int ret;

	if (chipset_ecam(&firmware->chipset, &ecam.base, &length))
		ecam.buses = (unsigned)(length >> 20);
	if (is_old(ecam.base))
		files_old_windows(&layout, cpuid_physical_bits(vmm->cpuid), cpuid_gib_pages(vmm->cpuid));
	ret = files_acpi(&firmware->fw_cfg, &layout, vmm->config.cpus, &ecam);
	if (ret && vmm_may_log(vmm))
		vmm_log(vmm, LEND_LOG_WARNING, "the firmware gets no ACPI tables: %s", strerror(-ret));
}

int firmware_describe(struct vmm *vmm, struct lend_error *error)
{
	struct firmware *firmware = vmm->firmware;
	struct fw_boot boot[VMM_DEVICES_MAX];
	struct fw_facts facts = {
		.layout = &vmm->layout,
		.cpus = vmm->config.cpus,
		.uuid = vmm->config.uuid,
		.boot = boot,
		.boot_count = vmm->assigned_count,
	};

	if (!firmware)
		return 0;
	list_boot(vmm, boot);
	facts.boot_menu = firmware->config.boot_menu;
	facts.files = firmware->config.files;
	facts.file_count = firmware->config.file_count;
	firmware->fw_cfg.make = make;
	return files_add(&firmware->fw_cfg, &facts, error);
}
