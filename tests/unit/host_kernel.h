/* SPDX-License-Identifier: MIT */
/* The kernel that is played on a recorded tree: what it does with what is written to sysfs. */
#ifndef TESTS_UNIT_HOST_KERNEL_H
#define TESTS_UNIT_HOST_KERNEL_H

#include "tests/unit/host_tree.h"

/** From now on writes of the tree's context come here. */
void kernel_play(struct host_tree *tree);

/** The driver that a device was recorded with; empty: none. */
void kernel_own_driver(const struct host_tree *tree, const char *address, char out[64]);

/** How many virtual functions there are of a device (host_kernel_vfs.c); makes as many, or fails as sysfs
 * does. */
unsigned kernel_vfs(const struct host_tree *tree, const char *address);
int kernel_set_vfs(struct host_tree *tree, const char *pf, const char *text);

#endif
