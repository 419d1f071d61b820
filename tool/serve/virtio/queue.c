/* SPDX-License-Identifier: MIT */
/* A virtqueue: its start, and the choice between the two kinds of rings. */
#include <errno.h>
#include <linux/virtio_ring.h>

#include "tool/serve/virtio/ring.h"

static struct vq_area area(lend_iova_t iova, uint32_t length, unsigned access)
{
	return (struct vq_area){.iova = iova, .length = length, .access = access};
}

static bool fits(const struct vq_area *area, unsigned alignment)
{
	return area->iova % alignment == 0 && area->iova + area->length > area->iova;
}

int vq_start(struct vq *vq, struct lend_server *server, const struct vq_setup *setup)
{
	const uint32_t size = setup->size, event = setup->event_index ? 2 : 0;

	*vq = (struct vq){.server = server, .setup = *setup, .next_wrap = true, .used_wrap = true};
	vq->broken = "its size and addresses are not those of a ring";
	if (!size || size > 32768 || (!setup->packed && (size & (size - 1))))
		return -EINVAL;
	vq->descriptors = area(setup->descriptors, size * VQ_DESCRIPTOR,
			       LEND_ACCESS_READ | (setup->packed ? LEND_ACCESS_WRITE : 0));
	vq->driver = area(setup->driver, setup->packed ? 4 : 4 + 2 * size + event, LEND_ACCESS_READ);
	vq->device = area(setup->device, setup->packed ? 4 : 4 + 8 * size + event, LEND_ACCESS_WRITE);
	/* 2.7 and 2.8.10 have the alignments. */
	if (!fits(&vq->descriptors, 16) || !fits(&vq->driver, setup->packed ? 4 : 2) || !fits(&vq->device, 4))
		return -EINVAL;
	vq->broken = NULL;
	return 0;
}

void vq_keep(struct vq *vq, struct vq_journal *journal)
{
	vq->journal = journal;
	if (journal)
		__atomic_store_n(&journal->latest, 0, __ATOMIC_RELEASE);
}

void vq_recover(struct vq *vq, struct vq_journal *journal)
{
	vq->journal = journal;
	if (!vq->broken)
		(vq->setup.packed ? vq_packed_recover : vq_split_recover)(vq);
}

void vq_forget(struct vq *vq)
{
	vq->descriptors.looked = vq->driver.looked = vq->device.looked = false;
}

int vq_break(struct vq *vq, const char *why)
{
	if (!vq->broken)
		vq->broken = why;
	return -EPROTO;
}

int vq_pop(struct vq *vq, struct vq_chain *chain, const struct vq_room *room)
{
	struct vq_walk walk = {.vq = vq, .chain = chain, .room = room};
	int ret;

	if (vq->broken)
		return -EPROTO;
	*chain = (struct vq_chain){.at = vq->next, .wrap = vq->next_wrap};
	ret = vq->setup.packed ? vq_packed_pop(&walk) : vq_split_pop(&walk);
	return vq->broken ? -EPROTO : ret;
}

void vq_unpop(struct vq *vq, const struct vq_chain *chain)
{
	vq->next = chain->at;
	vq->next_wrap = chain->wrap;
	vq->taken = (uint16_t)(vq->taken - chain->slots);
}

void vq_use(struct vq *vq, const struct vq_chain *chain, uint32_t written)
{
	if (!vq->broken)
		(vq->setup.packed ? vq_packed_use : vq_split_use)(vq, chain, written);
}

void vq_publish(struct vq *vq)
{
	if (!vq->broken)
		(vq->setup.packed ? vq_packed_publish : vq_split_publish)(vq);
}

bool vq_wants_signal(struct vq *vq)
{
	if (vq->broken)
		return false;
	/* What was published must be visible before the driver's wish is read: it writes, then looks. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return (vq->setup.packed ? vq_packed_wants_signal : vq_split_wants_signal)(vq);
}

bool vq_listen(struct vq *vq)
{
	if (vq->broken)
		return false;
	return (vq->setup.packed ? vq_packed_listen : vq_split_listen)(vq);
}

void vq_ignore(struct vq *vq)
{
	if (vq->broken)
		return;
	if (vq->setup.packed)
		vq_store32(vq, &vq->device, 0, (uint32_t)VRING_PACKED_EVENT_FLAG_DISABLE << 16);
	else if (!vq->setup.event_index) /* else the index that was given last is passed once, at most */
		vq_store16(vq, &vq->device, 0, VRING_USED_F_NO_NOTIFY);
}
