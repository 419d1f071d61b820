/* SPDX-License-Identifier: MIT */
/*
 * --trace FILE: a start as spans and marks, in the Trace Event format (JSON that Perfetto opens). The keeper
 * and the machine write to one file, an event in one write each, so what is there is right also when one of
 * them is killed; the format lets the end be missing.
 */
#ifndef TOOL_RUN_TRACE_H
#define TOOL_RUN_TRACE_H

#include "tool/run/options.h"

/* The rows of the machine (enum vmm_step_row), and one of the keeper. */
enum { TRACE_KEEPER = VMM_STEP_ROWS, TRACE_ROWS };

struct trace {
	int fd;         /* -1: nothing is written */
	uint64_t begun; /* ns of trace_now(); what all times are counted from */
	struct {
		uint64_t since; /* 0: nothing goes on */
		char what[96];
	} rows[TRACE_ROWS];
};

uint64_t trace_now(void);

/** Takes an open file, which is emptied; -1: none. The span of the command line began at options->begun. */
void trace_begin(struct trace *trace, int fd, const struct run_options *options);

/**
 * As vmm_config.step: something begins in a row, or what is known of it changes; an empty `what` is its
 * end. From any thread, one at a time for each row; later words for what goes on already are left out.
 */
void trace_step(struct trace *trace, unsigned row, const char *what);

/** Something happened in a row. Any thread. */
void trace_mark(struct trace *trace, unsigned row, const char *what);

/** Writes the end. The file stays open. */
void trace_end(struct trace *trace);

#endif
