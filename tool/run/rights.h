/* SPDX-License-Identifier: MIT */
/* What is left to the keeper of root once the machine is a process of its own. */
#ifndef TOOL_RUN_RIGHTS_H
#define TOOL_RUN_RIGHTS_H

#include <stdint.h>

/** The capabilities that the keeper and those that it starts may have, a bit each (capability.h). */
uint64_t rights_kept(void);

/**
 * Drops all others, for good: also what this process starts later cannot have them, and no program
 * brings rights with it (no_new_privs). For one that has none, that alone. 0 or negative errno.
 */
int rights_drop(void);

#endif
