/* SPDX-License-Identifier: MIT */
/* For libFuzzer: the bytes choose which files of a host are odd, and how. */
#include <stdlib.h>

#include "tests/unit/odd_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct host_tree *tree;

static void end(void)
{
	tree_free(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!tree) {
		tree = odd_new();
		atexit(end);
	}
	odd_bytes(tree, data, size);
	return 0;
}
