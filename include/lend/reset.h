/* SPDX-License-Identifier: MIT */
/*
 * Reset. It is always of a set of functions, because some hardware can only reset
 * several functions together.
 */
#ifndef LEND_RESET_H
#define LEND_RESET_H

#include "function.h"

#ifdef __cplusplus
extern "C" {
#endif

/** How a function was reset. */
enum lend_reset_method {
	LEND_RESET_NONE,     /* not at all */
	LEND_RESET_OPEN,     /* by the kernel, when it was opened; nothing has used it since */
	LEND_RESET_FUNCTION, /* by the kernel, alone (FLR, AF, PM or another method of the kernel) */
	LEND_RESET_BUS,      /* with its whole bus and all functions on it (hot reset) */
	LEND_RESET_QUIRK,    /* by a method that liblend knows for this device */
};

/** What was done to one function, and what was found afterwards. */
struct lend_reset_report {
	enum lend_reset_method ran;
	char offered[64];   /* the methods that the kernel offers: sysfs' reset_method, as "flr bus" */
	char along[192];    /* other functions that were reset with it, "0000:05:00.1 0000:05:00.2" */
	char obstacle[256]; /* why its bus was not reset, if that was tried; else empty */
	int result;   /* 0 or negative errno; -EOPNOTSUPP: no way to reset it; -ENODEV: the host wants it */
	bool checked; /* the device was read, and is as it should be */
	const char *check; /* what was found: a sentence; static */
};

/**
 * Resets functions. Each is quiesced and reset; then the guest sees what it saw
 * after lend_function_new(), and the line interrupt is on. A function has to be
 * reset once before the guest uses it. One that an error stopped (LEND_EVENT_ERROR)
 * is turned on again, if its device answers. vCPUs must be stopped.
 *
 * Of these ways each function gets the first one that works:
 *  1. a method that liblend knows for this device, if the kernel has none;
 *  2. the kernel's reset of the function, unless it can only change the power state;
 *  3. a reset of its bus, if all functions on the bus are ours and those that are
 *     open in this context are in `functions`: it counts for all of them;
 *  4. a change of the power state by the kernel.
 * If the kernel reset a function well at open and nothing has used it since, it is
 * not reset again.
 *
 * It blocks for as long as the resets take: 100 ms each, seconds for a bus, and up to
 * 60 s for a device that the kernel waits for. Devices that are not ready after that
 * are waited for one more second, all together. One thread at a time for a function,
 * and for all functions of one bus.
 *
 * `reports` has room for `count` rows, `stride` bytes apart. Returns 0 if all
 * functions were reset, else the first error: all are tried, and all can be used
 * afterwards. -ENOMEM: nothing was done.
 */
LEND_API int lend_context_reset(struct lend_context *context, struct lend_function **functions, size_t count,
				struct lend_reset_report *reports, size_t stride);

#ifdef __cplusplus
}
#endif
#endif
