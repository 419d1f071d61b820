/* SPDX-License-Identifier: MIT */
/*
 * How a machine is made to end: the power button first; after a while, or when
 * asked again, an orderly stop without the guest; after a while, SIGKILL. No
 * clock and no process in here: times are handed in, in ms.
 */
#ifndef TOOL_RUN_LADDER_H
#define TOOL_RUN_LADDER_H

#include <stdbool.h>
#include <stdint.h>

enum ladder_step {
	LADDER_NONE,
	LADDER_BUTTON,
	LADDER_STOP,
	LADDER_KILL,
};

struct ladder_times {
	unsigned button_ms; /* for the guest, from the power button to its end */
	unsigned stop_ms;   /* for the machine, from the request to stop to its end */
	unsigned end_ms;    /* for giving everything back, after it said that it ended */
};

struct ladder {
	struct ladder_times times;
	enum ladder_step last; /* the step that was taken last */
	bool running;          /* the guest has started: there is somebody to press the button for */
	bool ended;            /* the machine said that it ended */
	uint64_t deadline;     /* 0: none */
};

/** The user asked for an end (a signal). Returns the step to take now. */
enum ladder_step ladder_ask(struct ladder *ladder, uint64_t now);
/** The user asked for an end at once. */
enum ladder_step ladder_ask_stop(struct ladder *ladder, uint64_t now);
/** The machine said that it ended; it now gives back what it had. */
void ladder_end(struct ladder *ladder, uint64_t now);
/** Time went by. */
enum ladder_step ladder_tick(struct ladder *ladder, uint64_t now);
/** How long poll() may wait, -1: for ever. */
int ladder_wait(const struct ladder *ladder, uint64_t now);

#endif
