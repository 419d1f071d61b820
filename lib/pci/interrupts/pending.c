/* SPDX-License-Identifier: MIT */
/*
 * Pending bits: interrupts that came while their vector was masked. While a bit
 * is set, the pages of the PBA are withheld from the direct areas of their BAR,
 * so that the guest's reads trap and find it (spec 4.4). At other times they are
 * direct, because some devices have often used registers beside the PBA.
 */
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "lib/le.h"
#include "lib/pci/bars/bar.h"
#include "lib/pci/config/config.h"
#include "lib/pci/interrupts/messages.h"
#include "lib/pci/ledger/bell.h"
#include "lib/pci/ledger/ledger.h"

static void set(struct lend_function *function, unsigned vector)
{
	uint8_t *byte = &function->state.pending[vector / 8];
	uint8_t bit = (uint8_t)(1u << vector % 8);

	function->messages.pending += !(*byte & bit);
	*byte |= bit;
}

bool pending_clear(struct lend_function *function, unsigned vector)
{
	uint8_t *byte = &function->state.pending[vector / 8];
	uint8_t bit = (uint8_t)(1u << vector % 8);

	if (!(*byte & bit))
		return false;
	function->messages.pending--;
	*byte &= (uint8_t)~bit;
	return true;
}

void pending_collect(struct lend_function *function, unsigned first, unsigned last)
{
	for (unsigned i = first; i <= last && i < function->messages.count; i++) {
		struct vector *vector = &function->messages.vectors[i];
		uint64_t count;

		if (vector->fd < 0 || vector_attached(function, vector))
			continue;
		count = bell_take(function, BELL_VECTOR + i, vector->fd);
		if (!count)
			continue;
		if (function->mode != MODE_MSI && function->mode != MODE_MSIX)
			continue;
		__atomic_fetch_add(&function->counters.slow_interrupts, count, __ATOMIC_RELAXED);
		vector->slow += count;
		set(function, i);
	}
}

void pending_forget(struct lend_function *function)
{
	if (function->messages.count)
		pending_collect(function, 0, function->messages.count - 1);
	memset(function->state.pending, 0, sizeof(function->state.pending));
	function->messages.pending = 0;
	pending_show(function);
}

/* MSI has one register of 32 pending bits. */
static void show_msi(struct lend_function *function)
{
	const struct msi *msi = &function->msi;
	unsigned at = msi->cap + (msi->is_64 ? PCI_MSI_PENDING_64 : PCI_MSI_PENDING_32);

	if (msi->cap && msi->has_mask)
		config_store(function, at, 4,
			     function->mode == MODE_MSI ? (uint32_t)le_load(function->state.pending, 4) : 0);
}

static void show_pba(struct lend_function *function)
{
	const struct msix *msix = &function->msix;
	bool hide = function->mode == MODE_MSIX && function->messages.pending;
	int ret;

	if (!(function->withheld & WITHHELD_PBA) == !hide)
		return;
	function->withheld ^= WITHHELD_PBA;
	ret = bar_refresh(function, msix->pba_bar);
	if (ret < 0)
		function_log(function, LEND_LOG_WARNING, "cannot %s the pending bits in BAR %u: %s",
			     hide ? "trap" : "map", msix->pba_bar, strerror(-ret));
}

void pending_show(struct lend_function *function)
{
	show_msi(function);
	show_pba(function);
}
