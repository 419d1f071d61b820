/* SPDX-License-Identifier: MIT */
/* The UUID that a physical function's driver and those of its virtual functions share. */
#ifndef LIB_OPEN_TOKEN_H
#define LIB_OPEN_TOKEN_H

#include <stdint.h>

enum { TOKEN_SIZE = 16, TOKEN_TEXT = 36 };

/** Reads "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", in the order written. 0 or -EINVAL. */
int token_parse(const char *text, uint8_t out[TOKEN_SIZE]);

#endif
