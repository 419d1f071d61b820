/* SPDX-License-Identifier: MIT */
/*
 * Text that came from a device, a file or a name of the host is cleaned before it is
 * printed: a control character in it would change the terminal. A new line is one, too:
 * it would begin a line that seems to be ours.
 */
#ifndef TOOL_CLEAN_H
#define TOOL_CLEAN_H

#include <stddef.h>

/** Replaces each control character by '?'. */
void clean_text(char *text);

/** The same to `out`; text that does not fit is cut. */
void clean_copy(char *out, size_t size, const char *text);

#endif
