/* SPDX-License-Identifier: MIT */
/* A virtqueue and its driver, of each kind of ring. */
#ifndef TESTS_UNIT_VIRTIO_QUEUE_STAGE_H
#define TESTS_UNIT_VIRTIO_QUEUE_STAGE_H

#include "tests/unit/cmocka.h"
#include "tests/unit/server_double.h"
#include "tool/serve/virtio/pieces.h"
#include "tool/serve/virtio/queue.h"

enum {
	SIZE = 16,
	RING = GUEST_BASE,
	TABLE = GUEST_BASE + 0x10000,
	BUFFERS = GUEST_BASE + 0x20000,
	ROOM = 64
};

/* All cases run on both kinds of rings, with and without event indexes. */
static const struct kind {
	bool packed, event_index;
} kinds[] = {{false, false}, {false, true}, {true, false}, {true, true}};

#define EACH_KIND(kind) for (const struct kind *kind = kinds; kind < kinds + 4; kind++)

static struct vq vq;
static struct driver driver;
static struct iovec iov[ROOM];
static lend_iova_t iova[ROOM];
static const struct vq_room room = {.iov = iov, .iova = iova, .room = ROOM};

static inline void start_sized(const struct kind *kind, uint16_t size, bool indirect)
{
	struct vq_setup setup = {
		.size = size, .packed = kind->packed, .event_index = kind->event_index, .indirect = indirect};

	driver_start(&driver, RING, size, kind->packed, kind->event_index);
	setup.descriptors = driver.descriptors;
	setup.driver = driver.driver;
	setup.device = driver.device;
	assert_int_equal(vq_start(&vq, NULL, &setup), 0);
}

static inline void start(const struct kind *kind)
{
	memset(&server, 0, sizeof(server));
	start_sized(kind, SIZE, true);
}

static inline struct driver_buffer buffer(unsigned index, uint32_t length, bool write)
{
	return (struct driver_buffer){.address = BUFFERS + index * 0x1000u, .length = length, .write = write};
}

static inline unsigned add_one(void)
{
	struct driver_buffer one = buffer(0, 100, true);

	return driver_add(&driver, &one, 1, 1, 0);
}

#endif
