/* SPDX-License-Identifier: MIT */
/* UUIDs as text. Strict: all digits and all dashes, and nothing after them. */
#include <errno.h>

#include "lend/host.h"
#include "lib/hex.h"

static bool has_dash_before(unsigned byte)
{
	return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

int lend_uuid_parse(const char *text, uint8_t out[LEND_UUID_SIZE])
{
	for (unsigned i = 0; i < LEND_UUID_SIZE; i++) {
		int high, low;

		if (has_dash_before(i) && *text++ != '-')
			return -EINVAL;
		high = hex_digit(text[0]);
		low = high < 0 ? -1 : hex_digit(text[1]);
		if (low < 0)
			return -EINVAL;
		out[i] = (uint8_t)(high << 4 | low);
		text += 2;
	}
	return *text ? -EINVAL : 0;
}
