/* SPDX-License-Identifier: MIT */
/* Bytes to and from the pieces of chains, whether they are in reach or not. */
#ifndef TOOL_SERVE_VIRTIO_PIECES_H
#define TOOL_SERVE_VIRTIO_PIECES_H

#include "tool/serve/virtio/queue.h"

/** Pieces as vq_pop() gives them: iov_base NULL is reached by messages, at `iova`. */
struct vq_pieces {
	const struct vq *vq; /* nothing is copied once it is broken */
	const struct iovec *iov;
	const lend_iova_t *iova;
	unsigned count;
};

/** Both return how many bytes were copied: less than `length` at the pieces' end, or if guest memory fails.
 */
size_t vq_copy_from(const struct vq_pieces *pieces, size_t offset, void *data, size_t length);
size_t vq_copy_to(const struct vq_pieces *pieces, size_t offset, const void *data, size_t length);

#endif
