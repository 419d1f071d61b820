/* SPDX-License-Identifier: MIT */
/*
 * Guest memory by messages. The device waits for the answer, and the library reads on
 * meanwhile: answers are matched by id and command; commands of the client are kept, or
 * carried out where the device allows it.
 */
#ifndef LIB_SERVER_DMA_H
#define LIB_SERVER_DMA_H

#include <time.h>

#include "lib/server/server.h"

/** A DMA message without an answer; on the stack of who waits. */
struct server_waiter {
	struct server_waiter *next;
	uint16_t id, command;
	uint64_t address, count;
	uint8_t *data; /* of a read */
	bool done;
	int result;
};

/** A message that is a reply: its waiter is done. One that nobody waits for is dropped. */
void dma_answered(struct lend_server *server, const struct server_message *message);

/** When a copy of `length` bytes has to be done: the limit, and a second more for each MiB. */
struct timespec dma_deadline(const struct lend_server *server, uint64_t length);

/**
 * Reads (`from` NULL) or writes within one map. At most what the client takes in a
 * message. 0 or -errno; -ETIMEDOUT: there was no answer before `until`.
 */
int dma_message(struct lend_server *server, lend_iova_t iova, void *to, const void *from, uint64_t length,
		const struct timespec *until);

/** Frees what is kept. */
void dma_drop_kept(struct lend_server *server);
/** The first message that is kept. False: there is none. */
bool dma_next_kept(struct lend_server *server, struct server_message *out);

#endif
