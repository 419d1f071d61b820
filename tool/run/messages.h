/* SPDX-License-Identifier: MIT */
/*
 * The lines that the keeper prints: its own, and those of the machine. A guest
 * can cause the latter, so they are limited; no reader of them is waited for.
 */
#ifndef TOOL_RUN_MESSAGES_H
#define TOOL_RUN_MESSAGES_H

#include "lend/types.h"
#include "tool/run/sink.h"

struct messages {
	struct sink sink;
	bool terminal;   /* a person watches: a line may change */
	bool changing;   /* and is the last one now, without its end */
	unsigned tokens; /* lines of the machine that may be printed now */
	unsigned long swallowed;
	uint64_t filled; /* when `tokens` was last brought up to date, ms */
};

/** 0 or -ENOMEM. `fd` stays the caller's. */
int messages_init(struct messages *messages, int fd);
void messages_free(struct messages *messages);

/** A line of our own, "lend: " in front. */
LEND_PRINTF(2, 3) void messages_say(struct messages *messages, const char *format, ...);
/**
 * On a terminal, a line of our own that the next one, of whichever kind, takes the place of; an empty
 * text takes it away. Elsewhere nothing is printed.
 */
void messages_change(struct messages *messages, const char *text);
/** A line of the machine; `now` in ms. */
void messages_relay(struct messages *messages, enum lend_log_level level, const char *text, uint64_t now);

#endif
