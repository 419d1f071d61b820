/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "tool/serve/virtio/pieces.h"

static bool copy_one(const struct vq_pieces *pieces, unsigned index, size_t offset, void *to,
		     const void *from, size_t length)
{
	uint8_t *at = pieces->iov[index].iov_base;

	if (pieces->vq->broken)
		return false;
	if (!at && to)
		return !lend_server_read_memory(pieces->vq->server, pieces->iova[index] + offset, to, length);
	if (!at)
		return !lend_server_write_memory(pieces->vq->server, pieces->iova[index] + offset, from,
						 length);
	/* static: one of `to` and `from` is given */
	memcpy(to ? to : at + offset, to ? at + offset : from, length);
	return true;
}

/* To `to` from the pieces, or from `from` to them; the other one is NULL. */
static size_t copy(const struct vq_pieces *pieces, size_t offset, uint8_t *to, const uint8_t *from,
		   size_t length)
{
	size_t done = 0;

	for (unsigned i = 0; i < pieces->count && done < length; i++) {
		size_t here = pieces->iov[i].iov_len;

		if (offset >= here) {
			offset -= here;
			continue;
		}
		here -= offset;
		if (here > length - done)
			here = length - done;
		if (!copy_one(pieces, i, offset, to ? to + done : NULL, from ? from + done : NULL, here))
			break;
		done += here;
		offset = 0;
	}
	return done;
}

size_t vq_copy_from(const struct vq_pieces *pieces, size_t offset, void *data, size_t length)
{
	return copy(pieces, offset, data, NULL, length);
}

size_t vq_copy_to(const struct vq_pieces *pieces, size_t offset, const void *data, size_t length)
{
	return copy(pieces, offset, NULL, data, length);
}
