/* SPDX-License-Identifier: MIT */
#include "text.h"

bool same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

char *word(struct words *words)
{
	char *start;

	while (*words->at == ' ')
		words->at++;
	start = words->at;
	while (*words->at && *words->at != ' ')
		words->at++;
	if (*words->at)
		*words->at++ = 0;
	return start;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* Digits up to `end`; the place behind it, or NULL. */
static const char *number(const char *at, char end, unsigned base, uint64_t *out)
{
	*out = 0;
	if (*at == end)
		return NULL;
	for (; *at != end; at++) {
		if (digit(*at) >= (int)base)
			return NULL;
		*out = *out * base + (uint64_t)digit(*at);
	}
	return at + 1;
}

bool word_number(struct words *words, uint64_t *out)
{
	const char *w = word(words);

	if (w[0] == '0' && w[1] == 'x')
		return number(w + 2, 0, 16, out);
	return number(w, 0, 10, out);
}

bool word_address(struct words *words, unsigned *out)
{
	const char *w = word(words);
	uint64_t bus, slot, function;

	w = number(w, ':', 16, &bus);
	w = w ? number(w, '.', 16, &slot) : NULL;
	w = w ? number(w, 0, 16, &function) : NULL;
	if (!w || bus > 255 || slot > 31 || function > 7)
		return false;
	*out = (unsigned)(bus << 8 | slot << 3 | function);
	return true;
}

void *memset(void *to, int value, size_t length)
{
	void *at = to;

	__asm__ volatile("rep stosb" : "+D"(at), "+c"(length) : "a"(value) : "memory");
	return to;
}

void *memcpy(void *to, const void *from, size_t length)
{
	void *at = to;

	__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(length)::"memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t length)
{
	const unsigned char *x = a, *y = b;

	for (size_t i = 0; i < length; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return 0;
}
