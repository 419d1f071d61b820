/* SPDX-License-Identifier: MIT */
/* The other side of a socket; see wire_peer.h. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/wire_peer.h"

enum { LIMIT_MS = 60000, STEP_MS = 20 };

const char wire_peer_text[] = "{\"capabilities\":{\"max_msg_fds\":16,\"max_data_xfer_size\":1048576,"
			      "\"max_dma_maps\":65535,\"pgsizes\":4096,\"migration\":{\"pgsize\":4096,"
			      "\"max_bitmap_size\":268435456},\"write_multiple\":true}}";

void peer_begin(struct wire_peer *peer, int fd)
{
	*peer = (struct wire_peer){.fd = fd};
	wire_reader_init(&peer->reader, WIRE_MESSAGE_MAX);
}

void peer_end(struct wire_peer *peer)
{
	wire_reader_end(&peer->reader);
	if (peer->fd >= 0)
		close(peer->fd);
	peer->fd = -1;
}

static void pump(struct wire_peer *peer)
{
	if (peer->pump)
		peer->pump(peer->opaque);
}

static long send_some(int fd, const void *data, size_t length, const int *fds, unsigned fd_count)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * 64)];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {(void *)data, length};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *at = (struct cmsghdr *)control.bytes;
	ssize_t sent;

	if (fd_count) {
		assert_in_range(fd_count, 1, 64);
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		at->cmsg_level = SOL_SOCKET;
		at->cmsg_type = SCM_RIGHTS;
		at->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(at), fds, sizeof(int) * fd_count);
	}
	sent = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	return sent < 0 ? -errno : sent;
}

bool peer_raw(struct wire_peer *peer, const void *data, size_t length, const int *fds, unsigned fd_count)
{
	const uint8_t *at = data;

	for (unsigned waited = 0; length;) {
		long sent = send_some(peer->fd, at, length, fds, fd_count);
		struct pollfd room = {peer->fd, POLLOUT, 0};

		if (sent == -EAGAIN) {
			assert_true(waited++ < LIMIT_MS / STEP_MS);
			pump(peer);
			poll(&room, 1, STEP_MS);
			continue;
		}
		if (sent < 0)
			return false;
		at += sent;
		length -= (size_t)sent;
		fd_count = 0;
	}
	return true;
}

void peer_put(int fd, struct wire_out *out)
{
	struct pollfd room = {fd, POLLOUT, 0};
	long sent = wire_write(out, fd, 0);

	while (sent >= 0 && (size_t)sent < wire_size(out)) {
		poll(&room, 1, -1);
		sent = wire_write(out, fd, (size_t)sent);
	}
}

uint16_t peer_send(struct wire_peer *peer, unsigned command, uint32_t flags, const void *payload,
		   size_t length, const int *fds, unsigned fd_count)
{
	struct wire_header header = {
		.id = peer->id++,
		.command = (uint16_t)command,
		.size = (uint32_t)(sizeof(header) + length),
		.flags = flags,
	};

	if (peer_raw(peer, &header, sizeof(header), fds, fd_count))
		peer_raw(peer, payload, length, NULL, 0);
	return header.id;
}

int peer_receive(struct wire_peer *peer)
{
	for (unsigned waited = 0;; waited++) {
		struct pollfd there = {peer->fd, POLLIN, 0};
		int ret = wire_read(&peer->reader, peer->fd);

		if (ret)
			return ret > 0 ? 0 : ret == -EPIPE ? -ECONNRESET : ret;
		assert_true(waited < LIMIT_MS / STEP_MS);
		pump(peer);
		poll(&there, 1, STEP_MS);
	}
}

int peer_reply(struct wire_peer *peer, unsigned command, uint16_t id)
{
	const struct wire_header *header = &peer->reader.header;
	int ret = peer_receive(peer);

	if (ret < 0)
		return ret;
	assert_int_equal(header->id, id);
	assert_int_equal(header->command, command);
	assert_int_equal(header->flags & ~(uint32_t)WIRE_ERROR, WIRE_REPLY);
	if (!(header->flags & WIRE_ERROR))
		return 0;
	assert_int_equal(header->size, sizeof(*header));
	assert_int_equal(peer->reader.fd_count, 0);
	assert_in_range(header->error, 1, 4095);
	return -(int)header->error;
}

int peer_ask_with(struct wire_peer *peer, unsigned command, const void *payload, size_t length,
		  const int *fds, unsigned fd_count)
{
	uint16_t id = peer_send(peer, command, 0, payload, length, fds, fd_count);

	return peer_reply(peer, command, id);
}

int peer_ask(struct wire_peer *peer, unsigned command, const void *payload, size_t length)
{
	return peer_ask_with(peer, command, payload, length, NULL, 0);
}

bool peer_is_closed(struct wire_peer *peer)
{
	int ret = 0;

	for (unsigned i = 0; i < 16 && !ret; i++)
		ret = peer_receive(peer);
	return ret == -ECONNRESET;
}

int peer_version(struct wire_peer *peer, unsigned major, unsigned minor, const char *text)
{
	struct wire_version version = {(uint16_t)major, (uint16_t)minor};
	uint8_t payload[WIRE_VERSION_MAX];
	size_t length = sizeof(version) + (text ? strlen(text) + 1 : 0);

	assert_true(length <= sizeof(payload));
	memcpy(payload, &version, sizeof(version));
	if (text)
		memcpy(payload + sizeof(version), text, strlen(text) + 1);
	return peer_ask(peer, WIRE_VERSION, payload, length);
}

int peer_read(struct wire_peer *peer, unsigned region, uint64_t offset, void *data, uint32_t count)
{
	struct wire_region_access access = {offset, region, count}, reply;
	int ret = peer_ask(peer, WIRE_REGION_READ, &access, sizeof(access));

	if (ret < 0)
		return ret;
	assert_true(wire_payload(&peer->reader) >= sizeof(reply));
	memcpy(&reply, peer->reader.payload, sizeof(reply));
	assert_true(reply.offset == offset && reply.region == region && reply.count <= count);
	assert_int_equal(wire_payload(&peer->reader), sizeof(reply) + reply.count);
	memcpy(data, peer->reader.payload + sizeof(reply), reply.count);
	return (int)reply.count;
}

int peer_write(struct wire_peer *peer, unsigned region, uint64_t offset, const void *data, uint32_t count)
{
	struct wire_region_access access = {offset, region, count};
	uint8_t payload[sizeof(access) + 256];
	int ret;

	assert_true(count <= 256);
	memcpy(payload, &access, sizeof(access));
	memcpy(payload + sizeof(access), data, count);
	ret = peer_ask(peer, WIRE_REGION_WRITE, payload, sizeof(access) + count);
	if (ret < 0)
		return ret;
	assert_int_equal(wire_payload(&peer->reader), sizeof(access));
	memcpy(&access, peer->reader.payload, sizeof(access));
	assert_true(access.offset == offset && access.region == region && access.count <= count);
	return (int)access.count;
}

uint32_t peer_read32(struct wire_peer *peer, unsigned region, uint64_t offset)
{
	uint32_t value = 0;

	assert_int_equal(peer_read(peer, region, offset, &value, sizeof(value)), sizeof(value));
	return value;
}

int peer_write32(struct wire_peer *peer, unsigned region, uint64_t offset, uint32_t value)
{
	int ret = peer_write(peer, region, offset, &value, sizeof(value));

	return ret == sizeof(value) ? 0 : ret;
}

int peer_map(struct wire_peer *peer, uint64_t address, uint64_t size, uint32_t flags, int fd, uint64_t offset)
{
	struct wire_dma_map map = {sizeof(map), flags, offset, address, size};

	return peer_ask_with(peer, WIRE_DMA_MAP, &map, sizeof(map), &fd, fd >= 0);
}

int peer_unmap(struct wire_peer *peer, uint64_t address, uint64_t size, uint32_t flags)
{
	struct wire_dma_unmap unmap = {sizeof(unmap), flags, address, size};

	return peer_ask(peer, WIRE_DMA_UNMAP, &unmap, sizeof(unmap));
}

int peer_set_irqs(struct wire_peer *peer, unsigned index, uint32_t flags, unsigned start, unsigned count,
		  const int *fds, unsigned fd_count)
{
	struct wire_set_irqs set = {sizeof(set), flags, index, start, count};

	return peer_ask_with(peer, WIRE_SET_IRQS, &set, sizeof(set), fds, fd_count);
}
