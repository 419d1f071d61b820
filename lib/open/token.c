/* SPDX-License-Identifier: MIT */
/* Parsing a UUID. */
#include <errno.h>
#include <stdbool.h>

#include "lib/hex.h"
#include "lib/open/token.h"

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
		high = hex_digit(text[i]);
		low = high < 0 ? -1 : hex_digit(text[i + 1]);
		if (low < 0)
			return -EINVAL;
		out[used++] = (uint8_t)(high << 4 | low);
		i += 2;
	}
	return text[TOKEN_TEXT] ? -EINVAL : 0;
}
