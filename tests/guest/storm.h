/* SPDX-License-Identifier: MIT */
/* What the processors of a storm (storm.c) do to the functions that it is given (storm_acts.c). */
#ifndef GUEST_STORM_H
#define GUEST_STORM_H

#include "chance.h"
#include "pci.h"

enum { TARGETS = 8, BARS = 6, SAVED = 16 };

/* A function as it was before the storm. */
struct target {
	unsigned address;
	unsigned msix, express, pm; /* offsets of capabilities, 0: none */
	unsigned table_bar, vectors;
	uint64_t table; /* offset in that BAR */
	bool is_free;   /* writes to its registers do no more than change them */
	bool is_bridge;
	uint32_t saved[SAVED]; /* its header */
	struct bar bars[BARS];
	uint64_t sizes[BARS]; /* 0: no BAR */
};

struct storm {
	struct target targets[TARGETS];
	unsigned count;
	uint64_t ram; /* bytes of memory from 0 on */
};

/* One act of many kinds, at one of the targets; what was read. */
uint64_t storm_act(const struct storm *storm, struct chance *from);

/* Looks at a function; false: there is none. */
bool storm_look(struct target *target, unsigned address);

#endif
