/* SPDX-License-Identifier: MIT */
/* How often a test does what has to be done very often. */
#ifndef TESTS_UNIT_ROUNDS_H
#define TESTS_UNIT_ROUNDS_H

#include <stdlib.h>

/** `few`; with LEND_LONG in the environment (scripts/check --long) `many`. */
static inline unsigned rounds(unsigned few, unsigned many)
{
	return getenv("LEND_LONG") ? many : few;
}

#endif
