/* SPDX-License-Identifier: MIT */
/* A server, and a client whose bytes somebody chooses; see server_hostile.h. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/server/server.h"
#include "tests/unit/server_hostile.h"

enum { BAR_SIZE = 4096, MEMORY_SIZE = 0x4000 };

struct hostile {
	struct lend_context *context;
	struct lend_server *server;
	int memory; /* a file that comes with messages */
	unsigned accesses;
};

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Uses what the client gives as a device would. */
static void use_memory(struct hostile *hostile, const void *data, unsigned length)
{
	struct iovec pieces[4];
	uint8_t bytes[64];
	uint64_t address = 0;
	int count;

	memcpy(&address, data, length < sizeof(address) ? length : sizeof(address));
	count = lend_server_memory(hostile->server, address, sizeof(bytes), LEND_ACCESS_READ, pieces, 4);
	for (int i = 0; i < count; i++)
		memcpy(bytes, pieces[i].iov_base, pieces[i].iov_len);
	lend_server_read_memory(hostile->server, address, bytes, sizeof(bytes));
	lend_server_write_memory(hostile->server, address, bytes, sizeof(bytes));
}

static int on_read(void *dev, unsigned region, uint64_t offset, void *data, unsigned length)
{
	struct hostile *hostile = dev;

	(void)region;
	hostile->accesses++;
	memset(data, (int)offset, length);
	lend_server_line(hostile->server, offset & 1);
	return (int)length;
}

static int on_write(void *dev, unsigned region, uint64_t offset, const void *data, unsigned length)
{
	struct hostile *hostile = dev;

	(void)region;
	hostile->accesses++;
	lend_server_signal(hostile->server, (unsigned)offset % 40);
	use_memory(hostile, data, length);
	return (int)length;
}

static const struct lend_server_ops ops = {.size = sizeof(ops), .read = on_read, .write = on_write};

struct hostile *hostile_new(void)
{
	static const uint8_t own[6] = {8, 1, 2, 3, 4, 5}, writable[6] = {0, 0, 0xff, 0xff, 0, 0};
	static const struct lend_server_capability capability = {9, 8, own, writable};
	static const struct lend_area areas[] = {{0, 0x1000}, {0x2000, 0x1000}};
	static const struct lend_server_config config = {
		.bars = {[1] = LEND_SERVER_BAR_IO, [2] = LEND_SERVER_BAR_64},
		.intx = true,
		.express = true,
		.msi = 4,
		.msix = 16,
		.msix_bar = 4,
		.msix_pending = 0x800,
		.capabilities = &capability,
		.capability_count = 1,
	};
	struct hostile *hostile = calloc(1, sizeof(*hostile));
	struct lend_server_device device = {
		.size = sizeof(device),
		.regions = {[0] = {.size = BAR_SIZE, .readable = true, .writable = true},
			    [1] = {.size = 32, .readable = true, .writable = true},
			    [4] = {.size = BAR_SIZE, .readable = true, .writable = true},
			    [LEND_REGION_ROM] = {.size = 2000, .readable = true}},
		.config = &config,
		.ops = &ops,
		.dev = hostile,
	};

	must(hostile && !lend_context_new(NULL, &hostile->context));
	hostile->memory = memfd_create("hostile", MFD_CLOEXEC);
	must(hostile->memory >= 0 && !ftruncate(hostile->memory, MEMORY_SIZE));
	device.regions[2] = (struct lend_server_region){.size = MEMORY_SIZE,
							.readable = true,
							.writable = true,
							.fd = hostile->memory,
							.areas = areas,
							.area_count = 2};
	must(!lend_server_new(hostile->context, &device, &hostile->server, NULL));
	/* Nobody answers its messages. */
	hostile->server->dma_limit_ms = 1;
	return hostile;
}

void hostile_free(struct hostile *hostile)
{
	lend_server_free(hostile->server);
	lend_context_free(hostile->context);
	close(hostile->memory);
	free(hostile);
}

unsigned hostile_accesses(const struct hostile *hostile)
{
	return hostile->accesses;
}

static void work(struct hostile *hostile)
{
	struct pollfd ready = {lend_server_fd(hostile->server), POLLIN, 0};

	for (unsigned i = 0; i < 10000 && poll(&ready, 1, 0) == 1; i++)
		if (lend_server_work(hostile->server) < 0)
			break;
}

/* What is told is not looked at. */
static void drop_replies(int fd)
{
	uint8_t bytes[4096];

	while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

static void send_bytes(struct hostile *hostile, int fd, const void *data, size_t length, bool with_fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {.align = {.cmsg_len = CMSG_LEN(sizeof(int)),
			       .cmsg_level = SOL_SOCKET,
			       .cmsg_type = SCM_RIGHTS}};
	struct iovec iov = {(void *)data, length};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (with_fd) {
		memcpy(CMSG_DATA(&control.align), &hostile->memory, sizeof(int));
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
	}
	if (sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return;
	work(hostile);
	drop_replies(fd);
}

static void send_known(struct hostile *hostile, int fd, unsigned command, const void *payload, size_t length,
		       bool with_fd)
{
	uint8_t bytes[sizeof(struct wire_header) + 64];
	struct wire_header header = {0, (uint16_t)command, (uint32_t)(sizeof(header) + length), 0, 0};

	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), payload, length);
	send_bytes(hostile, fd, bytes, sizeof(header) + length, with_fd);
}

/* Messages are sent one by one, as long as their headers make sense, so that each can have a descriptor. */
static void send_all(struct hostile *hostile, int fd, const uint8_t *data, size_t size, bool with_fd)
{
	while (size) {
		struct wire_header header = {.size = (uint32_t)size};

		if (size >= sizeof(header))
			memcpy(&header, data, sizeof(header));
		if (header.size < sizeof(header) || header.size > size)
			header.size = (uint32_t)size;
		send_bytes(hostile, fd, data, header.size, with_fd);
		data += header.size;
		size -= header.size;
	}
}

void hostile_bytes(struct hostile *hostile, const uint8_t *data, size_t size)
{
	static const struct wire_dma_map mapped = {32, 3, 0, 0, MEMORY_SIZE},
					 by_messages = {32, 3, 0, 0x10000, 0x1000};
	static const char version[] = "\0\0\2\0{\"capabilities\":{\"write_multiple\":true}}";
	uint8_t how = size ? data[0] : 0;
	int pair[2];

	if (!size)
		return;
	must(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	must(!lend_server_take(hostile->server, pair[0], NULL));
	if (how & 1)
		send_known(hostile, pair[1], WIRE_VERSION, version, sizeof(version), false);
	if (how & 4) {
		send_known(hostile, pair[1], WIRE_DMA_MAP, &mapped, sizeof(mapped), true);
		send_known(hostile, pair[1], WIRE_DMA_MAP, &by_messages, sizeof(by_messages), false);
	}
	send_all(hostile, pair[1], data + 1, size - 1, how & 2);
	close(pair[1]);
	work(hostile);
	/* The server takes the next client as if it had none before. */
	must(hostile->server->finished && !hostile->server->maps.count && hostile->server->main.fd < 0);
	hostile->server->only = hostile->server->finished = false;
}
