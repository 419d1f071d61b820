/* SPDX-License-Identifier: MIT */
/* The host's table of interrupts. It counts also those that reach the guest without a stop in our code. */
#ifndef VMM_INTERRUPTS_H
#define VMM_INTERRUPTS_H

#include <stddef.h>
#include <stdint.h>

/* A line of VFIO's; both point into the text of the table. */
struct interrupt_row {
	const char *counts; /* one number a processor */
	const char *name;   /* "vfio-msix[0](0000:01:00.0)" */
};

struct interrupts {
	char *text;
	struct interrupt_row *rows;
	size_t count;
};

/**
 * Reads the whole table from `fd`, an open /proc/interrupts; of a table larger
 * than 64 MiB, its beginning. Where it cannot be had, `out` has no row.
 */
void interrupts_read(int fd, struct interrupts *out);
void interrupts_free(struct interrupts *interrupts);

/** The interrupts of that name on all processors; -1: the table has none of that name. */
int64_t interrupts_count(const struct interrupts *interrupts, const char *name);

#endif
