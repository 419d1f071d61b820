/* SPDX-License-Identifier: MIT */
/* What all devices of a space can address: the intersection over its domains. Any number of windows. */
#include <errno.h>
#include <stdlib.h>

#include "lib/dma/space_private.h"

struct list {
	size_t count;
	struct lend_iova_window *at;
};

/* Two lists that ascend; the result has no more than both together. Frees both. */
static int intersect(struct list *all, struct list *one)
{
	struct list both = {0, calloc(all->count + one->count + 1, sizeof(*both.at))};
	size_t i = 0, j = 0;

	while (both.at && i < all->count && j < one->count) {
		const struct lend_iova_window *a = &all->at[i], *b = &one->at[j];
		lend_iova_t start = a->start > b->start ? a->start : b->start;
		lend_iova_t last = a->last < b->last ? a->last : b->last;

		if (start <= last)
			both.at[both.count++] = (struct lend_iova_window){start, last};
		if (a->last < b->last)
			i++;
		else
			j++;
	}
	free(all->at);
	free(one->at);
	*all = both;
	return both.at ? 0 : -ENOMEM;
}

static int ask(const struct space_domain *domain, struct list *out)
{
	/* The lock is held, and a domain's answer changes only when a user comes or leaves. */
	size_t count = domain->ops->windows(domain->opaque, NULL, 0);

	out->at = calloc(count + 1, sizeof(*out->at));
	if (!out->at)
		return -ENOMEM;
	out->count = domain->ops->windows(domain->opaque, out->at, count);
	if (out->count > count)
		out->count = count;
	return 0;
}

int space_windows(struct lend_space *space)
{
	struct list all = {1, NULL}, one;
	int ret = 0;

	if (space->windows.known)
		return 0;
	all.at = calloc(1, sizeof(*all.at));
	if (!all.at)
		return -ENOMEM;
	*all.at = (struct lend_iova_window){0, UINT64_MAX};
	for (unsigned i = 0; i < DOMAINS_MAX && !ret; i++) {
		if (!space->domains[i].ops)
			continue;
		ret = ask(&space->domains[i], &one);
		if (!ret)
			ret = intersect(&all, &one);
	}
	if (ret < 0) {
		free(all.at);
		return ret;
	}
	free(space->windows.at);
	space->windows.at = all.at;
	space->windows.count = all.count;
	space->windows.known = true;
	return 0;
}
