/* SPDX-License-Identifier: MIT */
/*
 * Rules: RAM fills [0, low window) and then [4 GiB, …), leaving out what no
 * device could reach by DMA (reserved IOVA ranges, the IOMMU's aperture); the
 * high window starts right behind RAM and ends with what the guest's
 * processors and the IOMMU can both address.
 */
#include <errno.h>

#include "vmm/error.h"
#include "vmm/x86/layout.h"

enum { RAM_GRAIN = 2 << 20, HOLE_STEP = 256 << 20 };

#define MEMORY_LEAST MIB(4) /* in one piece from address 0 on */

/* What stands between address 0 and 4 GiB. */
struct frame {
	uint64_t ram_end;       /* RAM ends here at the latest */
	uint64_t start, lowest; /* of the window of BARs, and the lowest start of one for large BARs */
	uint64_t end;           /* of the window */
};
static const struct frame frames[] = {
	[LAYOUT_DIRECT] = {LOW_WINDOW_DEFAULT, LOW_WINDOW_DEFAULT, LOW_WINDOW_LOWEST, ADDR_ECAM},
	/*
	 * ovmf puts ECAM at 0xb0000000 (up to 2023.02) or at 0xe0000000, 256 MiB of it, and never
	 * asks whether something is there.
	 */
	[LAYOUT_FIRMWARE] = {0x80000000, 0xc0000000, 0x80000000, 0xe0000000},
};

uint64_t layout_low_most(enum layout_kind kind)
{
	return frames[kind].end - frames[kind].lowest;
}

unsigned layout_reached_bits(const struct lend_iova_window *windows, size_t count)
{
	uint64_t last = count ? windows[count - 1].last : UINT64_MAX;
	unsigned bits = 63;

	while ((1ULL << bits) - 1 > last)
		bits--;
	return bits;
}

/* Adds RAM in [start, end), no more than is left; returns what is left then. */
static uint64_t add_ram(struct layout *layout, uint64_t start, uint64_t end, uint64_t left, uint64_t total)
{
	uint64_t length = end - start < left ? end - start : left;

	if (!length || layout->ram_count == MEMORY_PIECES_MAX)
		return left;
	layout->ram[layout->ram_count++] =
		(struct memory_piece){.gpa = gpa(start), .offset = total - left, .length = length};
	return left - length;
}

/* RAM in the part of [start, end) that devices can address. */
static uint64_t fill(struct layout *layout, const struct layout_needs *needs, uint64_t start, uint64_t end,
		     uint64_t left)
{
	for (size_t i = 0; i < needs->window_count && left; i++) {
		uint64_t first = align_up(needs->windows[i].start, RAM_GRAIN);
		uint64_t last = needs->windows[i].last;
		uint64_t stop = last >= end ? end : align_down(last + 1, RAM_GRAIN);

		if (first < needs->windows[i].start) /* wrapped */
			continue;
		first = first < start ? start : first;
		if (first < stop)
			left = add_ram(layout, first, stop, left, needs->memory);
	}
	return left;
}

static uint64_t ram_end(const struct layout *layout)
{
	const struct memory_piece *last = &layout->ram[layout->ram_count - 1];

	return last->gpa.a + last->length;
}

/* The first stretch of the hole that devices can use and that holds the BARs below 4 GiB. */
static int place_low(struct layout *layout, const struct layout_needs *needs, uint64_t hole)
{
	uint64_t align = needs->low_align > MIB(1) ? needs->low_align : MIB(1);

	for (size_t i = 0; i < needs->window_count; i++) {
		uint64_t start = needs->windows[i].start < hole ? hole : needs->windows[i].start;
		uint64_t end = frames[needs->kind].end;
		uint64_t last = needs->windows[i].last >= end ? end - 1 : needs->windows[i].last;

		start = align_up(start, align);
		if (start < needs->windows[i].start || start > last || last - start + 1 < needs->low ||
		    last - start + 1 < MIB(1))
			continue;
		layout->low_start = start;
		layout->low_end = align_down(last + 1, MIB(1));
		return 0;
	}
	return -ENOSPC;
}

/* The first stretch of addresses from `from` on that devices can use and that holds the BARs. */
static int place_high(struct layout *layout, const struct layout_needs *needs, uint64_t from, uint64_t limit)
{
	uint64_t align = needs->high_align > GIB(1) ? needs->high_align : GIB(1);

	for (size_t i = 0; i < needs->window_count; i++) {
		uint64_t start = needs->windows[i].start < from ? from : needs->windows[i].start;
		uint64_t last = needs->windows[i].last >= limit ? limit - 1 : needs->windows[i].last;

		start = align_up(start, align);
		if (start < from || start > last || last - start + 1 < needs->high)
			continue;
		layout->high_start = start;
		layout->high_end = align_down(last + 1, MIB(1));
		return 0;
	}
	return -ENOSPC;
}

int layout_plan(const struct layout_needs *needs, struct layout *out, struct lend_error *error)
{
	const struct frame *frame = &frames[needs->kind];
	uint64_t limit = 1ULL << (needs->physical_bits < 63 ? needs->physical_bits : 63);
	uint64_t left = needs->memory;
	uint64_t from, hole;

	*out = (struct layout){.buses = needs->buses, .hotplug = needs->hotplug};
	if (needs->memory < MEMORY_LEAST)
		return fail(error, -EINVAL, "-m: a machine needs at least %llu MiB of memory",
			    (unsigned long long)(MEMORY_LEAST >> 20));
	for (hole = frame->start; place_low(out, needs, hole); hole -= HOLE_STEP)
		if (hole == frame->lowest)
			return fail(
				error, -ENOSPC,
				"the devices' BARs need %llu MiB below 4 GiB, and %llu MiB is what there can "
				"be: hand over fewer devices",
				(unsigned long long)(needs->low >> 20),
				(unsigned long long)(layout_low_most(needs->kind) >> 20));

	left = fill(out, needs, 0, hole < frame->ram_end ? hole : frame->ram_end, left);
	if (!out->ram_count || out->ram[0].gpa.a || out->ram[0].length < MEMORY_LEAST)
		return fail(error, -ENOSPC,
			    "the IOMMU reserves the lowest addresses: no place for guest memory there");
	left = fill(out, needs, ADDR_4GIB, limit, left);
	if (left)
		return fail(error, -ENOSPC,
			    "%llu MiB of memory do not fit into what processors and IOMMU can address: use a "
			    "smaller -m",
			    (unsigned long long)(needs->memory >> 20));

	from = ram_end(out) < ADDR_4GIB ? ADDR_4GIB : ram_end(out);
	if (place_high(out, needs, from, limit) && needs->high)
		return fail(error, -ENOSPC,
			    "the devices' BARs need %llu MiB above 4 GiB, more than processors and IOMMU can "
			    "address",
			    (unsigned long long)(needs->high >> 20));
	return 0;
}
