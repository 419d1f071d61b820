/* SPDX-License-Identifier: MIT */
/* The functions on the buses as the guest has them now: numbers of buses and BARs are what its writes left.
 */
#include <linux/pci_regs.h>
#include <stdio.h>

#include "vmm/machine.h"

struct lister {
	const struct vmm *vmm;
	void (*row)(void *opaque, const struct vmm_pci_row *row);
	void *opaque;
};

static void list_own(const struct lister *lister, unsigned slot, const struct bridge_config *config)
{
	struct vmm_pci_row row = {.slot = (uint8_t)slot, .device = VMM_PCI_NO_DEVICE};

	for (unsigned i = 0; i < VMM_PCI_HEADER; i++)
		row.header[i] = bridge_config_read(config, 4 * i, 4);
	lister->row(lister->opaque, &row);
}

static void list_function(const struct lister *lister, unsigned bus, unsigned slot, unsigned number,
			  struct lend_function *function)
{
	struct vmm_pci_row row = {.bus = (uint8_t)bus,
				  .slot = (uint8_t)slot,
				  .function = (uint8_t)number,
				  .device = VMM_PCI_NO_DEVICE};

	for (const struct assigned *at = NULL; (at = assigned_next(lister->vmm, at));)
		if (at->function == function) {
			row.device = (uint8_t)at->index;
			snprintf(row.name, sizeof(row.name), "%s", at->name);
		}
	for (unsigned i = 0; i < VMM_PCI_HEADER; i++)
		row.header[i] = lend_function_config_read(function, 4 * i, 4);
	for (unsigned i = 0; i < VMM_PCI_BARS; i++) {
		struct lend_bar bar;

		lend_function_bar(function, i, &bar, sizeof(bar));
		row.sizes[i] = bar.size;
	}
	lister->row(lister->opaque, &row);
}

void vmm_pci(struct vmm *vmm, void (*fn)(void *opaque, const struct vmm_pci_row *row), void *opaque)
{
	const struct lister lister = {vmm, fn, opaque};

	for (unsigned i = 0; i < PCI_SLOTS; i++) {
		struct pci_slot *slot = &vmm->topology.slots[i];
		bool port = slot->kind == SLOT_PORT;
		unsigned bus = port ? bridge_config_read(&slot->config, PCI_SECONDARY_BUS, 1) : 0;

		if (slot->kind == SLOT_HOST_BRIDGE || slot->kind == SLOT_CHIP || port)
			list_own(&lister, i, &slot->config);
		for (unsigned f = 0; f < PCI_FUNCTIONS; f++)
			if (slot->functions[f])
				list_function(&lister, bus, port ? 0 : i, f, slot->functions[f]);
	}
}
