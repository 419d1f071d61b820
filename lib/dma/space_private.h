/* SPDX-License-Identifier: MIT */
/*
 * The space's insides, for lib/dma alone.
 *
 * `lock` guards everything below it. It is a leaf: nothing that is called with
 * it held takes another lock of the library or calls the monitor, so a function
 * may map its BARs with its own lock held.
 */
#ifndef LIB_DMA_SPACE_PRIVATE_H
#define LIB_DMA_SPACE_PRIVATE_H

#include <pthread.h>

#include "lib/context.h"
#include "lib/dma/ranges.h"
#include "lib/dma/space.h"

enum { DOMAINS_MAX = 64 }; /* bits of dma_map.domains */

struct space_user {
	struct space_user *next;
	struct domain_user user; /* without its name */
	unsigned domain;
};

struct space_domain {
	const struct domain_ops *ops; /* NULL: this place is free */
	void *opaque;
	domain_make make; /* its kind */
	unsigned users;
};

struct lend_space {
	struct lend_context *context;
	struct lend_host_ops ops;
	void *host;
	struct log_bucket bucket; /* lines about peer-to-peer maps, which a guest causes by moving BARs */

	pthread_mutex_t lock;
	struct range_list ranges; /* as lend_space_map() was given them */
	struct map_list maps;     /* as the domains have them */
	struct space_domain domains[DOMAINS_MAX];
	struct space_user *users;
	bool peers_said; /* that peer-to-peer maps fail */
	uint64_t mapped; /* bytes of RAM and ROM */
};

/** Maps `map` in one domain, sets its bit. A BAR that cannot be mapped is one line and no failure. */
int space_map_one(struct lend_space *space, struct dma_map *map, unsigned domain);
/** Maps it in all domains, or in none. */
int space_map_all(struct lend_space *space, struct dma_map *map);
/** Unmaps it wherever it is mapped; failures are logged, and the first one returned. */
int space_unmap_all(struct lend_space *space, struct dma_map *map);

/** The sentence for a map that failed with `code`. */
int space_say_map(struct lend_space *space, const struct dma_map *map, int code, struct lend_error *error);

/** lend_space_windows() with the lock held. */
size_t space_windows(struct lend_space *space, struct lend_iova_window *out, size_t max);

#endif
