/* SPDX-License-Identifier: MIT */
/*
 * How a machine is made to end: the power button first; after a while, or when
 * asked again, an orderly stop without the guest; after a while, SIGKILL. A
 * machine that says that it is at work gets more time, but never more than
 * `work_ms` in all. No clock and no process in here: times are handed in, in ms.
 */
#ifndef TOOL_RUN_LADDER_H
#define TOOL_RUN_LADDER_H

#include <stdbool.h>
#include <stdint.h>

enum ladder_step {
	LADDER_NONE,
	LADDER_WAIT, /* nothing is done but to say what is waited for, and until when */
	LADDER_BUTTON,
	LADDER_STOP,
	LADDER_KILL,
};

struct ladder_times {
	unsigned button_ms; /* for the guest, from the power button to its end */
	unsigned stop_ms;   /* for a machine that is asked to stop and says nothing */
	unsigned work_ms;   /* for one that says that it is at work, from the request to its end */
	unsigned end_ms;    /* for giving everything back, after it said that it ended */
};

struct ladder {
	struct ladder_times times;
	enum ladder_step last; /* the step that was taken last */
	bool running;          /* the guest has started: there is somebody to press the button for */
	bool working;          /* the machine said that something takes its time */
	bool ended;            /* the machine said that it ended */
	uint64_t deadline;     /* of the next step; 0: none */
	uint64_t limit;        /* once it is asked to stop: when it is killed at the latest */
};

/** The user asked for an end (a signal). Returns the step to take now. */
enum ladder_step ladder_ask(struct ladder *ladder, uint64_t now);
/** The user asked for an end at once. */
enum ladder_step ladder_ask_stop(struct ladder *ladder, uint64_t now);
/** The machine said that it begins something long, or that this is done. */
void ladder_work(struct ladder *ladder, bool working, uint64_t now);
/** The machine said that it ended; it now gives back what it had. */
void ladder_end(struct ladder *ladder, uint64_t now);
/** Time went by. */
enum ladder_step ladder_tick(struct ladder *ladder, uint64_t now);
/** How long poll() may wait, -1: for ever. */
int ladder_wait(const struct ladder *ladder, uint64_t now);

#endif
