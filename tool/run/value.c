/* SPDX-License-Identifier: MIT */
/* The pieces of values on the command line. Strict: nothing may follow, no sign, no space. */
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

const char *value_part(const char *text, char out[VALUE_PART])
{
	size_t length = strcspn(text, ",");

	if (length >= VALUE_PART)
		return NULL;
	memcpy(out, text, length);
	out[length] = '\0';
	return text + length;
}
