/* SPDX-License-Identifier: MIT */
/* What a function cannot do, or does slowly, as data. */
#ifndef LEND_EXPLAIN_H
#define LEND_EXPLAIN_H

#include "function.h"

#ifdef __cplusplus
extern "C" {
#endif

enum lend_reason {
	LEND_REASON_DIRECT,       /* mapped: the guest reaches it without us */
	LEND_REASON_MSIX_TABLE,   /* trapped: the MSI-X table is virtual */
	LEND_REASON_IO_PORTS,     /* trapped: I/O ports cannot be mapped */
	LEND_REASON_NOT_MAPPABLE, /* trapped: the kernel does not let it be mapped */
	LEND_REASON_SUB_PAGE,     /* trapped: smaller than a page */
	LEND_REASON_MMAP_FAILED,  /* trapped: mapping it failed */
	LEND_REASON_ASKED,        /* trapped: the user asked for it (x-no-mmap) */
	LEND_REASON_QUIRK,        /* trapped: registers there lead to what is virtual */
	LEND_REASON_RULE,         /* trapped: a file of rules asks for it (lend-quirks(5)) */
};

struct lend_explain_row {
	unsigned region;
	uint64_t offset, length; /* in the region */
	bool direct;
	enum lend_reason reason;
	const char *text; /* static */
};

/** Writes at most `max` rows, one a part of each BAR, and returns how many there are. Any thread. */
LEND_API size_t lend_function_explain(const struct lend_function *function, struct lend_explain_row *rows,
				      size_t max, size_t stride);

#ifdef __cplusplus
}
#endif
#endif
