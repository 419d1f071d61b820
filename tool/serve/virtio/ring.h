/* SPDX-License-Identifier: MIT */
/* What the two kinds of rings share: access to a ring's bytes, and the walk over a chain. */
#ifndef TOOL_SERVE_VIRTIO_RING_H
#define TOOL_SERVE_VIRTIO_RING_H

#include "tool/serve/virtio/queue.h"

/** Bytes of a descriptor, of both rings. */
enum { VQ_DESCRIPTOR = 16 };

/** A descriptor that was copied out of guest memory. */
struct vq_descriptor {
	uint64_t address;
	uint32_t length;
	uint16_t flags;
	uint16_t last; /* split: the next one; packed: the buffer's id */
};

struct vq_walk {
	struct vq *vq;
	struct vq_chain *chain;
	const struct vq_room *room;
	unsigned pieces, descriptors;
};

/** Loads acquire, stores release. A part that cannot be reached breaks the queue, and reads 0. */
uint16_t vq_load16(struct vq *vq, struct vq_area *area, uint32_t offset);
uint32_t vq_load32(struct vq *vq, struct vq_area *area, uint32_t offset);
void vq_store16(struct vq *vq, struct vq_area *area, uint32_t offset, uint16_t value);
void vq_store32(struct vq *vq, struct vq_area *area, uint32_t offset, uint32_t value);
struct vq_descriptor vq_load_descriptor(struct vq *vq, struct vq_area *area, uint32_t index);

/** Adds the buffer of a descriptor to the chain: 0, -ENOBUFS, or -EPROTO. */
int vq_walk_buffer(struct vq_walk *walk, const struct vq_descriptor *descriptor);

/** The table that an indirect descriptor names, checked: 0 or -EPROTO. */
int vq_walk_table(struct vq_walk *walk, const struct vq_descriptor *descriptor, struct vq_area *table);

int vq_split_pop(struct vq_walk *walk);
void vq_split_use(struct vq *vq, const struct vq_chain *chain, uint32_t written);
void vq_split_publish(struct vq *vq);
bool vq_split_wants_signal(struct vq *vq);
bool vq_split_listen(struct vq *vq);
void vq_split_recover(struct vq *vq);

int vq_packed_pop(struct vq_walk *walk);
void vq_packed_use(struct vq *vq, const struct vq_chain *chain, uint32_t written);
void vq_packed_publish(struct vq *vq);
bool vq_packed_wants_signal(struct vq *vq);
bool vq_packed_listen(struct vq *vq);
void vq_packed_recover(struct vq *vq);

/** Whether an index that goes from `old` to `new` passes `event` (2.7.10, as in vring_need_event()). */
static inline bool vq_passes(uint16_t event, uint16_t new, uint16_t old)
{
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

#endif
