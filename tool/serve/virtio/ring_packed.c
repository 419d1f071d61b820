/* SPDX-License-Identifier: MIT */
/*
 * Packed rings (virtio 1.2, 2.8): one ring of descriptors that both sides write. Two
 * bits of a descriptor say whose it is, compared with a wrap counter that each side
 * inverts when it passes the ring's end. Beside it each side has 4 bytes: when the
 * other one is to tell it.
 */
#include <errno.h>

#include "tool/serve/virtio/ring.h"

enum {
	AVAILABLE = 1 << VRING_PACKED_DESC_F_AVAIL,
	USED = 1 << VRING_PACKED_DESC_F_USED,
	LENGTH_AT = 8, /* in a descriptor */
	ID_AT = 12,
	FLAGS_AT = 14,
	WRAP = 1 << VRING_PACKED_EVENT_F_WRAP_CTR,
};

static bool is_available(uint16_t flags, bool wrap)
{
	return (flags & (AVAILABLE | USED)) == (wrap ? AVAILABLE : USED);
}

static uint16_t flags_at(struct vq *vq, uint16_t index)
{
	return vq_load16(vq, &vq->descriptors, index * 16u + FLAGS_AT);
}

/* Moves on by `count` descriptors, at most as many as the ring has. */
static void advance(const struct vq *vq, uint16_t *index, bool *wrap, uint16_t count)
{
	uint32_t to = (uint32_t)*index + count;

	if (to >= vq->setup.size) {
		to -= vq->setup.size;
		*wrap = !*wrap;
	}
	*index = (uint16_t)to;
}

static bool more(struct vq *vq)
{
	/* The driver has no descriptor left, whatever the bits say. */
	if (vq->taken >= vq->setup.size)
		return false;
	return is_available(flags_at(vq, vq->next), vq->next_wrap) && !vq->broken;
}

static int walk_table(struct vq_walk *walk, struct vq_area *table)
{
	const uint32_t count = table->length / VQ_DESCRIPTOR;
	int ret = 0;

	for (uint32_t i = 0; i < count && !ret; i++) {
		struct vq_descriptor descriptor = vq_load_descriptor(walk->vq, table, i);

		if (walk->vq->broken)
			return -EPROTO;
		if (descriptor.flags & VRING_DESC_F_INDIRECT)
			return vq_break(walk->vq, "an indirect table has an indirect descriptor");
		ret = vq_walk_buffer(walk, &descriptor);
	}
	return ret;
}

int vq_packed_pop(struct vq_walk *walk)
{
	struct vq *vq = walk->vq;
	struct vq_chain *chain = walk->chain;
	struct vq_descriptor descriptor;
	uint16_t index = vq->next;
	bool wrap = vq->next_wrap;

	if (!more(vq))
		return 0;
	do {
		struct vq_area table;
		int ret;

		if (vq->taken + chain->slots >= vq->setup.size)
			return vq_break(vq, "a chain has more descriptors than the queue");
		chain->slots++;
		descriptor = vq_load_descriptor(vq, &vq->descriptors, index);
		if (vq->broken)
			return -EPROTO;
		advance(vq, &index, &wrap, 1);
		if (!(descriptor.flags & VRING_DESC_F_INDIRECT)) {
			ret = vq_walk_buffer(walk, &descriptor);
		} else {
			ret = vq_walk_table(walk, &descriptor, &table);
			ret = ret ? ret : walk_table(walk, &table);
		}
		if (ret)
			return ret;
	} while (descriptor.flags & VRING_DESC_F_NEXT);
	chain->id = descriptor.last;
	vq->next = index;
	vq->next_wrap = wrap;
	vq->taken = (uint16_t)(vq->taken + chain->slots);
	return 1;
}

void vq_packed_use(struct vq *vq, const struct vq_chain *chain, uint32_t written)
{
	const uint32_t at = vq->used * 16u;
	const uint16_t flags =
		(uint16_t)((vq->used_wrap ? AVAILABLE | USED : 0) | (written ? VRING_DESC_F_WRITE : 0));

	vq_store32(vq, &vq->descriptors, at + LENGTH_AT, written);
	vq_store16(vq, &vq->descriptors, at + ID_AT, chain->id);
	/* The driver reads in order: it sees none of them before it sees the first one's flags. */
	if (vq->staged++) {
		vq_store16(vq, &vq->descriptors, at + FLAGS_AT, flags);
	} else {
		vq->first = vq->used;
		vq->first_flags = flags;
	}
	advance(vq, &vq->used, &vq->used_wrap, chain->slots);
	vq->taken = (uint16_t)(vq->taken - chain->slots);
	vq->added += chain->slots;
}

void vq_packed_publish(struct vq *vq)
{
	if (vq->staged)
		vq_store16(vq, &vq->descriptors, vq->first * 16u + FLAGS_AT, vq->first_flags);
	vq->staged = 0;
}

bool vq_packed_wants_signal(struct vq *vq)
{
	const uint32_t added = vq->added, wish = vq_load32(vq, &vq->driver, 0);
	const unsigned flags = wish >> 16 & 3;
	uint16_t event = (uint16_t)(wish & ~(uint32_t)WRAP);

	vq->added = 0;
	if (!added || flags == VRING_PACKED_EVENT_FLAG_DISABLE)
		return false;
	if (!vq->setup.event_index || flags != VRING_PACKED_EVENT_FLAG_DESC || added >= vq->setup.size)
		return true;
	/* A place of the round before. */
	if (!!(wish & WRAP) != vq->used_wrap)
		event = (uint16_t)(event - vq->setup.size);
	return vq_passes(event, vq->used, (uint16_t)(vq->used - added));
}

bool vq_packed_listen(struct vq *vq)
{
	const uint32_t place = vq->next | (vq->next_wrap ? (uint32_t)WRAP : 0);

	vq_store32(vq, &vq->device, 0,
		   vq->setup.event_index ? place | (uint32_t)VRING_PACKED_EVENT_FLAG_DESC << 16
					 : (uint32_t)VRING_PACKED_EVENT_FLAG_ENABLE << 16);
	/* The wish must be visible before the next descriptor's flags are read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return more(vq);
}
