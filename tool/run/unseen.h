/* SPDX-License-Identifier: MIT */
/* Characters that look like nothing, or like another one: text that comes from a document has them. */
#ifndef TOOL_RUN_UNSEEN_H
#define TOOL_RUN_UNSEEN_H

/** What the first of them in `text` is called, with its article; NULL: there is none. */
const char *unseen_find(const char *text);

/** The same for a character that `text` begins with and that is taken for "-". */
const char *unseen_dash(const char *text);

#endif
