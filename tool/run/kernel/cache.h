/* SPDX-License-Identifier: MIT */
/*
 * Kernels that were unpacked once, in a folder of the user's. A file of it is taken only if nobody else
 * can have written it, and after its bytes were checked.
 */
#ifndef TOOL_RUN_KERNEL_CACHE_H
#define TOOL_RUN_KERNEL_CACHE_H

#include "lend/types.h"
#include "tool/run/home.h"

struct kernel_cache {
	const char *folder; /* NULL: by `home`, below XDG_CACHE_HOME */
	struct home home;
	uint64_t bytes_max; /* of all its files; 0: CACHE_BYTES_MAX */
	unsigned settled_s; /* files that changed later than so long before a check are checked again */
};

enum { CACHE_SETTLED_S = 2 };
#define CACHE_BYTES_MAX (UINT64_C(512) << 20)

/**
 * Finds the kernel that the bzImage `kernel` holds, or unpacks it, which takes as long as the kernel itself
 * would need. A descriptor of a file that begins with it, `*size` bytes; or a negative errno with a sentence:
 * then the image is booted as it is. -ENOEXEC: it holds none that can be unpacked here; -EPERM: the
 * folder, or what is in it, could be another user's; -EBUSY: another process is at it.
 */
int kernel_cache_find(const struct kernel_cache *cache, int kernel, uint64_t *size, struct lend_error *error);

#endif
