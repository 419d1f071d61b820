/* SPDX-License-Identifier: MIT */
/* The bytes that libFuzzer gives, taken from the front; behind their end all are 0. */
#ifndef TESTS_FUZZ_INPUT_H
#define TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

struct input {
	const uint8_t *at;
	size_t left;
};

static inline uint8_t take(struct input *input)
{
	if (!input->left)
		return 0;
	input->left--;
	return *input->at++;
}

/* The first byte is the lowest. */
static inline uint64_t take_number(struct input *input, unsigned length)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < length; i++)
		value |= (uint64_t)take(input) << 8 * i;
	return value;
}

#endif
