/* SPDX-License-Identifier: MIT */
/* A queue of bytes of fixed size; see ring.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tool/run/ring.h"

int ring_init(struct ring *ring, size_t size)
{
	*ring = (struct ring){.data = calloc(1, size), .size = size};
	return ring->data ? 0 : -ENOMEM;
}

void ring_free(struct ring *ring)
{
	free(ring->data);
	*ring = (struct ring){0};
}

size_t ring_put(struct ring *ring, const void *data, size_t length)
{
	const uint8_t *from = data;
	size_t put = length < ring_room(ring) ? length : ring_room(ring);

	for (size_t done = 0; done < put;) {
		size_t end = (ring->start + ring->used) % ring->size;
		size_t piece = put - done < ring->size - end ? put - done : ring->size - end;

		memcpy(ring->data + end, from + done, piece);
		ring->used += piece;
		done += piece;
	}
	return put;
}

size_t ring_peek(const struct ring *ring, const uint8_t **out)
{
	size_t piece = ring->size - ring->start;

	*out = ring->data + ring->start;
	return ring->used < piece ? ring->used : piece;
}

void ring_drop(struct ring *ring, size_t length)
{
	if (length > ring->used)
		length = ring->used;
	ring->used -= length;
	ring->start = ring->used ? (ring->start + length) % ring->size : 0;
}
