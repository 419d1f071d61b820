/* SPDX-License-Identifier: MIT */
/*
 * Split rings (virtio 1.2, 2.7): descriptors; the driver's ring of heads, with its
 * counter; the device's ring of used heads, with its counter. If event indexes are
 * negotiated, each ring ends with the index that the other side wants to be told of.
 */
#include <errno.h>

#include "tool/serve/virtio/ring.h"

/* Offsets in both the driver's and the device's part. */
enum { FLAGS = 0, INDEX = 2, ENTRIES = 4 };

static uint16_t slot_of(const struct vq *vq, uint16_t index)
{
	return index & (uint16_t)(vq->setup.size - 1);
}

/* Whether the driver has made a chain available that was not popped. */
static bool more(struct vq *vq)
{
	if (vq->available == vq->next)
		vq->available = vq_load16(vq, &vq->driver, INDEX);
	if ((uint16_t)(vq->available - vq->used) > vq->setup.size)
		vq_break(vq, "more chains are available than it has descriptors");
	return !vq->broken && vq->available != vq->next;
}

/*
 * Follows a chain in `table` of `count` descriptors. A loop ends at the limit of
 * descriptors. In the ring itself the last one may name an indirect table.
 */
static int walk_chain(struct vq_walk *walk, struct vq_area *table, uint32_t count, uint32_t index,
		      struct vq_descriptor *indirect)
{
	struct vq *vq = walk->vq;
	int ret = 0;

	for (;;) {
		struct vq_descriptor descriptor;

		if (index >= count)
			return vq_break(vq, "a chain leaves the table of descriptors");
		descriptor = vq_load_descriptor(vq, table, index);
		if (vq->broken)
			return -EPROTO;
		if (descriptor.flags & VRING_DESC_F_INDIRECT) {
			if (!indirect)
				return vq_break(vq, "an indirect table has an indirect descriptor");
			*indirect = descriptor;
			return 1;
		}
		ret = vq_walk_buffer(walk, &descriptor);
		if (ret || !(descriptor.flags & VRING_DESC_F_NEXT))
			return ret;
		index = descriptor.last;
	}
}

int vq_split_pop(struct vq_walk *walk)
{
	struct vq *vq = walk->vq;
	struct vq_descriptor indirect;
	struct vq_area table;
	int ret;

	if (!more(vq))
		return 0;
	walk->chain->id = vq_load16(vq, &vq->driver, ENTRIES + 2u * slot_of(vq, vq->next));
	ret = walk_chain(walk, &vq->descriptors, vq->setup.size, walk->chain->id, &indirect);
	if (ret == 1) {
		ret = vq_walk_table(walk, &indirect, &table);
		ret = ret ? ret : walk_chain(walk, &table, table.length / VQ_DESCRIPTOR, 0, NULL);
	}
	if (ret)
		return ret;
	vq->next++;
	return 1;
}

void vq_split_use(struct vq *vq, const struct vq_chain *chain, uint32_t written)
{
	const uint32_t entry = ENTRIES + 8u * slot_of(vq, vq->used);

	vq_store32(vq, &vq->device, entry, chain->id);
	vq_store32(vq, &vq->device, entry + 4, written);
	vq->used++;
}

void vq_split_publish(struct vq *vq)
{
	vq_store16(vq, &vq->device, INDEX, vq->used);
}

bool vq_split_wants_signal(struct vq *vq)
{
	const uint16_t old = vq->signalled;

	vq->signalled = vq->used;
	if (vq->used == old)
		return false;
	if (vq->setup.event_index)
		return vq_passes(vq_load16(vq, &vq->driver, ENTRIES + 2u * vq->setup.size), vq->used, old);
	return !(vq_load16(vq, &vq->driver, FLAGS) & VRING_AVAIL_F_NO_INTERRUPT);
}

bool vq_split_listen(struct vq *vq)
{
	if (vq->setup.event_index)
		vq_store16(vq, &vq->device, ENTRIES + 8u * vq->setup.size, vq->next);
	else
		vq_store16(vq, &vq->device, FLAGS, 0);
	/* The wish must be visible before the driver's counter is read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return more(vq);
}

/* The device's counter in the ring is the place: what is behind it was not used. */
void vq_split_recover(struct vq *vq)
{
	vq->used = vq->next = vq->available = vq->signalled = vq_load16(vq, &vq->device, INDEX);
}
