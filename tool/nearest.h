/* SPDX-License-Identifier: MIT */
/* The known word that is nearest to one that is not known, for "did you mean". */
#ifndef TOOL_NEAREST_H
#define TOOL_NEAREST_H

struct nearest {
	const char *word;
	const char *best; /* NULL: nothing that was offered is near: a third of the word may differ */
	unsigned distance;
};

/** Offers a candidate; of equally near ones the first stays. Set `word` before, and the rest to 0. */
void nearest_offer(struct nearest *nearest, const char *candidate);

#endif
