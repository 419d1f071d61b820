/* SPDX-License-Identifier: MIT */
/*
 * The MSI-X capability. All of it is virtual. VFIO sets the device's enable bit
 * when it is given vectors, and clears it when they are taken away: a write of
 * the guest's must not reach that bit.
 */
#include <errno.h>
#include <stdio.h>

#include <linux/pci_regs.h>

#include "lib/error.h"
#include "lib/sized.h"
#include "lib/pci/config/config.h"
#include "lib/pci/interrupts/mode.h"
#include "lib/pci/interrupts/msix.h"
#include "lib/pci/ledger/ledger.h"
#include "lib/pci/rules/quirk.h"

/* The memory of a BAR; I/O ports are none. */
static uint64_t bar_size(const struct lend_function *function, unsigned bar)
{
	const struct lend_bar *guest = &function->bars[bar].guest;

	return guest->io ? 0 : guest->size;
}

/* What is wrong with the place of what does not fit into a BAR, as a sentence's end. */
static const char *where(const struct lend_function *function, unsigned bar)
{
	if (bar >= LEND_DEVICE_BARS || !function->bars[bar].guest.size)
		return "is in no BAR";
	return function->bars[bar].guest.io ? "is among its I/O ports" : "is outside of it";
}

static bool fits(uint64_t offset, uint64_t length, uint64_t size)
{
	return offset <= size && length <= size - offset;
}

/* What is wrong with the places of table and PBA. */
struct fault {
	char text[96]; /* part of a sentence; empty: nothing is wrong */
	bool table;    /* the table's place is wrong: the host's kernel does not find it either */
};

static struct fault find_fault(const struct lend_function *function)
{
	const struct msix *msix = &function->msix;
	struct fault fault = {{0}, false};

	if (msix->table_bar >= LEND_DEVICE_BARS ||
	    !fits(msix->table, msix->table_length, bar_size(function, msix->table_bar))) {
		fault.table = true;
		snprintf(fault.text, sizeof(fault.text), "its table, %llu bytes at 0x%llx of BAR %u, %s",
			 (unsigned long long)msix->table_length, (unsigned long long)msix->table,
			 msix->table_bar, where(function, msix->table_bar));
	} else if (msix->pba_bar >= LEND_DEVICE_BARS ||
		   !fits(msix->pba, msix->pba_length, bar_size(function, msix->pba_bar))) {
		snprintf(fault.text, sizeof(fault.text), "its PBA, %llu bytes at 0x%llx of BAR %u, %s",
			 (unsigned long long)msix->pba_length, (unsigned long long)msix->pba, msix->pba_bar,
			 where(function, msix->pba_bar));
	} else if (msix_overlaps(msix)) {
		snprintf(fault.text, sizeof(fault.text), "its table and PBA overlap in BAR %u",
			 msix->table_bar);
	}
	return fault;
}

/* One line a device: a monitor that looks for a place may make the function twice. */
static void say(struct lend_function *function, const struct fault *fault, const char *what)
{
	if (!function->device->msix_said)
		function_log(function, LEND_LOG_WARNING, "MSI-X: %s; %s", fault->text, what);
	function->device->msix_said = true;
}

/*
 * The host's kernel uses the table where the device says that it is, and never
 * the PBA. So if the table's place is good, the guest finds both in a free BAR,
 * as with x-msix-relocation. If it is not, no vector would ever come: MSI-X is
 * hidden, and the guest uses its other interrupts.
 */
static int mend(struct lend_function *function, const struct fault *fault, struct lend_error *error)
{
	struct msix *msix = &function->msix;
	unsigned bar = fault->table ? LEND_DEVICE_BARS : msix_free_bar(function);
	char text[64];

	if (bar < LEND_DEVICE_BARS) {
		msix->to = LEND_MSIX_TO_BAR + bar;
		snprintf(text, sizeof(text), "the guest finds them in BAR %u", bar);
		say(function, fault, text);
		return msix_move(function, error);
	}
	if (function->intx.pin ||
	    (function->device->info.vectors[LEND_IRQ_MSI] && !rules_deny_cap(function, PCI_CAP_ID_MSI))) {
		say(function, fault, "the guest gets its other interrupts");
		return CAP_HIDE;
	}
	return error_say(error, -EPROTO, "%s: MSI-X: %s, and it has no other interrupts; %s", function->name,
			 fault->text,
			 fault->table ? "the host cannot use it either"
				      : "give them a BAR that can grow, as x-msix-relocation=bar0");
}

static void set_registers(struct lend_function *function, unsigned cap, uint32_t flags)
{
	const struct msix *msix = &function->msix;

	flags &= ~(uint32_t)(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	config_set_virtual(function, cap + PCI_MSIX_FLAGS, 2, flags);
	config_set_writable(function, cap + PCI_MSIX_FLAGS, 2,
			    PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	config_set_virtual(function, cap + PCI_MSIX_TABLE, 4, (uint32_t)msix->table | msix->table_bar);
	config_set_virtual(function, cap + PCI_MSIX_PBA, 4, (uint32_t)msix->pba | msix->pba_bar);
	config_set_virtual(function, cap, 1, PCI_CAP_ID_MSIX);
	config_set_hook(function, cap + PCI_MSIX_FLAGS, 2, HOOK_MSIX);
}

int msix_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error)
{
	uint32_t flags = config_hw(function, cap->offset + PCI_MSIX_FLAGS, 2);
	uint32_t table = config_hw(function, cap->offset + PCI_MSIX_TABLE, 4);
	uint32_t pba = config_hw(function, cap->offset + PCI_MSIX_PBA, 4);
	struct msix *msix = &function->msix;
	struct fault fault;
	int ret;

	if (!function->device->info.vectors[LEND_IRQ_MSIX])
		return CAP_HIDE; /* VFIO offers no vector */
	msix->count = (flags & PCI_MSIX_FLAGS_QSIZE) + 1;
	msix->table_bar = table & PCI_MSIX_TABLE_BIR;
	msix->table = table & PCI_MSIX_TABLE_OFFSET;
	msix->table_length = (uint64_t)msix->count * TABLE_ENTRY;
	msix->pba_bar = pba & PCI_MSIX_PBA_BIR;
	msix->pba = pba & PCI_MSIX_PBA_OFFSET;
	msix->pba_length = (msix->count + 63) / 64 * 8;
	if (msix->pba_bar < LEND_DEVICE_BARS && msix->pba >= bar_size(function, msix->pba_bar))
		msix->pba = quirk_pba(function, msix->pba);
	fault = find_fault(function);
	/* The user may choose where the guest finds the table, but not where the host does. */
	if (msix->to && !fault.table)
		ret = msix_move(function, error);
	else
		ret = fault.text[0] ? mend(function, &fault, error) : 0;
	if (ret)
		return ret;
	msix->cap = cap->offset;
	set_registers(function, cap->offset, flags);
	return 0;
}

static uint32_t control(const struct lend_function *function)
{
	return function->msix.cap ? config_state(function, function->msix.cap + PCI_MSIX_FLAGS, 2) : 0;
}

bool lend_function_postable(const struct lend_function *function, struct lend_bar_part *out, size_t size)
{
	const uint32_t all_masked = PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL;
	const struct msix *msix = &function->msix;
	const struct lend_bar_part part = {
		.bar = msix->table_bar, .offset = msix->table, .length = msix->table_length};

	if (life_of(function) != LIFE_ON || (control(function) & all_masked) != all_masked ||
	    !is_out(function, OUT_BAR, part.bar))
		return false;
	sized_give(out, size, &part, sizeof(part));
	return true;
}

int msix_disable(struct lend_function *function)
{
	if (function->mode == MODE_MSIX && !(control(function) & PCI_MSIX_FLAGS_ENABLE))
		mode_enter(function, MODE_INTX);
	return 0;
}

void msix_enable(struct lend_function *function)
{
	struct messages *messages = &function->messages;
	bool any = false;

	if (!(control(function) & PCI_MSIX_FLAGS_ENABLE))
		return;
	if (function->mode != MODE_MSIX) {
		mode_enter(function, MODE_MSIX);
		if (function->mode != MODE_MSIX)
			return;
		for (unsigned i = 0; i < messages->count && !any; i++)
			any = !message_masked(function, i);
		/* Linux enables MSI-X with all vectors masked. The device must see it on all the same
		 * (spec 4.6). */
		if (!any || !function->device->info.msix_noresize)
			trigger_start(function);
	}
	vectors_sync(function, 0, messages->count - 1);
}
