/* SPDX-License-Identifier: MIT */
/* UUIDs as text. */
#include <errno.h>
#include <stdbool.h>

#include "lib/open/token.h"

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int token_parse(const char *text, uint8_t out[TOKEN_SIZE])
{
	unsigned used = 0;

	for (unsigned i = 0; i < TOKEN_TEXT;) {
		int high, low;

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text[i++] != '-')
				return -EINVAL;
			continue;
		}
		high = digit(text[i]);
		low = high < 0 ? -1 : digit(text[i + 1]);
		if (low < 0)
			return -EINVAL;
		out[used++] = (uint8_t)(high << 4 | low);
		i += 2;
	}
	return text[TOKEN_TEXT] ? -EINVAL : 0;
}
