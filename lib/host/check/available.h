/* SPDX-License-Identifier: MIT */
/*
 * What memory this computer can give to a guest, looked at before it is taken: populating
 * more than there is does not fail, but makes the kernel's OOM killer end a process.
 */
#ifndef LIB_HOST_CHECK_AVAILABLE_H
#define LIB_HOST_CHECK_AVAILABLE_H

#include "lib/host/sysfs.h"

struct available {
	uint64_t bytes;   /* UINT64_MAX: nothing is known that limits it */
	char group[200];  /* the control group that sets it; empty: the computer itself */
	const char *file; /* and by which of its files */
};

/**
 * The least of what the computer has and what each control group that this
 * process is in still allows. What cannot be read sets no limit.
 */
void available_memory(struct lend_context *context, struct available *out);

struct huge_pages {
	bool known;     /* the kernel has pages of that size */
	uint64_t total; /* that are set aside */
	uint64_t free;  /* of these, that nobody has or has reserved; and what the kernel makes on demand */
	struct available of; /* what control groups still allow, in bytes */
};

/** The huge pages of `page` bytes. */
void available_huge(struct lend_context *context, uint64_t page, struct huge_pages *out);

/* A node of memory (NUMA). */
struct numa {
	bool known;      /* the kernel has nodes at all */
	char list[64];   /* those with memory, as the kernel writes it: "0-1,3" */
	unsigned count;  /* how many these are */
	bool has, allow; /* the node that was asked for has memory; this process may have memory of it */
	uint64_t total;  /* huge pages of that size that the node has set aside */
	/*
	 * Bytes of that node that can be had, in pages of the size that was asked for; of ordinary
	 * memory with what the kernel keeps of files, which gives way. UINT64_MAX: not known.
	 */
	uint64_t free;
};

/** What there is of `node`; `page`: of huge pages of that size, 0: of ordinary memory. */
void available_node(struct lend_context *context, unsigned node, uint64_t page, struct numa *out);

#endif
