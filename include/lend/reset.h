/* SPDX-License-Identifier: MIT */
/*
 * Reset belongs to a set of functions, not to one: some hardware can only
 * reset several together.
 */
#ifndef LEND_RESET_H
#define LEND_RESET_H

#include "function.h"

#ifdef __cplusplus
extern "C" {
#endif

enum lend_reset_method {
	LEND_RESET_NONE,     /* nothing ran */
	LEND_RESET_OPEN,     /* the kernel reset it when it was opened, and it was not used since */
	LEND_RESET_FUNCTION, /* the kernel's reset of one function (FLR, AF, PM or its own choice) */
	LEND_RESET_BUS,      /* its whole bus, with all functions on it (hot reset) */
	LEND_RESET_QUIRK,    /* a way that this device alone knows */
};

/** One a function: what was done to it and how that was checked. */
struct lend_reset_report {
	enum lend_reset_method ran;
	char offered[64];   /* what the kernel offers: sysfs reset_method, e.g. "flr bus" */
	char along[192];    /* other functions that were reset with it, "0000:05:00.1 0000:05:00.2" */
	char obstacle[256]; /* why its bus was not reset, where nothing less did it; else empty */
	int result;   /* 0 or negative errno; -EOPNOTSUPP: no way to reset it; -ENODEV: the host wants it */
	bool checked; /* read back, and found as it should be */
	const char *check; /* what was found; static */
};

/**
 * Resets functions: each is quiesced, reset, and its guest-visible state is
 * what it was after lend_function_new(), and its line interrupt is on: a
 * function comes to life with its first reset, and one that an error stopped
 * (LEND_EVENT_ERROR) does again, if it answers. vCPUs must be stopped.
 *
 * The order for each: the device's own way; a reset of the function by the
 * kernel, unless all that it has for that is the power state; a reset of its
 * bus; the power state. A bus is reset only when every function on it is ours
 * and each that is open in this context is among `functions`; it counts for
 * all of them. A function that the kernel has reset at open, with more than
 * the power state, and that nothing has used since is not reset again.
 *
 * Blocks for as long as the resets take: 100 ms each, seconds for a bus, and up
 * to 60 s for a device that the kernel waits for. Devices that are not ready
 * after that have one more second, all of them together. One thread at a time for a
 * function, and for the functions of one bus.
 *
 * `reports` has room for `count` rows, `stride` bytes apart. Returns 0 when every function was reset, else
 * the first error; all are tried, and all are usable afterwards. -ENOMEM: nothing
 * was done.
 */
LEND_API int lend_context_reset(struct lend_context *context, struct lend_function **functions, size_t count,
				struct lend_reset_report *reports, size_t stride);

#ifdef __cplusplus
}
#endif
#endif
