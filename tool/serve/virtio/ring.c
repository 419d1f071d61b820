/* SPDX-License-Identifier: MIT */
/*
 * Bytes of a ring, and buffers of a chain. A ring's part that lies in one piece of the
 * server's memory is read and written in place, each field by one access; any other,
 * by copies and messages.
 */
#include <errno.h>
#include <string.h>

#include "tool/serve/virtio/ring.h"

static void cannot_reach(struct vq *vq, int error)
{
	vq_break(vq, error == -EFAULT ? "a part of it is not in guest memory"
				      : "the monitor does not give a part of it");
}

static uint8_t *bytes_of(struct vq *vq, struct vq_area *area, uint32_t offset)
{
	struct iovec piece;

	if (!area->looked) {
		int ret = lend_server_memory(vq->server, area->iova, area->length, area->access, &piece, 1);

		/* A client's memory need not lie as its guest's does. */
		area->at = ret == 1 && (uintptr_t)piece.iov_base % VQ_DESCRIPTOR == area->iova % VQ_DESCRIPTOR
				   ? piece.iov_base
				   : NULL;
		area->looked = true;
		if (ret < 0 && ret != -EREMOTE && ret != -E2BIG)
			cannot_reach(vq, -EFAULT);
	}
	return area->at ? area->at + offset : NULL;
}

static void load(struct vq *vq, struct vq_area *area, uint32_t offset, void *data, unsigned length)
{
	int ret = 0;

	memset(data, 0, length);
	if (!vq->broken)
		ret = lend_server_read_memory(vq->server, area->iova + offset, data, length);
	if (ret)
		cannot_reach(vq, ret);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

static void store(struct vq *vq, struct vq_area *area, uint32_t offset, const void *data, unsigned length)
{
	int ret = 0;

	__atomic_thread_fence(__ATOMIC_RELEASE);
	if (!vq->broken)
		ret = lend_server_write_memory(vq->server, area->iova + offset, data, length);
	if (ret)
		cannot_reach(vq, ret);
}

uint16_t vq_load16(struct vq *vq, struct vq_area *area, uint32_t offset)
{
	uint8_t *at = bytes_of(vq, area, offset);
	uint16_t value;

	if (at)
		return __atomic_load_n((uint16_t *)at, __ATOMIC_ACQUIRE);
	load(vq, area, offset, &value, sizeof(value));
	return value;
}

uint32_t vq_load32(struct vq *vq, struct vq_area *area, uint32_t offset)
{
	uint8_t *at = bytes_of(vq, area, offset);
	uint32_t value;

	if (at)
		return __atomic_load_n((uint32_t *)at, __ATOMIC_ACQUIRE);
	load(vq, area, offset, &value, sizeof(value));
	return value;
}

void vq_store16(struct vq *vq, struct vq_area *area, uint32_t offset, uint16_t value)
{
	uint8_t *at = bytes_of(vq, area, offset);

	if (at)
		__atomic_store_n((uint16_t *)at, value, __ATOMIC_RELEASE);
	else
		store(vq, area, offset, &value, sizeof(value));
}

void vq_store32(struct vq *vq, struct vq_area *area, uint32_t offset, uint32_t value)
{
	uint8_t *at = bytes_of(vq, area, offset);

	if (at)
		__atomic_store_n((uint32_t *)at, value, __ATOMIC_RELEASE);
	else
		store(vq, area, offset, &value, sizeof(value));
}

struct vq_descriptor vq_load_descriptor(struct vq *vq, struct vq_area *area, uint32_t index)
{
	uint64_t *at = (uint64_t *)(void *)bytes_of(vq, area, index * VQ_DESCRIPTOR);
	uint64_t word[2];

	if (at) { /* by accesses that the compiler cannot repeat */
		word[0] = __atomic_load_n(&at[0], __ATOMIC_RELAXED);
		word[1] = __atomic_load_n(&at[1], __ATOMIC_RELAXED);
	} else {
		load(vq, area, index * VQ_DESCRIPTOR, word, sizeof(word));
	}
	/* The two rings have the two last fields in opposite order. */
	return (struct vq_descriptor){
		.address = word[0],
		.length = (uint32_t)word[1],
		.flags = (uint16_t)(word[1] >> (vq->setup.packed ? 48 : 32)),
		.last = (uint16_t)(word[1] >> (vq->setup.packed ? 32 : 48)),
	};
}

/* The pieces of a buffer: a negative errno, or how many. */
static int pieces_of(struct vq_walk *walk, uint64_t address, uint32_t length, unsigned access)
{
	const unsigned left = walk->room->room - walk->pieces;
	struct iovec *iov = &walk->room->iov[walk->pieces];
	lend_iova_t *iova = &walk->room->iova[walk->pieces];
	int count;

	if (!left)
		return -ENOBUFS;
	count = lend_server_memory(walk->vq->server, address, length, access, iov, left);
	if (count == -EREMOTE) {
		*iov = (struct iovec){.iov_len = length};
		walk->chain->remote = true;
		count = 1;
	}
	for (int i = 0; i < count; i++) {
		iova[i] = address;
		address += iov[i].iov_len;
	}
	return count == -E2BIG ? -ENOBUFS : count;
}

int vq_walk_buffer(struct vq_walk *walk, const struct vq_descriptor *descriptor)
{
	const bool write = descriptor->flags & VRING_DESC_F_WRITE;
	struct vq_chain *chain = walk->chain;
	uint32_t *bytes = write ? &chain->writable_bytes : &chain->readable_bytes;
	int count;

	if (++walk->descriptors > walk->vq->setup.size)
		return vq_break(walk->vq, "a chain has more descriptors than the queue");
	if (!write && chain->writable)
		return vq_break(walk->vq, "a buffer to read follows one to write");
	if ((uint64_t)chain->readable_bytes + chain->writable_bytes + descriptor->length > UINT32_MAX)
		return vq_break(walk->vq, "a chain has more than 4 GiB");
	if (!descriptor->length)
		return 0;
	count = pieces_of(walk, descriptor->address, descriptor->length,
			  write ? LEND_ACCESS_WRITE : LEND_ACCESS_READ);
	if (count == -ENOBUFS)
		return count;
	if (count <= 0)
		return vq_break(walk->vq, "a buffer is not in guest memory");
	walk->pieces += (unsigned)count;
	*(write ? &chain->writable : &chain->readable) += (unsigned)count;
	*bytes += descriptor->length;
	return 0;
}

int vq_walk_table(struct vq_walk *walk, const struct vq_descriptor *descriptor, struct vq_area *table)
{
	if (!walk->vq->setup.indirect)
		return vq_break(walk->vq, "a descriptor is indirect, which was not negotiated");
	if (descriptor->flags & VRING_DESC_F_NEXT)
		return vq_break(walk->vq, "a descriptor is indirect and has a next one");
	if (!descriptor->length || descriptor->length % VQ_DESCRIPTOR)
		return vq_break(walk->vq, "an indirect table is no whole number of descriptors");
	/* A table may be at any address; only one that is aligned is read in place. */
	*table = (struct vq_area){.iova = descriptor->address,
				  .length = descriptor->length,
				  .access = LEND_ACCESS_READ,
				  .looked = descriptor->address % VQ_DESCRIPTOR != 0};
	return 0;
}
