/* SPDX-License-Identifier: MIT */
/* Why parts of a function are slow, as data. */
#ifndef LEND_EXPLAIN_H
#define LEND_EXPLAIN_H

#include "function.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Whether a part of a BAR is mapped, or why accesses to it trap. */
enum lend_reason {
	LEND_REASON_DIRECT,       /* mapped: the guest reaches it without a trap */
	LEND_REASON_MSIX_TABLE,   /* trapped: the MSI-X table is virtual */
	LEND_REASON_IO_PORTS,     /* trapped: I/O ports cannot be mapped */
	LEND_REASON_NOT_MAPPABLE, /* trapped: the kernel does not allow a map */
	LEND_REASON_SUB_PAGE,     /* trapped: smaller than a page */
	LEND_REASON_MMAP_FAILED,  /* trapped: mapping it failed */
	LEND_REASON_ASKED,        /* trapped: the user asked for it (x-no-mmap) */
	LEND_REASON_QUIRK,        /* trapped: registers there lead to something virtual */
	LEND_REASON_RULE,         /* trapped: a file of rules asks for it (lend-quirks(5)) */
};

/** A part of a BAR. */
struct lend_explain_row {
	unsigned region;         /* the BAR, 0 to 5 */
	uint64_t offset, length; /* bytes [offset, offset + length) of it */
	bool direct;             /* reason is LEND_REASON_DIRECT */
	enum lend_reason reason;
	const char *text; /* the reason as a sentence; static */
};

/**
 * Writes at most `max` rows, `stride` bytes apart: a row for each part of each
 * BAR, ascending. Returns how many there are. Any thread; does not block.
 */
LEND_API size_t lend_function_explain(const struct lend_function *function, struct lend_explain_row *rows,
				      size_t max, size_t stride);

#ifdef __cplusplus
}
#endif
#endif
