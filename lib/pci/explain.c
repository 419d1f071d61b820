/* SPDX-License-Identifier: MIT */
/* lend_function_explain(): which parts of each BAR are direct, and why the others trap. */
#include "lib/pci/function.h"
#include "lib/sized.h"

static const char *const texts[] = {
	[LEND_REASON_DIRECT] = "mapped: the guest reaches it without a trap",
	[LEND_REASON_MSIX_TABLE] = "trapped: the pages of the MSI-X table, which is virtual",
	[LEND_REASON_IO_PORTS] = "trapped: I/O ports cannot be mapped",
	[LEND_REASON_NOT_MAPPABLE] = "trapped: the kernel does not let it be mapped",
	[LEND_REASON_SUB_PAGE] = "trapped: smaller than a page, which others may share",
	[LEND_REASON_MMAP_FAILED] = "trapped: mapping it failed",
	[LEND_REASON_ASKED] = "trapped: asked for (x-no-mmap)",
	[LEND_REASON_QUIRK] = "trapped: registers of this device that lead to what is virtual",
	[LEND_REASON_RULE] = "trapped: a file of rules asks for it",
};

struct rows {
	struct lend_explain_row *at;
	size_t max, stride, count;
};

static void add(struct rows *rows, unsigned region, uint64_t start, uint64_t end, enum lend_reason reason)
{
	const struct lend_explain_row row = {
		.region = region,
		.offset = start,
		.length = end - start,
		.direct = reason == LEND_REASON_DIRECT,
		.reason = reason,
		.text = texts[reason],
	};

	if (start >= end)
		return;
	if (rows->count < rows->max)
		sized_give_row(rows->at, rows->stride, rows->count, &row, sizeof(row));
	rows->count++;
}

/* A part without a map. If the BAR can be mapped, windows make some of its pages trap. */
static void add_gap(const struct lend_function *function, struct rows *rows, unsigned index, uint64_t start,
		    uint64_t end)
{
	enum lend_reason rest = function->bars[index].trap_reason;

	while (rest == LEND_REASON_NOT_MAPPABLE && start < end) {
		uint64_t from = start, stop;
		enum lend_reason reason = windows_reason(function, index, start, &start), next;

		/* Neighbours with the same reason are one row. */
		while (start < end && (next = windows_reason(function, index, start, &stop)) == reason)
			start = stop;
		start = start < end ? start : end;
		add(rows, index, from, start, reason ? reason : rest);
	}
	add(rows, index, start, end, rest);
}

size_t lend_function_explain(const struct lend_function *function, struct lend_explain_row *out, size_t max,
			     size_t stride)
{
	struct rows rows = {.at = out, .max = max, .stride = stride};

	for (unsigned i = 0; i < LEND_DEVICE_BARS; i++) {
		const struct bar *bar = &function->bars[i];
		uint64_t at = 0;

		for (unsigned j = 0; j < bar->area_count; j++) {
			uint64_t start = bar->areas[j].offset, end = start + bar->areas[j].length;

			end = end < bar->guest.size ? end : bar->guest.size; /* of one smaller than a page */

			add_gap(function, &rows, i, at, start);
			add(&rows, i, start, end, LEND_REASON_DIRECT);
			at = end;
		}
		add_gap(function, &rows, i, at, bar->guest.size);
	}
	return rows.count;
}
