/* SPDX-License-Identifier: MIT */
/*
 * The host's maps of BARs: made once, when the function is, and kept while it
 * lives; the monitor is given parts of them. An area of address space as large
 * as the BAR is reserved, aligned so that the kernel can use huge pages, and
 * the areas mapped over it; guests reach them alone, never this library.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pci/bar.h"

/* The largest page that processors have; more alignment gains nothing. */
#define ALIGN_MAX (UINT64_C(1) << 30)

/* Address space of `size` bytes at a multiple of `align`, inaccessible; NULL: none. */
static uint8_t *reserve(uint64_t size, uint64_t align)
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
		/* A child that keeps the device's pages would defeat the kernel's revoking them
		 * (CVE-2020-12888). */
		madvise(va + area->offset, area->length, MADV_DONTFORK);
	}
	return 0;
}

/* type1 maps BARs by their address; iommufd takes them as dma-bufs alone, where the kernel has these. */
static void export_areas(struct lend_function *function, unsigned index)
{
	struct bar *bar = &function->bars[index];
	struct lend_device *device = function->device;
	bool ask = device->info.backend == LEND_BACKEND_IOMMUFD && !function->no_files;

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
	uint64_t size = bar->guest.size; /* a page or more */
	uint8_t *va = reserve(size, size < ALIGN_MAX ? size : ALIGN_MAX);
	int ret = va ? map_areas(function, index, va) : -ENOMEM;

	if (!ret) {
		bar->va = va;
		export_areas(function, index);
		return;
	}
	if (va)
		munmap(va, size);
	context_log(function->context, LEND_LOG_WARNING,
		    "%s: cannot map BAR %u: %s; each access to it traps, which is slow", function->name,
		    index, strerror(-ret));
	bar->area_count = 0;
	bar->trapped = LEND_REASON_MMAP_FAILED;
}

/* Of the table's BAR, only the pages that hold the table are trapped (spec 4.2). */
static void cut_table(struct lend_function *function, unsigned index)
{
	uint64_t page = function->page;
	const struct msix *msix = &function->msix;
	struct bar *bar = &function->bars[index];

	if (!msix->cap || msix->table_bar != index)
		return;
	bar->area_count = areas_cut(bar->areas, bar->area_count, msix->table & ~(page - 1),
				    (msix->table + msix->table_length + page - 1) & ~(page - 1));
}

void bars_map(struct lend_function *function)
{
	uint64_t page = function->page;

	for (unsigned i = 0; i < BAR_COUNT; i++) {
		const struct lend_region *region = &function->device->regions[i];
		struct bar *bar = &function->bars[i];

		for (unsigned j = 0; j < AREAS_ROOM; j++)
			bar->files[j] = -1;
		if (!bar->guest.size)
			continue;
		bar->trapped = bar->guest.io            ? LEND_REASON_IO_PORTS
			       : function->no_mmap      ? LEND_REASON_ASKED
			       : bar->guest.size < page ? LEND_REASON_SUB_PAGE
							: LEND_REASON_NOT_MAPPABLE;
		if (bar->trapped != LEND_REASON_NOT_MAPPABLE)
			continue;
		memcpy(bar->areas, region->areas, region->area_count * sizeof(*bar->areas));
		bar->area_count = region->area_count;
		cut_table(function, i);
		if (bar->area_count)
			map_bar(function, i);
	}
}

void bars_unmap(struct lend_function *function)
{
	for (unsigned i = 0; i < BAR_COUNT; i++) {
		struct bar *bar = &function->bars[i];

		if (bar->va)
			munmap(bar->va, bar->guest.size);
		for (unsigned j = 0; bar->va && j < bar->area_count; j++)
			if (bar->files[j] >= 0)
				close(bar->files[j]);
		bar->va = NULL;
	}
}
