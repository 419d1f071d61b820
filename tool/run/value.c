/* SPDX-License-Identifier: MIT */
/* The pieces of values on the command line. Strict: nothing may follow, no sign, no space. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "tool/run/options.h"

/* Decimal digits; moves `*text` behind them. */
static int take_decimal(const char **text, uint64_t *out)
{
	const char *start = *text;
	uint64_t value = 0;

	for (; **text >= '0' && **text <= '9'; (*text)++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(**text - '0'), &value))
			return -EINVAL;
	*out = value;
	return *text == start ? -EINVAL : 0;
}

int value_size(const char *text, uint64_t *out)
{
	static const char units[] = "KMGT";
	unsigned shift = 20; /* a bare number is MiB, as other monitors have it */
	uint64_t value;

	if (take_decimal(&text, &value))
		return -EINVAL;
	if (*text) {
		const char *unit = memchr(units, *text & ~0x20, sizeof(units) - 1);

		if (!unit || text[1])
			return -EINVAL;
		shift = 10 * (unsigned)(unit - units + 1);
	}
	return __builtin_mul_overflow(value, UINT64_C(1) << shift, out) ? -EINVAL : 0;
}

int value_number(const char *text, unsigned least, unsigned most, unsigned *out)
{
	uint64_t value;

	if (take_decimal(&text, &value) || *text || value < least || value > most)
		return -EINVAL;
	*out = (unsigned)value;
	return 0;
}

int value_switch(const char *text, bool *out)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {
		{"on", true}, {"yes", true}, {"true", true}, {"off", false}, {"no", false}, {"false", false},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (!strcmp(text, words[i].word)) {
			*out = words[i].value;
			return 0;
		}
	}
	return -EINVAL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

const char *value_mac(const char *text, uint8_t out[6])
{
	static const char wrong[] = "is not six bytes, as 02:00:00:12:34:56";
	uint8_t any = 0;

	for (unsigned i = 0; i < 6; i++) {
		int high, low;

		if (i && *text++ != ':')
			return wrong;
		high = hex_digit(text[0]);
		low = high < 0 ? -1 : hex_digit(text[1]);
		if (low < 0)
			return wrong;
		any |= out[i] = (uint8_t)(high << 4 | low);
		text += 2;
	}
	if (*text)
		return wrong;
	if (out[0] & 1)
		return "is the address of a group: its first byte has to be even, as in 02:00:00:12:34:56";
	return any ? NULL : "is all zeros; give another one, as 02:00:00:12:34:56";
}

const char *value_part(const char *text, char out[VALUE_PART])
{
	size_t length = strcspn(text, ",");

	if (length >= VALUE_PART)
		return NULL;
	memcpy(out, text, length);
	out[length] = '\0';
	return text + length;
}

char *value_next(char **rest)
{
	char *start = *rest, *from = start, *to = start;

	if (!start)
		return NULL;
	while (*from) {
		if (*from == ',' && from[1] != ',')
			break;
		if (*from == ',')
			from++;
		*to++ = *from++;
	}
	*rest = *from ? from + 1 : NULL;
	*to = '\0';
	return start;
}

bool value_is_name(const char *name)
{
	size_t length = strlen(name);

	for (const char *at = name; *at; at++)
		if (!isalnum((unsigned char)*at) && !strchr("-_.+@", *at))
			return false;
	return length && length < RUN_NAME_MAX && isalnum((unsigned char)*name);
}
