/* SPDX-License-Identifier: MIT */
/* What the files of liblend see of the context. The strings live as long as it does. */
#ifndef LIB_CONTEXT_H
#define LIB_CONTEXT_H

#include "lend/context.h"

/** Where sysfs, devtmpfs and procfs are mounted, without a trailing slash. */
const char *context_sysfs(const struct lend_context *context);
const char *context_dev(const struct lend_context *context);
const char *context_proc(const struct lend_context *context);

/**
 * One line of log, without a newline, cut at 511 bytes. A burst that is too
 * long is swallowed; the next line that passes tells how many were. Any thread.
 */
LEND_PRINTF(3, 4)
void context_log(struct lend_context *context, enum lend_log_level level, const char *format, ...);

#endif
