/* SPDX-License-Identifier: MIT */
/*
 * Accesses to BARs that trap. A window (window.h) answers where one lies. All
 * else goes to the device by the transport, never through a map and without a
 * lock.
 */
#include <endian.h>

#include "lib/pci/bars/bar.h"
#include "lib/pci/bars/rom.h"
#include "lib/pci/ledger/bell.h"
#include "lib/pci/ledger/ledger.h"

static bool reaches(struct lend_function *function, unsigned bar, uint64_t offset, unsigned length)
{
	const struct bar *at = &function->bars[bar < LEND_BARS ? bar : 0];

	if (bar < LEND_BARS && length && length <= 8 && is_out(function, OUT_BAR, bar) &&
	    offset < at->guest.size && length <= at->guest.size - offset)
		return true;
	count_one(function->counters.ignored);
	return false;
}

/* The guest accesses a BAR: that is taken as the sign that it serves the line (interrupts/intx.h). */
static void served(struct lend_function *function)
{
	if (__atomic_load_n(&function->intx.pending, __ATOMIC_ACQUIRE))
		function->rings->served(function);
}

uint64_t lend_function_bar_read(struct lend_function *function, unsigned bar, uint64_t offset,
				unsigned length)
{
	uint64_t value = 0;
	uint8_t *bytes = (uint8_t *)&value;

	count_one(function->counters.bar_reads);
	if (!reaches(function, bar, offset, length))
		return length >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * length) - 1;
	pages_count(&function->pages, bar, offset, false);
	if (bar == LEND_REGION_ROM) {
		rom_read(function, offset, bytes, length);
	} else {
		window_read(function, bar, offset, bytes, length);
		served(function);
	}
	return le64toh(value);
}

void lend_function_bar_write(struct lend_function *function, unsigned bar, uint64_t offset, unsigned length,
			     uint64_t value)
{
	uint64_t little = htole64(value);
	const uint8_t *bytes = (const uint8_t *)&little;

	count_one(function->counters.bar_writes);
	if (!reaches(function, bar, offset, length) || bar == LEND_REGION_ROM)
		return;
	pages_count(&function->pages, bar, offset, true);
	window_write(function, bar, offset, bytes, length);
	served(function);
}
