/* SPDX-License-Identifier: MIT */
/*
 * The limit of locked memory. A device can reach all memory of the guest, so
 * all of it is locked, and the kernel charges it to the process of the machine
 * once for each type1 container: with one space, once. BARs are not charged.
 */
#ifndef TOOL_RUN_MEMLOCK_H
#define TOOL_RUN_MEMLOCK_H

#include "lend/types.h"

/**
 * Sees to it that this process may lock `need` bytes: raises the limit as far
 * as it can. 0: it may; `said` is then a line about what was raised, or empty.
 * -EPERM with the sentence otherwise.
 */
int memlock_prepare(uint64_t need, char said[128], struct lend_error *error);

#endif
