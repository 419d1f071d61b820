/* SPDX-License-Identifier: MIT */
/*
 * For libFuzzer: what a driver writes to a virtqueue. The first byte chooses the kind of
 * ring and where guest memory is; then, three bytes each, places and what is there. The
 * ring was good before, so that few bytes are enough for a chain that is nearly right.
 */
#include "tests/unit/server_double.h"
#include "tool/serve/virtio/pieces.h"
#include "tool/serve/virtio/queue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIZE = 16, RING = GUEST_BASE, TABLES = GUEST_BASE + 0x800, BUFFERS = GUEST_BASE + 0x10000, ROOM = 64 };

static struct driver driver;

static void start(struct vq *vq, uint8_t kind)
{
	const struct driver_buffer buffers[] = {{BUFFERS, 100, false}, {BUFFERS + 0x1000, 100, true}};
	struct vq_setup setup = {
		.size = SIZE, .packed = kind & 1, .event_index = kind & 2, .indirect = !(kind & 4)};

	memset(&server, 0, sizeof(server));
	server.border = kind & 8 ? 48 : 0;
	server.remote_from = GUEST_BASE;
	server.remote_to = kind & 16 ? GUEST_BASE + GUEST_SIZE : 0;
	driver_start(&driver, RING, SIZE, setup.packed, setup.event_index);
	setup.descriptors = driver.descriptors;
	setup.driver = driver.driver;
	setup.device = driver.device;
	for (unsigned i = 0; i < 4; i++)
		driver_add(&driver, buffers, 2, i % 2, i > 1 ? TABLES + i * 0x80 : 0);
	vq_start(vq, NULL, &setup);
}

static void change(const uint8_t *data, size_t size)
{
	for (; size >= 3; data += 3, size -= 3)
		*(uint8_t *)driver_at(RING + (data[0] | (data[1] & 15u) << 8)) = data[2];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct iovec iov[ROOM];
	lend_iova_t iova[ROOM];
	const struct vq_room room = {iov, iova, ROOM};
	struct vq_chain chain;
	struct vq vq;

	if (!size)
		return 0;
	start(&vq, data[0]);
	change(data + 1, size - 1);
	for (unsigned i = 0; i < 2 * SIZE && vq_pop(&vq, &chain, &room) == 1; i++) {
		const struct vq_pieces pieces = {&vq, iov, iova, chain.readable + chain.writable};
		uint8_t bytes[256];

		vq_copy_to(&pieces, chain.readable_bytes, bytes,
			   vq_copy_from(&pieces, 0, bytes, sizeof(bytes)));
		vq_use(&vq, &chain, chain.writable_bytes);
		vq_publish(&vq);
		vq_wants_signal(&vq);
		vq_listen(&vq);
	}
	return 0;
}
