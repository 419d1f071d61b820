/* SPDX-License-Identifier: MIT */
/*
 * The guest's serial line: between the machine's socket and what the user has
 * given for it. The machine's side is always read at once, whoever reads ours:
 * a reader that is slow costs output, never the guest's time.
 */
#ifndef TOOL_RUN_CONSOLE_H
#define TOOL_RUN_CONSOLE_H

#include <poll.h>

#include "tool/run/escape.h"
#include "tool/run/sink.h"

enum { CONSOLE_SERIAL, CONSOLE_INPUT, CONSOLE_OUTPUT, CONSOLE_POLLS };

struct console {
	int serial;   /* our end of the machine's socket, which console_free() closes; -1: none (any more) */
	int input;    /* what the user types or sends; -1: none (any more) */
	bool escapes; /* input is a terminal: Ctrl-a is for us, and nothing may hold it up */
	struct escape escape;
	struct ring to_guest;
	struct sink output;
};

/** 0 or -ENOMEM. Nothing is connected yet. */
int console_init(struct console *console);
void console_free(struct console *console);

/** Fills what poll() should look at. */
void console_polls(const struct console *console, struct pollfd polls[CONSOLE_POLLS]);
/** Does what poll() found. ESCAPE_END and ESCAPE_HELP are the caller's to do, all else is done. */
enum escape_action console_serve(struct console *console, const struct pollfd polls[CONSOLE_POLLS]);

/** After the machine's end: takes what it left in the socket. */
void console_drain(struct console *console);

#endif
