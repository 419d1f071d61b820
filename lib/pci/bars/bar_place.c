/* SPDX-License-Identifier: MIT */
/*
 * The places of BARs in the guest. The guest's registers say where a BAR is to
 * be (bar_wanted()); the ledger and bar->address say where the monitor has it.
 * bars_disable() and bars_enable() make the second follow the first.
 */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lib/pci/bars/bar.h"
#include "lib/pci/bars/rom.h"
#include "lib/pci/config/config.h"
#include "lib/pci/ledger/ledger.h"
#include "lib/pci/ledger/lock.h"

/* Left out are the PBA's pages, while the guest has to see other bits than the device's (msix_table.c). */
size_t bar_direct(const struct lend_function *function, unsigned index, lend_gpa_t address,
		  struct lend_bar_direct *out)
{
	const struct bar *bar = &function->bars[index];
	const struct msix *msix = &function->msix;
	struct lend_area areas[AREAS_ROOM];
	unsigned count = bar->area_count;

	if (index == LEND_REGION_ROM) /* reading it says nothing of the line */
		return rom_direct(function, out);
	if (function->withheld & WITHHELD_LINE)
		return 0;
	/* A BAR smaller than a page is mapped as its page, so it must begin a page of the guest (spec 3.4).
	 */
	if (bar->sub_page && address & (function->page - 1))
		return 0;
	memcpy(areas, bar->areas, sizeof(areas));
	if (function->withheld & WITHHELD_PBA && msix->pba_bar == index) {
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

	return give_bar(function, &map);
}

int bars_disable(struct lend_function *function)
{
	unsigned out = 0;
	int ret = vga_disable(function);

	for (unsigned i = 0; i < LEND_BARS && !ret; i++) {
		lend_gpa_t address;

		if (is_out(function, OUT_BAR, i) && !bar_wanted(function, i, &address))
			out |= 1u << i;
	}
	if (!ret && out)
		ret = take_bars(function, out);
	return ret;
}

/* Moves all BARs of `in` to the addresses `to`. Those that the monitor refuses are taken out of `in`. */
static int place(struct lend_function *function, unsigned *in, const lend_gpa_t *to)
{
	begin_places(function);
	for (unsigned i = 0; i < LEND_BARS; i++) {
		int ret = *in & 1u << i ? tell_map(function, i, to[i]) : 0;

		if (ret >= 0)
			continue;
		function_log(function, LEND_LOG_WARNING, "the machine cannot place BAR %u at 0x%llx: %s", i,
			     (unsigned long long)to[i], strerror(-ret));
		*in &= ~(1u << i);
	}
	return commit_places(function);
}

void bars_enable(struct lend_function *function)
{
	lend_gpa_t to[LEND_BARS] = {0};
	unsigned in = 0, stale = 0, wanted;
	int ret;

	vga_enable(function);
	for (unsigned i = 0; i < LEND_BARS; i++)
		if (bar_wanted(function, i, &to[i]) &&
		    !(is_out(function, OUT_BAR, i) && function->bars[i].address == to[i]))
			in |= 1u << i;
	if (in) {
		take_around_bars(function, in); /* peers and ioeventfds belong to the old places */
		wanted = in;
		ret = place(function, &in, to);
		if (ret < 0) {
			function_log(function, LEND_LOG_WARNING, "the machine cannot place its BARs: %s",
				     strerror(-ret));
			in = 0;
		}
		for (unsigned i = 0; i < LEND_BARS; i++)
			if (in & 1u << i)
				function->bars[i].address = to[i];
		/* A BAR that did not move is still at its old place. The guest must not find it there. */
		for (unsigned i = 0; i < LEND_BARS; i++)
			if (wanted & ~in & 1u << i && is_out(function, OUT_BAR, i))
				stale |= 1u << i;
		if (stale)
			take_bars(function, stale);
	}
	peers_sync(function);
	doorbells_sync(function);
}

void bars_shown(struct lend_function *function)
{
	lend_gpa_t to[LEND_BARS] = {0};
	unsigned in = 0;

	for (unsigned i = 0; i < LEND_BARS && life_of(function) == LIFE_ON; i++) {
		if (!is_out(function, OUT_BAR, i) || !function->bars[i].hidden)
			continue;
		to[i] = function->bars[i].address;
		in |= 1u << i;
	}
	/* If the monitor refuses, they wait as before. */
	if (in && place(function, &in, to) >= 0) {
		peers_sync(function);
		doorbells_sync(function);
	}
}

void lend_function_bars_shown(struct lend_function *function)
{
	struct events events = {0};

	function_mark(function, MARK_PLACES, &events);
	events_send(&events);
}

int bars_remove(struct lend_function *function)
{
	int before = (int)how_many_out(function, OUT_BAR);

	take_back(function, ROWS_BARS);
	return before - (int)how_many_out(function, OUT_BAR);
}

int bar_refresh(struct lend_function *function, unsigned index)
{
	const struct bar *bar = &function->bars[index];
	bool has_areas = index == LEND_REGION_ROM || bar->area_count;
	int ret, one;

	/* The BARs of a function that is being stopped are removed next. */
	if (!is_out(function, OUT_BAR, index) || !has_areas || life_of(function) != LIFE_ON)
		return 0;
	begin_places(function);
	ret = tell_map(function, index, bar->address);
	one = commit_places(function);
	return ret ? ret : one;
}
