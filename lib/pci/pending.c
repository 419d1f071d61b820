/* SPDX-License-Identifier: MIT */
/*
 * Pending bits: interrupts that came while their vector was masked. While one
 * is set, the pages of the PBA are not among the direct areas of their BAR, so
 * that the guest's reads trap and see it (spec 4.4); at other times they are,
 * for some devices have hot registers beside it.
 */
#include <string.h>
#include <unistd.h>

#include "lib/pci/bar.h"
#include "lib/pci/msix.h"

static void set(struct lend_function *function, unsigned vector)
{
	uint8_t *byte = &function->state.pending[vector / 8];
	uint8_t bit = (uint8_t)(1u << vector % 8);

	function->msix.pending += !(*byte & bit);
	*byte |= bit;
}

bool pending_clear(struct lend_function *function, unsigned vector)
{
	uint8_t *byte = &function->state.pending[vector / 8];
	uint8_t bit = (uint8_t)(1u << vector % 8);

	if (!(*byte & bit))
		return false;
	function->msix.pending--;
	*byte &= (uint8_t)~bit;
	return true;
}

void pending_collect(struct lend_function *function, unsigned first, unsigned last)
{
	for (unsigned i = first; i <= last && i < function->msix.count; i++) {
		const struct vector *vector = &function->msix.vectors[i];
		uint64_t count;

		if (vector->fd < 0 || vector->attached || read(vector->fd, &count, sizeof(count)) < 0)
			continue;
		if (!function->msix.on)
			continue;
		__atomic_fetch_add(&function->counters.slow_interrupts, count, __ATOMIC_RELAXED);
		set(function, i);
	}
}

void pending_forget(struct lend_function *function)
{
	pending_collect(function, 0, function->msix.count - 1);
	memset(function->state.pending, 0, sizeof(function->state.pending));
	function->msix.pending = 0;
	pending_show(function);
}

void pending_show(struct lend_function *function)
{
	struct msix *msix = &function->msix;
	int ret;

	if (msix->pba_hidden == (msix->pending != 0))
		return;
	msix->pba_hidden = msix->pending != 0;
	ret = bar_refresh(function, msix->pba_bar);
	if (ret < 0)
		function_log(function, LEND_LOG_WARNING, "cannot %s the pending bits in BAR %u: %s",
			     msix->pba_hidden ? "trap" : "map", msix->pba_bar, strerror(-ret));
}
