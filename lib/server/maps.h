/* SPDX-License-Identifier: MIT */
/*
 * Guest memory that the client has shown: a table sorted by address, without overlaps.
 * A map is reached in one of three ways: by the caller's memory, by its file (pread),
 * or by messages to the client.
 */
#ifndef LIB_SERVER_MAPS_H
#define LIB_SERVER_MAPS_H

#include <sys/types.h>

#include "lend/types.h"

struct lend_server;
struct wire_dma_map;

/**
 * Maps that a client has at most. The kernel joins maps of one file; a map that is taken
 * out of the middle needs one more of the process's areas. So there must be far fewer
 * than vm.max_map_count, which is 65530: an unmap that fails ends the session.
 */
enum { SERVER_MAPS_MAX = 16384 };

struct server_map {
	struct server_map *next; /* of those that are left */
	lend_iova_t iova, last;  /* last: inclusive */
	uint8_t *va;             /* of its first byte; NULL: it is not in memory */
	uint8_t *base;           /* of the mapping, whole pages of the file */
	size_t span;
	int fd; /* the file, if that is the way; else -1 */
	uint64_t offset;
	bool has_file;
	dev_t dev; /* which file: the same map may be asked for again */
	ino_t inode;
	unsigned access; /* a set of enum lend_access */
	bool broken;     /* the file became shorter; set by a handler of SIGBUS: atomic */
	bool told;       /* a line of log said so */
};

struct server_maps {
	struct server_map **rows;
	unsigned count, room;
	struct server_map *left; /* they are out of the table, and could not be unmapped */
};

/** The index of the first map that ends at `iova` or above; `count`: there is none. */
unsigned server_maps_find(const struct server_maps *maps, lend_iova_t iova);

/** Whether there is a map with the address, and it is reached by messages alone. */
bool server_maps_by_messages(const struct server_maps *maps, lend_iova_t iova);

/** Adds what the client asks for; `fd` is taken, -1: none. 0 or -errno, which the client gets. */
int server_maps_add(struct lend_server *server, const struct wire_dma_map *request, int fd);
/** Removes exactly one map. -ENOENT: there is no such; -ENOMEM: it cannot be unmapped, the session ends. */
int server_maps_remove(struct lend_server *server, lend_iova_t iova, uint64_t length);
void server_maps_remove_all(struct lend_server *server);

#endif
