/* SPDX-License-Identifier: MIT */
/*
 * Edit distance: the number of characters to insert, delete, replace or swap
 * with their neighbour. Words longer than LONGEST are compared by their first
 * LONGEST characters; no name of ours is that long.
 */
#include <stdlib.h>
#include <string.h>

#include "tool/nearest.h"

enum { LONGEST = 63 };

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static unsigned distance(const char *a, const char *b)
{
	size_t la = strnlen(a, LONGEST), lb = strnlen(b, LONGEST);
	unsigned table[LONGEST + 1][LONGEST + 1];

	for (size_t i = 0; i <= la; i++)
		table[i][0] = (unsigned)i;
	for (size_t j = 0; j <= lb; j++)
		table[0][j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		for (size_t j = 1; j <= lb; j++) {
			unsigned best = table[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

			best = least(best, least(table[i - 1][j], table[i][j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = least(best, table[i - 2][j - 2] + 1);
			table[i][j] = best;
		}
	}
	return table[la][lb];
}

void nearest_offer(struct nearest *nearest, const char *candidate)
{
	unsigned away = distance(nearest->word, candidate);

	if (away * 3 > strnlen(nearest->word, LONGEST) || (nearest->best && away >= nearest->distance))
		return;
	nearest->best = candidate;
	nearest->distance = away;
}
