/* SPDX-License-Identifier: MIT */
/*
 * Trapped accesses to BARs. They go to the device by its transport, never
 * through a map, and without a lock; the MSI-X table and PBA lie over it. An
 * access that straddles their end is split there: no part of it reaches the
 * other side's handler (exam.md, XSA-112, XSA-164).
 */
#include <errno.h>
#include <string.h>

#include "lib/le.h"
#include "lib/pci/bar.h"
#include "lib/pci/intx.h"
#include "lib/pci/msix.h"
#include "lib/pci/rom.h"

static bool reaches(struct lend_function *function, unsigned bar, uint64_t offset, unsigned length)
{
	const struct bar *at = &function->bars[bar < PLACES ? bar : 0];

	if (bar < PLACES && length && length <= 8 && __atomic_load_n(&at->placed, __ATOMIC_ACQUIRE) &&
	    offset < at->guest.size && length <= at->guest.size - offset)
		return true;
	count_one(function->counters.ignored);
	return false;
}

static bool is_width(unsigned length)
{
	return length == 1 || length == 2 || length == 4 || length == 8;
}

static int access_device(struct lend_function *function, unsigned bar, uint64_t offset, uint8_t *bytes,
			 unsigned length, bool write)
{
	unsigned step = is_width(length) ? length : 1;

	for (unsigned i = 0; i < length; i += step) {
		int ret = write ? device_write(function->device, bar, offset + i, bytes + i, step)
				: device_read(function->device, bar, offset + i, bytes + i, step);

		if (ret < 0)
			return ret;
	}
	return 0;
}

static void say(struct lend_function *function, const char *what, unsigned bar, uint64_t offset,
		unsigned length, int code)
{
	function_log(function, LEND_LOG_WARNING, "cannot %s %u bytes of BAR %u at 0x%llx: %s", what, length,
		     bar, (unsigned long long)offset, strerror(-code));
}

static void read_part(struct lend_function *function, unsigned bar, uint64_t offset, uint8_t *bytes,
		      unsigned length, enum overlay what)
{
	int ret;

	if (bar == ROM_BAR) {
		rom_read(function, offset, bytes, length);
		return;
	}
	if (what == OVERLAY_TABLE) {
		msix_table_read(function, offset, bytes, length);
		return;
	}
	if (what == OVERLAY_PBA) {
		msix_pba_read(function, offset, bytes, length);
		return;
	}
	ret = what == OVERLAY_NONE ? access_device(function, bar, offset, bytes, length, false) : -ENXIO;
	if (ret < 0)
		memset(bytes, 0xff, length);
	if (ret < 0 && what == OVERLAY_NONE)
		say(function, "read", bar, offset, length, ret);
}

uint64_t lend_function_bar_read(struct lend_function *function, unsigned bar, uint64_t offset,
				unsigned length)
{
	uint8_t bytes[8];
	uint64_t end;

	count_one(function->counters.bar_reads);
	if (!reaches(function, bar, offset, length))
		return length >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * length) - 1;
	pages_count(&function->pages, bar, offset, false);
	for (unsigned done = 0; done < length;) {
		enum overlay what = msix_overlay(function, bar, offset + done, &end);
		unsigned part = end - (offset + done) < length - done ? (unsigned)(end - (offset + done))
								      : length - done;

		read_part(function, bar, offset + done, bytes + done, part, what);
		done += part;
	}
	if (bar != ROM_BAR)
		intx_served(function);
	return le_load(bytes, length);
}

void lend_function_bar_write(struct lend_function *function, unsigned bar, uint64_t offset, unsigned length,
			     uint64_t value)
{
	uint8_t bytes[8];
	uint64_t end;

	count_one(function->counters.bar_writes);
	if (!reaches(function, bar, offset, length) || bar == ROM_BAR)
		return;
	pages_count(&function->pages, bar, offset, true);
	le_store(bytes, length, value);
	for (unsigned done = 0; done < length;) {
		uint64_t at = offset + done;
		enum overlay what = msix_overlay(function, bar, at, &end);
		unsigned part = end - at < length - done ? (unsigned)(end - at) : length - done;
		int ret = 0;

		if (what == OVERLAY_TABLE)
			msix_table_write(function, at, bytes + done, part);
		else if (what == OVERLAY_NONE) /* the PBA is read-only */
			ret = access_device(function, bar, at, bytes + done, part, true);
		if (ret < 0)
			say(function, "write", bar, at, part, ret);
		done += part;
	}
	intx_served(function);
}
