/* SPDX-License-Identifier: MIT */
/* The keys after Ctrl-a. A key that means nothing is swallowed with its Ctrl-a. */
#include "tool/run/escape.h"

enum { CTRL_A = 1 };

enum escape_action escape_byte(struct escape *escape, uint8_t *byte)
{
	if (!escape->pending) {
		escape->pending = *byte == CTRL_A;
		return escape->pending ? ESCAPE_SWALLOW : ESCAPE_SEND;
	}
	escape->pending = false;
	switch (*byte) {
	case 'x':
		return ESCAPE_END;
	case 'h':
	case '?':
		return ESCAPE_HELP;
	case 'a':
	case CTRL_A:
		*byte = CTRL_A;
		return ESCAPE_SEND;
	default:
		return ESCAPE_SWALLOW;
	}
}
