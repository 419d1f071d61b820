/* SPDX-License-Identifier: MIT */
/* How much of the kernel's limits for a user the processes of this user already use. */
#ifndef LIB_HOST_CHECK_USAGE_H
#define LIB_HOST_CHECK_USAGE_H

#include "lend/context.h"

struct usage {
	uint64_t pinned; /* bytes that drivers have pinned for processes without CAP_IPC_LOCK */
	uint64_t threads;
};

/** Sums up the processes of the caller's real user, as far as procfs shows them. */
void usage_of_user(struct lend_context *context, struct usage *out);

/** How many threads the control groups of this process still let it make; UINT64_MAX: no limit. */
uint64_t usage_threads_left(struct lend_context *context);

/** Whether this process has that capability (linux/capability.h) in effect. */
bool usage_may(struct lend_context *context, unsigned capability);

#endif
