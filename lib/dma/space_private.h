/* SPDX-License-Identifier: MIT */
/*
 * The space's insides, for lib/dma alone.
 *
 * `lock` guards everything below it. It is a leaf: with it held the domains are
 * called, but neither the monitor nor anything that takes another lock of the
 * library, so a function may map its BARs with its own lock held. What there is
 * to log meanwhile is kept in `notes`, and space_unlock() logs it.
 *
 * To pin all of guest memory for a new domain takes seconds, and functions wait for the lock with their
 * own one held. So a domain is `filling` without the lock, before it is one of `domains`; until then
 * memory does not change and no other user comes. BARs change as always.
 */
#ifndef LIB_DMA_SPACE_PRIVATE_H
#define LIB_DMA_SPACE_PRIVATE_H

#include <pthread.h>

#include "lib/context.h"
#include "lib/dma/maps.h"
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

/** What space_unlock() has to log: of each kind one, and how many more there were. */
struct space_notes {
	struct space_note {
		unsigned count;
		lend_iova_t iova; /* of the first; of the slowest */
		uint64_t length;
		enum lend_range_kind kind;
		int code;         /* negative errno */
		uint64_t slow_ns; /* how long it took */
		bool unmap;       /* to remove it */
	} peer,                   /* BARs that a domain did not take */
		stuck,            /* maps that a domain did not remove */
		lost,             /* maps that a domain removed and did not take back */
		slow;             /* what took longer than slow_ns */
};

struct lend_space {
	struct lend_context *context;
	struct lend_host_ops ops;
	void *host;
	struct log_bucket bucket; /* of what a guest can cause by moving BARs */

	pthread_mutex_t lock;
	struct map_tree maps;
	struct space_domain domains[DOMAINS_MAX];
	struct space_user *users;
	bool keeps; /* lend_space_keep() */
	bool filling;
	pthread_cond_t filled; /* it is over */
	uint64_t mapped;       /* bytes of RAM and ROM */
	struct {
		bool known; /* and no user came or left since */
		size_t count;
		struct lend_iova_window *at;
	} windows;
	struct space_notes notes;
	enum { PEERS_NOT_SAID, PEERS_SAID_ALONE, PEERS_SAID } peers_said; /* that BARs cannot be mapped */
	uint64_t slow_ns; /* a map or unmap that takes longer is a line of log; the tests shorten it */
};

void space_lock(struct lend_space *space);
/** Logs what was noted, without the lock. */
void space_unlock(struct lend_space *space);

/** With the lock held: waits until no domain is filling. The lock is not held meanwhile. */
void space_await_fill(struct lend_space *space);

/** Maps `map` in a domain. `*took`: how long that was, ns. No lock is needed. */
int space_map_in(const struct space_domain *at, const struct dma_map *map, uint64_t *took);
/** Notes how long it took to map it, or to unmap it, ns. */
void space_note_slow(struct lend_space *space, const struct dma_map *map, uint64_t took, bool unmap);
/** Maps `map` in one domain, sets its bit. A BAR that cannot be mapped is a note and no failure. */
int space_map_one(struct lend_space *space, struct dma_map *map, unsigned domain);
/** Maps it in all domains, or in none. */
int space_map_all(struct lend_space *space, struct dma_map *map);
/** Unmaps it in all domains where it is, or in none: an error means that it is where it was. */
int space_unmap_all(struct lend_space *space, struct dma_map *map);
/** Maps it again in those of `domains` that it was removed from; one that does not take it is a note. */
void space_map_back(struct lend_space *space, struct dma_map *map, uint64_t domains);
/** Unmaps it where it is, to undo what was begun: one that a domain keeps is a note. */
void space_drop(struct lend_space *space, struct dma_map *map);

/** The sentence for a map that failed with `code`. */
int space_say_map(struct lend_space *space, const struct dma_map *map, int code, struct lend_error *error);

/**
 * What all domains can address, ascending, in `space->windows`. -ENOMEM: not
 * known. With the lock held.
 */
int space_windows(struct lend_space *space);

#endif
