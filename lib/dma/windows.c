/* SPDX-License-Identifier: MIT */
/* What all devices of a space can address: the intersection over its domains. */
#include <string.h>

#include "lib/dma/space_private.h"

enum { WINDOWS_MAX = 64 };

static size_t intersect(const struct lend_iova_window *a, size_t a_count, const struct lend_iova_window *b,
			size_t b_count, struct lend_iova_window *out)
{
	size_t i = 0, j = 0, used = 0;

	while (i < a_count && j < b_count && used < WINDOWS_MAX) {
		lend_iova_t start = a[i].start > b[j].start ? a[i].start : b[j].start;
		lend_iova_t last = a[i].last < b[j].last ? a[i].last : b[j].last;

		if (start <= last)
			out[used++] = (struct lend_iova_window){start, last};
		if (a[i].last < b[j].last)
			i++;
		else
			j++;
	}
	return used;
}

size_t space_windows(struct lend_space *space, struct lend_iova_window *out, size_t max)
{
	struct lend_iova_window all[WINDOWS_MAX] = {{0, UINT64_MAX}}, one[WINDOWS_MAX], both[WINDOWS_MAX];
	size_t count = 1;

	for (unsigned i = 0; i < DOMAINS_MAX; i++) {
		struct space_domain *at = &space->domains[i];
		size_t have;

		if (!at->ops)
			continue;
		have = at->ops->windows(at->opaque, one, WINDOWS_MAX);
		count = intersect(all, count, one, have < WINDOWS_MAX ? have : WINDOWS_MAX, both);
		memcpy(all, both, count * sizeof(*all));
	}
	if (max)
		memcpy(out, all, (count < max ? count : max) * sizeof(*out));
	return count;
}
