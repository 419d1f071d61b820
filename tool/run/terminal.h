/* SPDX-License-Identifier: MIT */
/*
 * The user's terminal in raw mode, and back. Back in every ending: this
 * process restores it, and if it is killed, a guard does: a small process of
 * its own that waits for our end and does nothing else.
 */
#ifndef TOOL_RUN_TERMINAL_H
#define TOOL_RUN_TERMINAL_H

#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

struct terminal {
	int fd; /* -1: no terminal */
	bool raw;
	struct termios before, during; /* `during` as the terminal gave it back */
	pid_t guard;                   /* 0: none */
	int guard_pipe;
};

/** Looks at `fd`; what is not a terminal is fine, and everything below then does nothing. */
void terminal_init(struct terminal *terminal, int fd);
/** Whether `fd` is a terminal, and this process may read from it now. */
bool terminal_is_ours(const struct terminal *terminal);
/** Raw mode, if the terminal is ours. Output keeps its translation of newlines. */
void terminal_enter(struct terminal *terminal);
/** As it was before terminal_enter(). */
void terminal_leave(struct terminal *terminal);
/** Leaves, and ends the guard. */
void terminal_free(struct terminal *terminal);

#endif
