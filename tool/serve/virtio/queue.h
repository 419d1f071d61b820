/* SPDX-License-Identifier: MIT */
/*
 * A virtqueue, as the device sees it (virtio 1.2, 2.7 split, 2.8 packed): chains of
 * buffers that the driver makes available come out as pieces of memory, and go back
 * as used. Which of the two rings the driver chose makes no difference for the caller.
 *
 * Rules:
 *  - the driver is not trusted. Each field of a ring is copied once, checked, and
 *    used from the copy. What makes no sense breaks the queue: `broken` says why, and
 *    nothing of it is touched any more until vq_start();
 *  - nothing is allocated, and a chain costs work in proportion to its descriptors, of
 *    which there are at most as many as the queue has;
 *  - chains are popped and used in the same order;
 *  - a queue whose process may be killed notes its place in a journal (vq_keep()), so that
 *    another process can go on with it (vq_recover()).
 */
#ifndef TOOL_SERVE_VIRTIO_QUEUE_H
#define TOOL_SERVE_VIRTIO_QUEUE_H

#include <linux/virtio_ring.h>

#include "lend/server.h"

/** A part of a ring: its bytes at `at`, or reached by messages if that is NULL. */
struct vq_area {
	lend_iova_t iova;
	uint32_t length;
	unsigned access; /* a set of enum lend_access */
	uint8_t *at;
	bool looked; /* `at` is known */
};

/** What the driver chose. */
struct vq_setup {
	uint16_t size; /* descriptors: 1 to 32768, a power of two if not packed */
	bool packed, event_index, indirect;
	/* Addresses of the descriptors, of what the driver writes, and of what the device writes. */
	lend_iova_t descriptors, driver, device;
};

/**
 * Packed: what is needed to do a use of a chain once more, because a process that is killed
 * may have done a part of it. Places have the wrap counter in their highest bit.
 */
struct vq_mark {
	uint16_t first, first_flags; /* of those that become visible at once */
	uint16_t at, flags, id, slots;
	uint32_t written;
};

/** Where a queue is. A mark counts when it is whole, and is written before the ring is. */
struct vq_journal {
	uint32_t latest; /* marks[latest - 1]; 0: no chain was used */
	struct vq_mark marks[2];
};

struct vq {
	struct lend_server *server;
	struct vq_journal *journal; /* NULL: the place is not noted */
	struct vq_setup setup;
	struct vq_area descriptors, driver, device;
	const char *broken; /* why it is; NULL: it is not */
	/* Where the next chain is taken, and the next used one is put. Split: free-running counters. */
	uint16_t next, used;
	bool next_wrap, used_wrap; /* packed: the wrap counters */
	uint16_t taken;            /* packed: descriptors of chains that are popped and not used */
	uint16_t available;        /* split: the driver's counter, as it was read last */
	uint16_t signalled;        /* split: `used` when the driver was last told */
	uint32_t added;            /* packed: descriptors used since the driver was last told */
	/*
	 * Packed: used, but not published, because the flags of the first are not written
	 * yet. Its place is as in a mark.
	 */
	uint16_t staged, first, first_flags;
};

/** Where pieces of chains go: two arrays of `room` entries. */
struct vq_room {
	struct iovec *iov; /* iov_base NULL: reached by messages alone, at `iova` */
	lend_iova_t *iova;
	unsigned room;
};

/** A chain that was popped. Its pieces: those that are to be read, then those to be written. */
struct vq_chain {
	uint16_t id;
	uint16_t slots; /* packed: descriptors in the ring */
	uint16_t at;    /* the place that it was popped from */
	bool wrap;
	bool remote; /* a piece is reached by messages alone */
	unsigned readable, writable;
	uint32_t readable_bytes, writable_bytes;
};

/** -EINVAL: size or addresses are not those of a ring. `vq` is as good as not started then. */
int vq_start(struct vq *vq, struct lend_server *server, const struct vq_setup *setup);

/** Notes the place of a queue that was just started in `journal` from now on. NULL: nowhere. */
void vq_keep(struct vq *vq, struct vq_journal *journal);

/**
 * Finds the place of a queue that another process worked on: `vq` was just started, and
 * `journal` is what that process noted. A chain that was taken and not used is taken again.
 * A place that cannot be breaks the queue.
 */
void vq_recover(struct vq *vq, struct vq_journal *journal);

/** Guest memory has changed: pointers are looked up anew. The caller gives its chains back first. */
void vq_forget(struct vq *vq);

/**
 * Takes the next chain: 1; 0 if there is none. -ENOBUFS: it has more pieces than there
 * is room for, and stays; another negative errno: the queue is broken.
 */
int vq_pop(struct vq *vq, struct vq_chain *chain, const struct vq_room *room);

/** Breaks the queue because of what the driver did. The first reason stays. Returns -EPROTO. */
int vq_break(struct vq *vq, const char *why);

/** Gives a popped chain back unused. The newest first, if there are several. */
void vq_unpop(struct vq *vq, const struct vq_chain *chain);

/** Uses a chain, of which the device wrote `written` bytes. The driver sees it after vq_publish(). */
void vq_use(struct vq *vq, const struct vq_chain *chain, uint32_t written);

/** Shows the driver all that was used, at once. */
void vq_publish(struct vq *vq);

/** Whether the driver wants to be told of what was published since it was told last. */
bool vq_wants_signal(struct vq *vq);

/** Asks the driver to notify when it adds a chain. True: there is one already. */
bool vq_listen(struct vq *vq);

/** Tells the driver that it need not notify: the device looks by itself. */
void vq_ignore(struct vq *vq);

#endif
