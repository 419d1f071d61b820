/* SPDX-License-Identifier: MIT */
/* VF tokens: a UUID that the users of a physical function and of its virtual functions share. */
#ifndef LIB_OPEN_TOKEN_H
#define LIB_OPEN_TOKEN_H

#include <stdint.h>

enum { TOKEN_SIZE = 16, TOKEN_TEXT = 36 };

/** Parses "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" into bytes in the order of the text. 0 or -EINVAL. */
int token_parse(const char *text, uint8_t out[TOKEN_SIZE]);

#endif
