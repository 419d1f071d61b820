/* SPDX-License-Identifier: MIT */
/* Writing a file that others read at any time: they find the old text or the new one, as a whole. */
#ifndef TOOL_REPLACE_H
#define TOOL_REPLACE_H

#include "lend/types.h"

/**
 * Writes `text` and a newline to a new file (mode 0644), which then takes the name. What is
 * there and is no regular file (a link, a pipe, a terminal) is written to. Negative errno, with a
 * sentence: the old file is as it was, and nothing else is left.
 */
int replace_file(const char *path, const char *text, struct lend_error *error);

#endif
