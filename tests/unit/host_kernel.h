/* SPDX-License-Identifier: MIT */
/* The kernel that is played on a recorded tree: what it does with what is written to sysfs. */
#ifndef TESTS_UNIT_HOST_KERNEL_H
#define TESTS_UNIT_HOST_KERNEL_H

#include "tests/unit/host_tree.h"

/** From now on writes of the tree's context come here. */
void kernel_play(struct host_tree *tree);

#endif
