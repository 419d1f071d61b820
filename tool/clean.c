/* SPDX-License-Identifier: MIT */
/* See clean.h. */
#include <stdbool.h>
#include <stdio.h>

#include "tool/clean.h"

/* How many bytes follow the first one of a character of UTF-8. */
static unsigned following(unsigned char first)
{
	return first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
}

void clean_text(char *text)
{
	unsigned follow = 0;

	for (unsigned char *at = (unsigned char *)text; *at; at++) {
		bool is_c1 = *at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0;
		bool is_inner = (*at & 0xc0) == 0x80;

		if (is_inner && follow) {
			follow--;
			continue;
		}
		follow = is_c1 ? 0 : following(*at);
		/* C0, DEL, C1 as UTF-8 writes it, and C1 alone, which a terminal without UTF-8 obeys. */
		if (*at < ' ' || *at == 0x7f || is_c1 || is_inner)
			*at = '?';
	}
}

void clean_copy(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text);
	clean_text(out);
}
