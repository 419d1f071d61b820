/* SPDX-License-Identifier: MIT */
/*
 * Windows: parts of a BAR, or of the legacy VGA ranges, at which something else
 * answers than the device: the virtual MSI-X table, and the registers through
 * which devices show their config space once more (quirks). A window is set up
 * before the BARs are mapped, so that its pages are not; the table of a
 * function does not change after that.
 *
 * The first window that holds a byte answers for it. An access that crosses the
 * end of one is split there: its handlers see no byte that is not theirs
 * (XSA-112). They are called without the function's lock, by any
 * number of threads.
 */
#ifndef LIB_PCI_BARS_WINDOW_H
#define LIB_PCI_BARS_WINDOW_H

#include "lend/explain.h"

enum { WINDOWS_MAX = 32 };

struct window {
	unsigned region; /* a BAR, or LEND_REGION_VGA: then `offset` is a legacy address */
	uint64_t offset, length;
	/*
	 * `length` bytes at `offset` of the region, all of them in the window: 0,
	 * or a negative errno, for which the guest reads all ones. Both NULL: the
	 * device answers, and the pages are only not mapped.
	 */
	int (*read)(struct lend_function *function, const struct window *window, uint64_t offset,
		    uint8_t *bytes, unsigned length);
	int (*write)(struct lend_function *function, const struct window *window, uint64_t offset,
		     const uint8_t *bytes, unsigned length);
	bool mapped;             /* its pages may be mapped all the same */
	enum lend_reason reason; /* why its pages trap */
	unsigned number;         /* the quirk's own: which one of several */
	const char *name;        /* for messages; static, or as long as the function lives */
};

struct windows {
	unsigned count;
	struct window at[WINDOWS_MAX];
};

/** Adds a window. -ENOSPC: too many; -ERANGE: not inside of its region, which is no error of ours. */
int window_add(struct lend_function *function, const struct window *window);

/** Cuts the pages of a BAR's windows out of its areas, which have AREAS_ROOM; returns the new count. */
unsigned windows_cut(const struct lend_function *function, unsigned bar, struct lend_area *areas,
		     unsigned count);

/**
 * Why the page at `offset` of a BAR traps, by the windows: LEND_REASON_DIRECT
 * when none has to do with it. `*end`: up to where that is so.
 */
enum lend_reason windows_reason(const struct lend_function *function, unsigned bar, uint64_t offset,
				uint64_t *end);

/** An access of 1 to 8 bytes that lies inside of its region, by windows and device. Takes locks. */
void window_read(struct lend_function *function, unsigned region, uint64_t offset, uint8_t *bytes,
		 unsigned length);
void window_write(struct lend_function *function, unsigned region, uint64_t offset, const uint8_t *bytes,
		  unsigned length);

/** The device's own bytes, at the access's own width where it is one: 0 or negative errno. */
int window_device_read(struct lend_function *function, unsigned region, uint64_t offset, uint8_t *bytes,
		       unsigned length);
int window_device_write(struct lend_function *function, unsigned region, uint64_t offset,
			const uint8_t *bytes, unsigned length);

#endif
