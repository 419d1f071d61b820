/* SPDX-License-Identifier: MIT */
/*
 * A machine whose keeper was killed ends by itself, but it quiets and resets its devices first,
 * which takes time. The next machine on one of them waits for that, instead of saying that the
 * device is in use.
 */
#ifndef TOOL_RUN_ORPHAN_H
#define TOOL_RUN_ORPHAN_H

#include "tool/run/machine.h"

/**
 * Looks who holds the IOMMU group of the device at `address`. If that is a
 * machine without a keeper, waits for its end, `wait_ms` at most. True: it has
 * ended, or nobody is seen to hold it (any more): it is worth another try. To
 * be called from a machine process.
 */
bool orphan_await(const struct machine_roots *roots, const char *address, int wait_ms);

#endif
