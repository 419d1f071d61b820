/* SPDX-License-Identifier: MIT */
/* Reading the rows, and changing the life (ledger.h). */
#include "lib/pci/ledger/ledger.h"

int next_out(const struct lend_function *function, enum out row, unsigned from)
{
	const uint64_t *bits = function->ledger.bits[row];

	for (unsigned word = from / 64; word < LEDGER_WORDS; word++) {
		uint64_t left = bits[word];

		if (word == from / 64)
			left &= UINT64_MAX << from % 64;
		if (left)
			return (int)(word * 64 + (unsigned)__builtin_ctzll(left));
	}
	return -1;
}

void life_set(struct lend_function *function, enum life life)
{
	if (life_of(function) != LIFE_LEAVING)
		__atomic_store_n(&function->ledger.life, life, __ATOMIC_RELEASE);
}
