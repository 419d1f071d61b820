/* SPDX-License-Identifier: MIT */
/*
 * What memory this computer can give to a guest, looked at before it is taken: populating
 * more than there is does not fail, but makes the kernel's OOM killer end a process.
 */
#ifndef TOOL_RUN_MEMORY_H
#define TOOL_RUN_MEMORY_H

#include "lend/types.h"

struct memory_limit {
	uint64_t available; /* bytes */
	char group[256];    /* the control group that sets it; empty: the computer itself */
};

/**
 * The least of what the computer has and what each control group that this
 * process is in still allows. `proc` and `sys` are where procfs and sysfs are
 * mounted. What cannot be read sets no limit.
 */
void memory_available(const char *proc, const char *sys, struct memory_limit *out);

/**
 * Whether a guest of `memory` bytes fits, in pages of hugetlb of `huge_page`
 * bytes where that is not 0. 0, or -ENOMEM with the sentence.
 */
int memory_check(const char *proc, const char *sys, uint64_t memory, uint64_t huge_page,
		 struct lend_error *error);

#endif
