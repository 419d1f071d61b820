/* SPDX-License-Identifier: MIT */
/*
 * The MSI-X capability. It is all virtual: VFIO sets the enable bit of the
 * device itself when vectors are set, and clears it when they are taken away
 * (exam.md, cloud-hypervisor 23929f41a).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "lib/error.h"
#include "lib/pci/config/config.h"
#include "lib/pci/interrupts/mode.h"
#include "lib/pci/interrupts/msix.h"
#include "lib/pci/rules/quirk.h"

static uint64_t bar_size(const struct lend_function *function, unsigned bar)
{
	const struct lend_bar *guest = &function->bars[bar].guest;

	return guest->io ? 0 : guest->size;
}

static bool fits(uint64_t offset, uint64_t length, uint64_t size)
{
	return offset <= size && length <= size - offset;
}

static int check(const struct lend_function *function, struct lend_error *error)
{
	const struct msix *msix = &function->msix;

	if (msix->table_bar >= BAR_COUNT || msix->pba_bar >= BAR_COUNT)
		return error_say(error, -EPROTO, "%s: its MSI-X table (BAR %u) or PBA (BAR %u) is in no BAR",
				 function->name, msix->table_bar, msix->pba_bar);
	if (!fits(msix->table, msix->table_length, bar_size(function, msix->table_bar)))
		return error_say(error, -EPROTO,
				 "%s: its MSI-X table, %llu bytes at 0x%llx, is outside of BAR %u",
				 function->name, (unsigned long long)msix->table_length,
				 (unsigned long long)msix->table, msix->table_bar);
	if (!fits(msix->pba, msix->pba_length, bar_size(function, msix->pba_bar)))
		return error_say(error, -EPROTO,
				 "%s: its MSI-X PBA, %llu bytes at 0x%llx, is outside of BAR %u",
				 function->name, (unsigned long long)msix->pba_length,
				 (unsigned long long)msix->pba, msix->pba_bar);
	if (msix->table_bar == msix->pba_bar && msix->table < msix->pba + msix->pba_length &&
	    msix->pba < msix->table + msix->table_length)
		return error_say(error, -EPROTO, "%s: its MSI-X table and PBA overlap in BAR %u",
				 function->name, msix->table_bar);
	return 0;
}

int msix_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error)
{
	uint32_t flags = config_hw(function, cap->offset + PCI_MSIX_FLAGS, 2);
	uint32_t table = config_hw(function, cap->offset + PCI_MSIX_TABLE, 4);
	uint32_t pba = config_hw(function, cap->offset + PCI_MSIX_PBA, 4);
	struct msix *msix = &function->msix;
	int ret;

	if (!function->device->info.vectors[LEND_IRQ_MSIX])
		return CAP_HIDE; /* VFIO cannot deliver any */
	msix->count = (flags & PCI_MSIX_FLAGS_QSIZE) + 1;
	msix->table_bar = table & PCI_MSIX_TABLE_BIR;
	msix->table = table & PCI_MSIX_TABLE_OFFSET;
	msix->table_length = (uint64_t)msix->count * TABLE_ENTRY;
	msix->pba_bar = pba & PCI_MSIX_PBA_BIR;
	msix->pba = pba & PCI_MSIX_PBA_OFFSET;
	msix->pba_length = (msix->count + 63) / 64 * 8;
	if (msix->pba_bar < BAR_COUNT && msix->pba >= bar_size(function, msix->pba_bar))
		msix->pba = quirk_pba(function, msix->pba);
	/* A place of its own heals a PBA that is in no BAR. */
	ret = msix->to ? msix_move(function, error) : 0;
	if (!ret)
		ret = check(function, error);
	if (ret < 0)
		return ret;
	table = (uint32_t)msix->table | msix->table_bar;
	pba = (uint32_t)msix->pba | msix->pba_bar;
	msix->cap = cap->offset;
	flags &= ~(uint32_t)(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	config_set_virtual(function, cap->offset + PCI_MSIX_FLAGS, 2, flags);
	config_set_writable(function, cap->offset + PCI_MSIX_FLAGS, 2,
			    PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	config_set_virtual(function, cap->offset + PCI_MSIX_TABLE, 4, table);
	config_set_virtual(function, cap->offset + PCI_MSIX_PBA, 4, (uint32_t)msix->pba | msix->pba_bar);
	config_set_virtual(function, cap->offset, 1, PCI_CAP_ID_MSIX);
	config_set_hook(function, cap->offset + PCI_MSIX_FLAGS, 2, HOOK_MSIX);
	return 0;
}

static uint32_t control(const struct lend_function *function)
{
	return function->msix.cap ? config_state(function, function->msix.cap + PCI_MSIX_FLAGS, 2) : 0;
}

int msix_quiet(struct lend_function *function)
{
	if (function->mode == MODE_MSIX && !(control(function) & PCI_MSIX_FLAGS_ENABLE))
		mode_enter(function, MODE_INTX);
	return 0;
}

void msix_live(struct lend_function *function)
{
	struct messages *messages = &function->messages;
	bool any = false;

	if (!(control(function) & PCI_MSIX_FLAGS_ENABLE))
		return;
	if (function->mode != MODE_MSIX) {
		mode_enter(function, MODE_MSIX);
		for (unsigned i = 0; i < messages->count && !any; i++)
			any = !message_masked(function, i);
		/* Linux enables MSI-X with all masked; the device has to see it on (spec 4.6). */
		if (!any || !function->device->info.msix_noresize)
			trigger_start(function);
	}
	vectors_sync(function, 0, messages->count - 1);
}
