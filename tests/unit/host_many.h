/* SPDX-License-Identifier: MIT */
/* A host on which something of each way to use a device is there, so that each finder reads all of its files.
 */
#ifndef TESTS_UNIT_HOST_MANY_H
#define TESTS_UNIT_HOST_MANY_H

#include "tests/unit/host_tree.h"

/** The host "plain" with all of that. tree_free() frees it. */
struct host_tree *many_new(void);

#endif
