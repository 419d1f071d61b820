/* SPDX-License-Identifier: MIT */
/* A line of words, and what a freestanding compiler calls. */
#ifndef GUEST_TEXT_H
#define GUEST_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The rest of a line; taking a word ends it with a 0. */
struct words {
	char *at;
};

bool same(const char *a, const char *b);

/* The next word; "" at the end. */
char *word(struct words *words);
/* The next word as a number, decimal or 0x; false when there is none. */
bool word_number(struct words *words, uint64_t *out);
/* The next word as bus:slot.function; false when it is none. */
bool word_address(struct words *words, unsigned *out);

void *memset(void *to, int value, size_t length);
void *memcpy(void *to, const void *from, size_t length);
int memcmp(const void *a, const void *b, size_t length);

#endif
