/* SPDX-License-Identifier: MIT */
/*
 * The host's maps of BARs. They are made with the function and live as long as
 * it does; the monitor gets parts of them. For each BAR, address space of its
 * size is reserved, aligned so that the kernel can use huge pages, and the areas
 * are mapped over it. Only guests access the maps; this library never does.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pci/bars/bar.h"

/* The largest page of a processor: more alignment gains nothing. */
#define ALIGN_MAX (UINT64_C(1) << 30)

/* Reserves address space of `size` bytes at a multiple of `align`, without access; NULL: there is none. */
static uint8_t *reserve_aligned(uint64_t size, uint64_t align)
{
	uintptr_t start, head;
	void *all;

	if (size > SIZE_MAX - align)
		return NULL;
	all = mmap(NULL, size + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (all == MAP_FAILED)
		return NULL;
	start = ((uintptr_t)all + align - 1) & ~(uintptr_t)(align - 1);
	head = start - (uintptr_t)all;
	if (head)
		munmap(all, head);
	if (align - head)
		munmap((uint8_t *)start + size, align - head);
	return (uint8_t *)start;
}

static int map_areas(struct lend_function *function, unsigned index, uint8_t *va)
{
	const struct bar *bar = &function->bars[index];
	struct lend_device *device = function->device;

	for (unsigned i = 0; i < bar->area_count; i++) {
		const struct lend_area *area = &bar->areas[i];
		int ret = device->ops->map(device->transport, index, area->offset, area->length,
					   va + area->offset);

		if (ret < 0)
			return ret;
		/* A child process must not keep pages that the kernel revokes from us (CVE-2020-12888). */
		madvise(va + area->offset, area->length, MADV_DONTFORK);
	}
	return 0;
}

/* A BAR that is smaller than a page is mapped as a whole page. */
static uint64_t map_size(const struct bar *bar, uint64_t page)
{
	return bar->guest.size > page ? bar->guest.size : page;
}

/* For peers: type1 maps a BAR by its address, iommufd only as a dma-buf, if the kernel makes these. */
static void export_areas(struct lend_function *function, unsigned index)
{
	struct bar *bar = &function->bars[index];
	struct lend_device *device = function->device;
	bool ask = device->info.backend != LEND_BACKEND_LEGACY && !function->no_files && !bar->sub_page;

	for (unsigned i = 0; i < bar->area_count && ask; i++) {
		const struct lend_area *area = &bar->areas[i];

		bar->files[i] = device->ops->dma_buf(device->transport, index, area->offset, area->length);
		function->no_files |= bar->files[i] == -ENOTTY;
		ask = bar->files[i] >= 0;
	}
}

static void map_bar(struct lend_function *function, unsigned index)
{
	struct bar *bar = &function->bars[index];
	uint64_t size = map_size(bar, function->page);
	uint8_t *va = reserve_aligned(size, size < ALIGN_MAX ? size : ALIGN_MAX);
	int ret = va ? map_areas(function, index, va) : -ENOMEM;

	if (!ret) {
		bar->va = va;
		export_areas(function, index);
		return;
	}
	if (va)
		munmap(va, size);
	function_log(function, LEND_LOG_WARNING,
		     "cannot map BAR %u: %s; each access to it traps, which is slow", index, strerror(-ret));
	bar->area_count = 0;
	bar->sub_page = false;
	bar->trap_reason = LEND_REASON_MMAP_FAILED;
}

/* Whether a part of the BAR has to trap. A BAR smaller than a page then traps as a whole. */
static bool has_windows(const struct lend_function *function, unsigned index)
{
	uint64_t end;

	return windows_reason(function, index, 0, &end) != LEND_REASON_DIRECT;
}

void bars_map(struct lend_function *function)
{
	uint64_t page = function->page;

	for (unsigned i = 0; i < LEND_DEVICE_BARS; i++) {
		const struct lend_region *region = &function->device->regions[i];
		struct bar *bar = &function->bars[i];

		for (unsigned j = 0; j < AREAS_ROOM; j++)
			bar->files[j] = -1;
		if (!bar->guest.size)
			continue;
		bar->trap_reason = bar->guest.io            ? LEND_REASON_IO_PORTS
				   : function->no_mmap      ? LEND_REASON_ASKED
				   : bar->guest.size < page ? LEND_REASON_SUB_PAGE
							    : LEND_REASON_NOT_MAPPABLE;
		if (bar->trap_reason == LEND_REASON_SUB_PAGE && region->sub_page && function->shares_pages &&
		    !has_windows(function, i)) {
			bar->sub_page = true;
			bar->areas[0] = (struct lend_area){0, page};
			bar->area_count = 1;
			map_bar(function, i);
		}
		if (bar->trap_reason != LEND_REASON_NOT_MAPPABLE)
			continue;
		memcpy(bar->areas, function->device->areas[i], region->area_count * sizeof(*bar->areas));
		bar->area_count = region->area_count;
		/* Of the rest only pages with a window trap: the MSI-X table's (spec 4.2), and those of
		 * quirks. */
		bar->area_count = windows_cut(function, i, bar->areas, bar->area_count);
		if (bar->area_count)
			map_bar(function, i);
	}
}

int bars_map_again(struct lend_function *function)
{
	int ret = 0;

	for (unsigned i = 0; i < LEND_DEVICE_BARS && !ret; i++)
		if (function->bars[i].va)
			ret = map_areas(function, i, function->bars[i].va);
	return ret;
}

void bars_unmap(struct lend_function *function)
{
	for (unsigned i = 0; i < LEND_DEVICE_BARS; i++) {
		struct bar *bar = &function->bars[i];

		if (bar->va)
			munmap(bar->va, map_size(bar, function->page));
		for (unsigned j = 0; bar->va && j < bar->area_count; j++)
			if (bar->files[j] >= 0)
				close(bar->files[j]);
		bar->va = NULL;
	}
}
