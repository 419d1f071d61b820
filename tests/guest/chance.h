/* SPDX-License-Identifier: MIT */
/* Random numbers: the same seed makes the same ones. */
#ifndef GUEST_CHANCE_H
#define GUEST_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

struct chance {
	uint64_t state; /* never 0 */
};

static inline uint64_t chance(struct chance *chance)
{
	chance->state ^= chance->state << 13;
	chance->state ^= chance->state >> 7;
	chance->state ^= chance->state << 17;
	return chance->state;
}

/* One time in so many. */
static inline bool chance_of(struct chance *from, unsigned count)
{
	return chance(from) % count == 0;
}

/* Zero, ones, a single bit, or anything. */
static inline uint64_t chance_value(struct chance *from)
{
	switch (chance(from) % 4) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return 1ULL << chance(from) % 64;
	default:
		return chance(from);
	}
}

/* An offset below `length`, at which an access of that width fits; every second one is aligned. */
static inline uint64_t chance_offset(struct chance *from, uint64_t length, unsigned width)
{
	uint64_t offset = chance(from) % (length - width + 1);

	return chance_of(from, 2) ? offset : offset & ~(uint64_t)(width - 1);
}

#endif
