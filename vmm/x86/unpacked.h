/* SPDX-License-Identifier: MIT */
/*
 * The kernel that a bzImage holds, unpacked beforehand: what the code in front of it in the
 * bzImage would do is done here. That is loading its segments, and moving it to a random virtual
 * address (KASLR). Nothing in the file is trusted.
 */
#ifndef VMM_X86_UNPACKED_H
#define VMM_X86_UNPACKED_H

#include "vmm/x86/boot.h"

/** Where a kernel runs, and what it is told. */
struct unpacked {
	uint64_t load, room; /* as the bzImage's header says: from where on, and how much there */
	uint64_t alignment;  /* of its virtual address, a power of two */
	uint64_t entry;      /* out: of 64 bits */
	bool randomized;     /* out: it is to be told so (KASLR_FLAG) */
};

/**
 * Loads config->unpacked_fd. 0, or a negative errno: it is none that can be entered so, or does not
 * fit, and what is in memory there is worth nothing then.
 */
int unpacked_load(const struct memory *memory, const struct boot_config *config, struct unpacked *unpacked);

#endif
