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
};

/** One a function: what was done to it and how that was checked. */
struct lend_reset_report {
	enum lend_reset_method ran;
	char offered[64]; /* what the kernel offers: sysfs reset_method, e.g. "flr bus" */
	int result;       /* 0 or negative errno; -EOPNOTSUPP: no way to reset it */
	bool checked;     /* read back: it answers, and decode and bus master are off */
};

/**
 * Resets functions: each is quiesced, reset, and its guest-visible state is
 * what it was after lend_function_new(), and its line interrupt is on: a
 * function comes to life with its first reset. vCPUs must be stopped. `reports` has
 * room for `count`. Returns 0 when every function was reset, else the first
 * error; all are tried. A function that the kernel has reset at open and that
 * nothing has used since is not reset again.
 */
LEND_API int lend_context_reset(struct lend_context *context, struct lend_function **functions, size_t count,
				struct lend_reset_report *reports);

#ifdef __cplusplus
}
#endif
#endif
