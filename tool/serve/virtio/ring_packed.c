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

static void note(struct vq_journal *journal, const struct vq_mark *mark)
{
	const uint32_t next = journal->latest == 1 ? 2 : 1;

	journal->marks[next - 1] = *mark;
	__atomic_store_n(&journal->latest, next, __ATOMIC_RELEASE);
}

/* All but the flags of the first one: the driver reads in order, and sees none before those. */
static void store_used(struct vq *vq, const struct vq_mark *mark)
{
	const uint32_t at = (mark->at & ~(uint32_t)WRAP) * 16u;

	vq_store32(vq, &vq->descriptors, at + LENGTH_AT, mark->written);
	vq_store16(vq, &vq->descriptors, at + ID_AT, mark->id);
	if (mark->at != mark->first)
		vq_store16(vq, &vq->descriptors, at + FLAGS_AT, mark->flags);
}

void vq_packed_use(struct vq *vq, const struct vq_chain *chain, uint32_t written)
{
	struct vq_mark mark = {
		.at = (uint16_t)(vq->used | (vq->used_wrap ? (unsigned)WRAP : 0)),
		.flags = (uint16_t)((vq->used_wrap ? AVAILABLE | USED : 0) |
				    (written ? VRING_DESC_F_WRITE : 0)),
		.id = chain->id,
		.slots = chain->slots,
		.written = written,
	};

	if (!vq->staged++) {
		vq->first = mark.at;
		vq->first_flags = mark.flags;
	}
	mark.first = vq->first;
	mark.first_flags = vq->first_flags;
	if (vq->journal)
		note(vq->journal, &mark);
	store_used(vq, &mark);
	advance(vq, &vq->used, &vq->used_wrap, chain->slots);
	vq->taken = (uint16_t)(vq->taken - chain->slots);
	vq->added += chain->slots;
}

void vq_packed_publish(struct vq *vq)
{
	if (vq->staged)
		vq_store16(vq, &vq->descriptors, (vq->first & ~(uint32_t)WRAP) * 16u + FLAGS_AT,
			   vq->first_flags);
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

static bool is_place(const struct vq *vq, const struct vq_mark *mark)
{
	return (mark->at & ~(uint32_t)WRAP) < vq->setup.size &&
	       (mark->first & ~(uint32_t)WRAP) < vq->setup.size && mark->slots &&
	       mark->slots <= vq->setup.size;
}

/*
 * The flags of the first chain in the mark say whether the driver was shown it: they are
 * what the driver wrote, or else the device's, or the driver's of the next round. In the
 * first case the use is done once more, whatever part of it was done.
 */
void vq_packed_recover(struct vq *vq)
{
	const uint32_t latest = vq->journal ? vq->journal->latest : 0;
	struct vq_mark mark;

	if (!latest)
		return;
	mark = vq->journal->marks[latest == 1 ? 0 : 1];
	if (!is_place(vq, &mark)) {
		vq_break(vq, "the place in it that was kept cannot be");
		return;
	}
	if (is_available(flags_at(vq, mark.first & (uint16_t)~WRAP), mark.first & WRAP)) {
		store_used(vq, &mark);
		vq_store16(vq, &vq->descriptors, (mark.first & ~(uint32_t)WRAP) * 16u + FLAGS_AT,
			   mark.first_flags);
	}
	vq->used = mark.at & (uint16_t)~WRAP;
	vq->used_wrap = mark.at & WRAP;
	advance(vq, &vq->used, &vq->used_wrap, mark.slots);
	vq->next = vq->used;
	vq->next_wrap = vq->used_wrap;
}
