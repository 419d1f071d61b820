/* SPDX-License-Identifier: MIT */
/* What the user types at the terminal of a guest, and the few keys that are for us: Ctrl-a and a letter. */
#ifndef TOOL_RUN_ESCAPE_H
#define TOOL_RUN_ESCAPE_H

#include <stdbool.h>
#include <stdint.h>

enum escape_action {
	ESCAPE_SEND,    /* a byte goes to the guest */
	ESCAPE_SWALLOW, /* nothing to do */
	ESCAPE_END,     /* Ctrl-a x: switch the machine off at once */
	ESCAPE_HELP,    /* Ctrl-a h */
};

struct escape {
	bool pending; /* Ctrl-a was the last byte */
};

/** Takes one typed byte; for ESCAPE_SEND, `*byte` is then the one to send. */
enum escape_action escape_byte(struct escape *escape, uint8_t *byte);

#endif
