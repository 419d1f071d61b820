/* SPDX-License-Identifier: MIT */
/* The machine's process, and what it tells its keeper (machine_says.c). */
#ifndef TOOL_RUN_MACHINE_STATE_H
#define TOOL_RUN_MACHINE_STATE_H

#include <time.h>

#include "tool/run/control.h"
#include "tool/run/machine.h"
#include "tool/run/outbox.h"

struct machine {
	const struct machine_config *config;
	int control, signals;
	struct outbox outbox;
	struct vmm *vmm;
	bool running;   /* the start is over */
	bool spoken_to; /* the keeper's messages are to be read */
	time_t pressed; /* when the power button was pressed last, s; 0: never */
};

/** From any thread. */
void machine_say(struct machine *machine, enum outbox_rule rule, enum control_type type, uint32_t value,
		 const char *text);
/** A line that the user asked for: it is printed without -v too. `opaque`: the machine. */
void machine_print_line(void *opaque, const char *line);
/** A step of the start begins, or ends with an empty text: told to the keeper, and traced. From any thread.
 */
void machine_step(void *opaque, unsigned row, const char *what);
/** The same for the trace alone. */
void machine_trace(struct machine *machine, unsigned row, const char *what);
/** Says how many lines had no room in the socket. */
void machine_tell_lost(struct machine *machine);
/** All that a machine made by `config` says goes to the keeper from now on. */
void machine_listens(struct machine *machine, struct vmm_config *config);

#endif
