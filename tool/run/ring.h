/* SPDX-License-Identifier: MIT */
/* A queue of bytes of fixed size. */
#ifndef TOOL_RUN_RING_H
#define TOOL_RUN_RING_H

#include <stddef.h>
#include <stdint.h>

struct ring {
	uint8_t *data;
	size_t size, start, used;
};

/** 0 or -ENOMEM. Memory that was never written to costs nothing. */
int ring_init(struct ring *ring, size_t size);
void ring_free(struct ring *ring);

/** Queues as much as fits and returns how much that was. */
size_t ring_put(struct ring *ring, const void *data, size_t length);
/** The oldest bytes, as many as lie in one piece. */
size_t ring_peek(const struct ring *ring, const uint8_t **out);
/** Takes the oldest `length` bytes off, or all. */
void ring_drop(struct ring *ring, size_t length);

static inline size_t ring_room(const struct ring *ring)
{
	return ring->size - ring->used;
}

#endif
