/* SPDX-License-Identifier: MIT */
/*
 * Addresses of PCI functions as text. Strict: exactly the digits that the
 * kernel prints (two for the bus, two for the device, one for the function,
 * four to seven for the domain), so that a slip of the finger is no address.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lend/host.h"
#include "lib/hex.h"

/* Reads `count` hex digits and moves `*text` behind them. */
static bool take_hex(const char **text, unsigned count, uint32_t *out)
{
	uint32_t value = 0;

	for (; count; count--, (*text)++) {
		int digit = hex_digit(**text);

		if (digit < 0)
			return false;
		value = value << 4 | (uint32_t)digit;
	}
	*out = value;
	return true;
}

static bool take_char(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

/* `text` is "05:00.0" or has a domain before it; it ends at `length`. */
static int parse_address(const char *text, size_t length, bool need_domain, struct lend_bdf *out)
{
	/* "BB:DD.F" has 7 characters; a domain adds 4 to 7 digits and a colon. */
	const size_t short_length = 7, domain_least = 4, domain_most = 7;
	uint32_t domain = 0, bus, device, function;
	const char *end = text + length;

	if (length != short_length || need_domain) {
		size_t digits = length - short_length - 1;

		if (length < short_length + 1 + domain_least || digits > domain_most)
			return -EINVAL;
		if (!take_hex(&text, (unsigned)digits, &domain) || !take_char(&text, ':'))
			return -EINVAL;
	}
	if (!take_hex(&text, 2, &bus) || !take_char(&text, ':') || !take_hex(&text, 2, &device) ||
	    !take_char(&text, '.') || !take_hex(&text, 1, &function) || text != end)
		return -EINVAL;
	if (device > 0x1f || function > 7)
		return -EINVAL;
	*out = (struct lend_bdf){domain, (uint8_t)bus, (uint8_t)device, (uint8_t)function};
	return 0;
}

int lend_bdf_parse(const char *text, struct lend_bdf *out)
{
	size_t length = strlen(text);
	const char *last;

	if (text[0] != '/')
		return parse_address(text, length, false, out);
	/* A path, perhaps with the slash that a shell's completion adds. */
	while (length > 1 && text[length - 1] == '/')
		length--;
	last = memrchr(text, '/', length);
	last++;
	return parse_address(last, (size_t)(text + length - last), true, out);
}

void lend_bdf_format(const struct lend_bdf *bdf, char out[16])
{
	/* The masks tell the compiler, and us, that it fits: 7 + 8 characters and a NUL. */
	snprintf(out, 16, "%04x:%02x:%02x.%x", bdf->domain & 0xfffffffu, bdf->bus, bdf->device & 0x1fu,
		 bdf->function & 7u);
}
