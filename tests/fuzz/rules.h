/* SPDX-License-Identifier: MIT */
/*
 * Files of rules of the user (lend-quirks(5)), for the targets that have them: the bytes choose rules and
 * which devices they name, and here is what they say together of the device of a fake world.
 */
#ifndef TESTS_FUZZ_RULES_H
#define TESTS_FUZZ_RULES_H

#include <stdbool.h>

#include "tests/fuzz/input.h"

struct fuzz_rules {
	bool caps[256], extended[0x40]; /* denied, by their ids */
	bool forbid_intx, deny_rom, strict;
	unsigned broken; /* resets: bit n is the n-th name of the manual page */
	bool closes_cxl, closes_own;
	unsigned trap_count;
	struct {
		unsigned bar;
		uint64_t offset, length;
	} traps[6];
};

/* Which keys a rule may have. */
enum { RULES_RESETS = 4, RULES_ALL = 0x1ff };

/** Makes up to three rules of these keys. Returns the folder with their file; NULL: there are none. */
const char *fuzz_rules_make(struct fuzz_rules *out, struct input *input, unsigned keys);

#endif
