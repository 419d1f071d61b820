/* SPDX-License-Identifier: MIT */
/*
 * Where a start is: the steps of the machine that are under way, and when the
 * user is told of them. No clock and no process in here: times are handed in,
 * in ms.
 */
#ifndef TOOL_RUN_PROGRESS_H
#define TOOL_RUN_PROGRESS_H

#include "vmm/vmm.h"

enum {
	PROGRESS_LONG_MS = 1000, /* a step that took this long is worth a line of -v */
	PROGRESS_LINE = 512,
};

struct progress {
	struct {
		char what[128]; /* empty: nothing is under way in this row */
		uint64_t since;
	} rows[VMM_STEP_ROWS];
	struct {
		uint64_t done, since; /* bytes, ms */
		bool begun, told;
	} memory; /* while it is populated */
	uint64_t begun;
	unsigned told; /* how often the user was told by the clock */
	bool over;     /* the guest runs, or never will */
};

void progress_begin(struct progress *progress, uint64_t now);

/** The guest runs, or the machine has ended: nothing is told any more. */
void progress_over(struct progress *progress);

/**
 * A step begins, or what is known of it changes (then its time goes on). An
 * empty `what` is its end: true, with a sentence in `line`, when it took long.
 */
bool progress_step(struct progress *progress, unsigned row, const char *what, uint64_t now,
		   char line[PROGRESS_LINE]);

/** How long poll() may wait until progress_tick() has something to tell, -1: for ever. */
int progress_wait(const struct progress *progress, uint64_t now);

/**
 * `done` of `all` bytes of guest memory are populated; 0: that begins. True, with how far it is as
 * a sentence in `line`, from PROGRESS_LONG_MS on until it is over; then once more, with an empty one.
 */
bool progress_memory(struct progress *progress, uint64_t done, uint64_t all, uint64_t now,
		     char line[PROGRESS_LINE]);

/** Time went by. True: it is time to tell the user what is in `line`. */
bool progress_tick(struct progress *progress, uint64_t now, char line[PROGRESS_LINE]);

/** What is waited for, as a sentence. False: the start is over. */
bool progress_tell(const struct progress *progress, uint64_t now, char line[PROGRESS_LINE]);

#endif
