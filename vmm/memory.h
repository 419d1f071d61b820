/* SPDX-License-Identifier: MIT */
/*
 * Guest RAM: one anonymous mapping of the host, shown to the guest in pieces
 * (below the hole, above 4 GiB, around addresses that the IOMMU reserves).
 *
 * The mapping is made and populated before the pieces are known, so that both
 * can go on while devices are opened. After memory_place() nothing changes:
 * no lock is needed.
 */
#ifndef VMM_MEMORY_H
#define VMM_MEMORY_H

#include "lend/types.h"
#include "vmm/brief.h"
#include "vmm/gpa.h"

enum { MEMORY_PIECES_MAX = 16, MEMORY_THREADS_MAX = 8 };

struct memory_piece {
	gpa_t gpa;
	uint64_t offset; /* in the mapping */
	uint64_t length;
};

struct memory_filler {
	struct memory *memory;
	struct brief thread;
	uint64_t offset, length;
	int ret;
};

/** What backs guest memory. */
struct memory_kind {
	uint64_t size;      /* bytes, a multiple of huge_page */
	uint64_t huge_page; /* bytes of a page of hugetlb; 0: transparent huge pages */
	bool shared;        /* a memfd that other processes could map */
	bool has_node;      /* pages come from `node` of the host as long as it has any */
	bool node_asked;    /* by the user: from that node alone, and too few pages are an error */
	unsigned node;
	const char *sysfs; /* where the processors of the node are found; NULL: threads run on any */
	/*
	 * From `before` bytes `now` are populated; with 0 and 0 it begins. From any thread. NULL:
	 * nobody wants to know.
	 */
	void (*filled)(void *opaque, uint64_t before, uint64_t now);
	void *opaque;
};

struct memory {
	struct memory_kind kind;
	bool on_node;    /* the host has several nodes, and the pages come from the kind's */
	uint64_t filled; /* bytes; atomic */
	uint8_t *base;
	uint64_t size;
	int fd; /* of shared memory; -1: none */
	struct memory_piece pieces[MEMORY_PIECES_MAX];
	unsigned piece_count;
	struct memory_filler fillers[MEMORY_THREADS_MAX];
	unsigned filler_count;
};

/** Reserves memory and starts to populate it. */
int memory_new(struct memory *memory, const struct memory_kind *kind, struct lend_error *error);

/** Waits until all of it is populated. */
int memory_wait(struct memory *memory, struct lend_error *error);

void memory_free(struct memory *memory);

/** Host address of [at, at + length) if one piece holds all of it, else NULL. */
void *memory_at(const struct memory *memory, gpa_t at, uint64_t length);

/** The guest's address of the byte at `va`; false: it is not RAM of the guest. */
bool memory_find(const struct memory *memory, const void *va, gpa_t *out);

/** Whether any byte of [at, at + length) is RAM. */
bool memory_overlaps(const struct memory *memory, gpa_t at, uint64_t length);

/** Copies into guest memory; -EFAULT where it does not fit into one piece. */
int memory_put(const struct memory *memory, gpa_t at, const void *data, uint64_t length);

#endif
