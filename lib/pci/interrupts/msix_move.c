/* SPDX-License-Identifier: MIT */
/*
 * The MSI-X table at another place than the device's (x-msix-relocation, spec
 * 4.3). Where the table shares a page with registers that a driver uses often,
 * each access to them traps. Moved, the table is in a BAR that the device does
 * not have, or in the upper half of a BAR that is made larger for it.
 */
#include <errno.h>

#include "lib/error.h"
#include "lib/pci/bars/bar.h"
#include "lib/pci/interrupts/msix.h"

#define LARGEST_32 (UINT64_C(1) << 30) /* of a 32-bit BAR that can still be doubled */

/* Bytes for table and PBA: a power of two, and at least a page. */
static uint64_t room_for(const struct lend_function *function)
{
	const struct msix *msix = &function->msix;
	uint64_t size = function->page;

	while (size < msix->table_length + msix->pba_length)
		size <<= 1;
	return size;
}

static bool is_upper_half(const struct lend_function *function, unsigned bar)
{
	return bar && function->bars[bar - 1].guest.is_64;
}

unsigned msix_free_bar(const struct lend_function *function)
{
	unsigned bar = 0;

	while (bar < LEND_DEVICE_BARS && (function->bars[bar].guest.size || is_upper_half(function, bar)))
		bar++;
	return bar;
}

bool msix_overlaps(const struct msix *msix)
{
	return msix->table_bar == msix->pba_bar && msix->table < msix->pba + msix->pba_length &&
	       msix->pba < msix->table + msix->table_length;
}

static int check(const struct lend_function *function, unsigned bar, struct lend_error *error)
{
	const struct lend_bar *guest = &function->bars[bar < LEND_DEVICE_BARS ? bar : 0].guest;

	if (bar >= LEND_DEVICE_BARS)
		return error_say(error, -EINVAL, "%s: there is no BAR %u for its MSI-X table", function->name,
				 bar);
	if (guest->io)
		return error_say(error, -EINVAL, "%s: BAR %u has I/O ports, its MSI-X table cannot go there",
				 function->name, bar);
	if (is_upper_half(function, bar))
		return error_say(error, -EINVAL,
				 "%s: BAR %u is the upper half of BAR %u, its MSI-X table cannot go there",
				 function->name, bar, bar - 1);
	if (guest->size && !guest->is_64 && guest->size > LARGEST_32)
		return error_say(error, -EINVAL, "%s: BAR %u has 32 bits and cannot grow for its MSI-X table",
				 function->name, bar);
	if (guest->is_64 && guest->size >> 62)
		return error_say(error, -EINVAL, "%s: BAR %u cannot grow for its MSI-X table", function->name,
				 bar);
	return 0;
}

int msix_move(struct lend_function *function, struct lend_error *error)
{
	struct msix *msix = &function->msix;
	unsigned bar = msix->to - LEND_MSIX_TO_BAR;
	uint64_t room = room_for(function);
	struct lend_bar *guest;
	int ret = check(function, bar, error);

	if (ret < 0)
		return ret;
	guest = &function->bars[bar].guest;
	msix->moved = true;
	/* If they overlap, what is at the PBA's place are entries of the table and no pending bits. */
	msix->hw_pba_bar = msix_overlaps(msix) ? LEND_DEVICE_BARS : msix->pba_bar;
	msix->hw_pba = msix->pba;
	if (!guest->size) {
		guest->is_64 = bar + 1 < LEND_DEVICE_BARS && !function->bars[bar + 1].guest.size;
		guest->prefetchable = true;
		guest->size = room;
		msix->table = 0;
	} else {
		guest->size = 2 * (guest->size > room ? guest->size : room);
		msix->table = guest->size / 2;
	}
	msix->table_bar = msix->pba_bar = bar;
	msix->pba = msix->table + msix->table_length;
	bar_registers(function, bar);
	return 0;
}
