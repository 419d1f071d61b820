/* SPDX-License-Identifier: MIT */
/*
 * Where the monitor has the BARs. `placed` and `address` say what the monitor
 * was last told with success, not what the guest wants: bars_quiet() and
 * bars_live() close the gap between the two.
 *
 * The parts of a BAR that are mapped are also ranges of the space, so that other
 * devices reach them (peer-to-peer): put there after the BAR is placed, taken
 * out before it goes.
 */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lib/pci/bars/bar.h"
#include "lib/pci/config/config.h"
#include "lib/pci/rules/quirk.h"

static void set_placed(struct bar *bar, bool placed)
{
	__atomic_store_n(&bar->placed, placed, __ATOMIC_RELEASE);
}

static void peers_add(struct lend_function *function, struct bar *bar)
{
	if (bar->hidden)
		return; /* somebody else is at these addresses, for devices as for the guest */
	if (bar->sub_page)
		return; /* an IOMMU maps whole pages, and the rest of this one is not the BAR's */
	for (unsigned i = 0; i < bar->area_count; i++) {
		struct lend_range range = {
			.iova = bar->address + bar->areas[i].offset,
			.length = bar->areas[i].length,
			.va = bar->va + bar->areas[i].offset,
			.fd = bar->files[i],
			.kind = LEND_RANGE_BAR,
		};
		int ret = lend_space_map(function->device->space, &range, 1, NULL);

		if (!ret) {
			bar->peers |= UINT32_C(1) << i;
			count_one(function->counters.peer_maps);
		} else {
			function_log(function, LEND_LOG_WARNING,
				     "its BAR at 0x%llx cannot be reached by other devices: %s",
				     (unsigned long long)range.iova, strerror(-ret));
		}
	}
}

static void peers_remove(struct lend_function *function, struct bar *bar)
{
	for (unsigned i = 0; i < bar->area_count; i++)
		if (bar->peers & UINT32_C(1) << i)
			lend_space_unmap(function->device->space, bar->address + bar->areas[i].offset,
					 bar->areas[i].length);
	bar->peers = 0;
}

/* The PBA's pages are left out while they show other bits than the device's (msix_table.c). */
size_t bar_direct(const struct lend_function *function, unsigned index, lend_gpa_t address,
		  struct lend_bar_direct *out)
{
	const struct bar *bar = &function->bars[index];
	const struct msix *msix = &function->msix;
	struct lend_area areas[AREAS_ROOM];
	unsigned count = bar->area_count;

	if (function->intx.trapped)
		return 0;
	/* Its page is the guest's page only where both begin at the same place (spec 3.4). */
	if (bar->sub_page && address & (function->page - 1))
		return 0;
	memcpy(areas, bar->areas, sizeof(areas));
	if (msix->pba_hidden && msix->pba_bar == index) {
		uint64_t page = function->page;

		count = areas_cut(areas, count, msix->pba & ~(page - 1),
				  (msix->pba + msix->pba_length + page - 1) & ~(page - 1));
	}
	for (unsigned i = 0; i < count; i++)
		out[i] = (struct lend_bar_direct){.offset = areas[i].offset,
						  .length = areas[i].length,
						  .va = bar->va + areas[i].offset,
						  .shares_page = bar->sub_page};
	return count;
}

static int tell_map(struct lend_function *function, unsigned index, lend_gpa_t address)
{
	const struct bar *bar = &function->bars[index];
	struct lend_bar_direct direct[AREAS_ROOM];
	struct lend_bar_map map = {
		.struct_size = sizeof(map),
		.bar = index,
		.io = bar->guest.io,
		.address = address,
		.size = bar->guest.size,
		.direct_count = bar_direct(function, index, address, direct),
		.direct = direct,
	};

	return function->ops->bar_map(function->host, function->peer, &map);
}

/* Takes the BARs of the set `out` away; those that the monitor keeps stay placed, and it is an error. */
static int unplace(struct lend_function *function, unsigned out)
{
	unsigned gone = 0;
	int ret = 0, one;

	if (!out)
		return 0;
	quirks_bars_move(function, out);
	for (unsigned i = 0; i < PLACES; i++)
		if (out & 1u << i)
			peers_remove(function, &function->bars[i]);
	function->ops->bar_begin(function->host, function->peer);
	for (unsigned i = 0; i < PLACES; i++) {
		one = out & 1u << i ? function->ops->bar_unmap(function->host, function->peer, i) : 0;
		if (one < 0)
			ret = one;
		else
			gone |= out & 1u << i;
	}
	one = function->ops->bar_commit(function->host, function->peer);
	if (one < 0) {
		ret = one;
		gone = 0;
	}
	for (unsigned i = 0; i < PLACES; i++) {
		struct bar *bar = &function->bars[i];

		if (gone & 1u << i)
			set_placed(bar, false);
		else if (out & 1u << i)
			peers_add(function, bar);
	}
	if (ret < 0)
		function_log(function, LEND_LOG_ERROR, "the machine cannot take its BARs away: %s",
			     strerror(-ret));
	return ret;
}

int bars_quiet(struct lend_function *function)
{
	unsigned out = 0;
	int ret = vga_quiet(function);

	for (unsigned i = 0; i < PLACES && !ret; i++) {
		lend_gpa_t address;

		if (function->bars[i].placed && !bar_wanted(function, i, &address))
			out |= 1u << i;
	}
	return ret ? ret : unplace(function, out);
}

/* One move of all of `in` to the addresses `to`; what the monitor refuses at once is not in the set any more.
 */
static int place(struct lend_function *function, unsigned *in, const lend_gpa_t *to)
{
	function->ops->bar_begin(function->host, function->peer);
	for (unsigned i = 0; i < PLACES; i++) {
		int ret = *in & 1u << i ? tell_map(function, i, to[i]) : 0;

		if (ret >= 0)
			continue;
		function_log(function, LEND_LOG_WARNING, "the machine cannot place BAR %u at 0x%llx: %s", i,
			     (unsigned long long)to[i], strerror(-ret));
		*in &= ~(1u << i);
	}
	return function->ops->bar_commit(function->host, function->peer);
}

void bars_live(struct lend_function *function)
{
	lend_gpa_t to[PLACES] = {0};
	unsigned in = 0, stale, wanted;
	int ret;

	vga_live(function);
	for (unsigned i = 0; i < PLACES; i++) {
		struct bar *bar = &function->bars[i];

		if (bar_wanted(function, i, &to[i]) && !(bar->placed && bar->address == to[i]))
			in |= 1u << i;
	}
	if (!in)
		return;
	for (unsigned i = 0; i < PLACES; i++)
		if (in & 1u << i && function->bars[i].placed)
			peers_remove(function, &function->bars[i]);
	quirks_bars_move(function, in);
	wanted = in;
	ret = place(function, &in, to);
	if (ret < 0) {
		function_log(function, LEND_LOG_WARNING, "the machine cannot place its BARs: %s",
			     strerror(-ret));
		in = 0;
	}
	for (unsigned i = 0; i < PLACES; i++) {
		struct bar *bar = &function->bars[i];

		if (!(in & 1u << i))
			continue;
		bar->address = to[i];
		bar->hidden = ret & 1 << i;
		set_placed(bar, true);
		peers_add(function, bar);
	}
	/* What did not move is still where it was: take it away, for the guest is not to see it there. */
	stale = 0;
	for (unsigned i = 0; i < PLACES; i++)
		if (wanted & ~in & 1u << i && function->bars[i].placed)
			stale |= 1u << i;
	unplace(function, stale);
}

int bars_remove(struct lend_function *function)
{
	unsigned out = 0;
	int count = 0;

	vga_remove(function);
	for (unsigned i = 0; i < PLACES; i++)
		out |= function->bars[i].placed ? 1u << i : 0;
	if (unplace(function, out) < 0) /* as many as will go */
		for (unsigned i = 0; i < PLACES; i++)
			if (function->bars[i].placed)
				unplace(function, out & 1u << i);
	for (unsigned i = 0; i < PLACES; i++)
		count += (out & 1u << i) && !function->bars[i].placed;
	return count;
}

int bar_refresh(struct lend_function *function, unsigned index)
{
	const struct bar *bar = &function->bars[index];
	int ret, one;

	if (!bar->placed || !bar->area_count)
		return 0;
	function->ops->bar_begin(function->host, function->peer);
	ret = tell_map(function, index, bar->address);
	one = function->ops->bar_commit(function->host, function->peer);
	return ret < 0 ? ret : one < 0 ? one : 0;
}
