/* SPDX-License-Identifier: MIT */
/*
 * Windows: parts of a BAR, or of the legacy VGA ranges, where this library
 * answers and not the device. The virtual MSI-X table is one; registers by which
 * a device shows its config space a second time are others (quirks). All windows
 * of a function are set up before its BARs are mapped, so that their pages are
 * left out of the maps; the table does not change after that.
 *
 * A byte in several windows belongs to the first of them. An access that crosses
 * the end of a window is split there, so that a handler sees no byte outside of
 * its window (XSA-112). Handlers are called without the function's lock, by any
 * number of threads at once.
 */
#ifndef LIB_PCI_BARS_WINDOW_H
#define LIB_PCI_BARS_WINDOW_H

#include "lend/explain.h"

enum { WINDOWS_MAX = 32 };

struct window {
	unsigned region; /* a BAR, or LEND_REGION_VGA: then `offset` is a legacy address */
	uint64_t offset, length;
	/*
	 * Read or write `length` bytes at `offset` of the region, all of them in the
	 * window. They return 0 or a negative errno; the guest then reads all ones.
	 * Both NULL: the device answers, and the only effect is that the pages trap.
	 */
	int (*read)(struct lend_function *function, const struct window *window, uint64_t offset,
		    uint8_t *bytes, unsigned length);
	int (*write)(struct lend_function *function, const struct window *window, uint64_t offset,
		     const uint8_t *bytes, unsigned length);
	bool mapped;             /* its pages are not left out of the maps */
	enum lend_reason reason; /* why its pages trap */
	unsigned number;         /* free for the handlers: which one of several windows this is */
	const char *name;        /* for messages; lives as long as the function */
};

struct windows {
	unsigned count;
	struct window at[WINDOWS_MAX];
};

/** Adds a window. -ENOSPC: there are too many; -ERANGE: it is not inside its region (the device's fault). */
int window_add(struct lend_function *function, const struct window *window);

/** Cuts the pages of a BAR's windows out of `areas`, which has AREAS_ROOM; returns the new count. */
unsigned windows_cut(const struct lend_function *function, unsigned bar, struct lend_area *areas,
		     unsigned count);

/**
 * Which window makes the page at `offset` of a BAR trap: its reason, or
 * LEND_REASON_DIRECT if none does. `*end`: the offset up to which that holds.
 */
enum lend_reason windows_reason(const struct lend_function *function, unsigned bar, uint64_t offset,
				uint64_t *end);

/** Whether one of these bytes of a BAR is in a window. */
bool windows_touch(const struct lend_function *function, unsigned bar, uint64_t offset, uint64_t length);

/** An access of 1 to 8 bytes inside its region: each byte by its window, or the device. May take locks. */
void window_read(struct lend_function *function, unsigned region, uint64_t offset, uint8_t *bytes,
		 unsigned length);
void window_write(struct lend_function *function, unsigned region, uint64_t offset, const uint8_t *bytes,
		  unsigned length);

/** An access to the device itself, in one piece if `length` is 1, 2, 4 or 8: 0 or negative errno. */
int window_device_read(struct lend_function *function, unsigned region, uint64_t offset, uint8_t *bytes,
		       unsigned length);
int window_device_write(struct lend_function *function, unsigned region, uint64_t offset,
			const uint8_t *bytes, unsigned length);

#endif
