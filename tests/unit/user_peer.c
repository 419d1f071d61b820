/* SPDX-License-Identifier: MIT */
/* The scripted server (user_peer.h). */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/user_peer.h"
#include "tests/unit/user_peer_regions.h"
#include "tests/unit/wire_peer.h"

void user_peer_init(struct user_peer *peer)
{
	*peer = (struct user_peer){
		.twin = true,
		.info_flags = WIRE_INFO_RESET | WIRE_INFO_PCI,
		.region_count = LEND_REGION_COUNT,
		.irq_count = LEND_IRQ_COUNT,
		.irqs = {1, 1, 32, 0, 0},
		.fds = {-1, -1},
		.client = -1,
	};
	peer->regions[0] = (struct peer_region){.size = PEER_BYTES,
						.flags = WIRE_REGION_CAN_READ | WIRE_REGION_CAN_WRITE};
	peer->regions[LEND_REGION_CONFIG] =
		(struct peer_region){.size = 256, .flags = WIRE_REGION_CAN_READ | WIRE_REGION_CAN_WRITE};
	memcpy(peer->config, (uint8_t[]){0x34, 0x12, 0x78, 0x56}, 4);
	peer->config[6] = 0x10;  /* a list of capabilities */
	peer->config[11] = 0xff; /* class */
	peer->config[0x34] = 0x50;
	peer->config[0x3d] = 1;
	/* MSI-X: 32 vectors, the table in BAR 0 at 0x2000, the pending bits at 0x3000. */
	memcpy(peer->config + 0x50, (uint8_t[]){0x11, 0, 31, 0, 0, 0x20, 0, 0, 0, 0x30, 0, 0}, 12);
}

/* As much of a message as a server sent that was killed then. */
static void put_some(struct user_peer *peer, struct wire_out *out)
{
	struct wire_peer to = {.fd = peer->fds[0]};
	size_t size = wire_size(out), at = sizeof(out->header);
	uint8_t *bytes = malloc(size);

	memcpy(bytes, &out->header, sizeof(out->header));
	for (unsigned i = 0; i < out->part_count; i++) {
		memcpy(bytes + at, out->parts[i].iov_base, out->parts[i].iov_len);
		at += out->parts[i].iov_len;
	}
	peer_raw(&to, bytes, peer->cut < size ? peer->cut : size, out->fds, out->fd_count);
	free(bytes);
}

void user_peer_reply(struct user_peer *peer, const struct wire_reader *message, int error, const void *data,
		     size_t length, const int *fds, unsigned fd_count)
{
	struct wire_out out = {.header = {.id = message->header.id,
					  .command = message->header.command,
					  .flags = WIRE_REPLY | (error ? WIRE_ERROR : 0u),
					  .error = (uint32_t)error},
			       .parts = {{(void *)(uintptr_t)data, length}},
			       .part_count = length ? 1 : 0,
			       .fds = fds,
			       .fd_count = fd_count};

	if (message->header.flags & WIRE_NO_REPLY)
		return;
	if (peer->dying)
		put_some(peer, &out);
	else
		peer_put(peer->fds[0], &out);
}

void user_peer_raw(struct user_peer *peer, const void *bytes, size_t length)
{
	assert_int_equal(send(peer->fds[0], bytes, length, MSG_NOSIGNAL), (ssize_t)length);
}

static void version(struct user_peer *peer, const struct wire_reader *message)
{
	struct wire_limits theirs, ours = WIRE_LIMITS_INIT;
	char reply[WIRE_VERSION_MAX];
	long length;
	int pair[2];

	assert_int_equal(wire_version_read(message->payload, wire_payload(message), &theirs, NULL), 0);
	assert_int_equal(theirs.fds, WIRE_FDS_MAX);
	ours.fds = peer->max_fds ? peer->max_fds : 8;
	ours.twin = peer->twin && theirs.twin;
	ours.twin_fd = ours.twin ? 0 : -1;
	length = wire_version_write(&ours, reply, sizeof(reply));
	if (!ours.twin) {
		user_peer_reply(peer, message, 0, reply, (size_t)length, NULL, 0);
		return;
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	peer->fds[1] = pair[0];
	user_peer_reply(peer, message, 0, reply, (size_t)length, &pair[1], 1);
	close(pair[1]);
}

static void map(struct user_peer *peer, struct wire_reader *message)
{
	memcpy(&peer->maps[peer->map_count].map, message->payload, sizeof(peer->maps[0].map));
	peer->maps[peer->map_count++].fd = wire_take_fd(message, 0);
	user_peer_reply(peer, message, 0, NULL, 0, NULL, 0);
}

static void unmap(struct user_peer *peer, struct wire_reader *message)
{
	struct wire_dma_unmap what;

	memcpy(&what, message->payload, sizeof(what));
	for (unsigned i = 0; i < peer->map_count; i++) {
		if (peer->maps[i].map.address != what.address || peer->maps[i].map.size != what.size)
			continue;
		if (peer->maps[i].fd >= 0)
			close(peer->maps[i].fd);
		peer->maps[i] = peer->maps[--peer->map_count];
		user_peer_reply(peer, message, 0, &what, sizeof(what), NULL, 0);
		return;
	}
	user_peer_reply(peer, message, ENOENT, NULL, 0, NULL, 0);
}

static void put_irq(struct user_peer *peer, unsigned index, unsigned vector, int fd)
{
	int *at = &peer->irq_fds[index][vector];

	if (*at)
		close(*at);
	*at = fd > 0 ? fd : 0;
}

static void set_irqs(struct user_peer *peer, struct wire_reader *message)
{
	struct wire_set_irqs what;
	unsigned fds = message->fd_count;

	memcpy(&what, message->payload, sizeof(what));
	assert_true(fds <= (peer->max_fds ? peer->max_fds : 8));
	peer->irq_log[peer->irq_log_count % PEER_IRQ_LOG].what = what;
	peer->irq_log[peer->irq_log_count++ % PEER_IRQ_LOG].fds = fds;
	if (what.index >= LEND_IRQ_COUNT || what.start + what.count > 64 || (fds && fds != what.count)) {
		user_peer_reply(peer, message, EINVAL, NULL, 0, NULL, 0);
		return;
	}
	if (what.flags == (WIRE_IRQS_TRIGGER | WIRE_IRQS_EVENTFD))
		for (unsigned i = 0; i < what.count; i++)
			put_irq(peer, what.index, what.start + i, fds ? wire_take_fd(message, i) : 0);
	if (what.flags == (WIRE_IRQS_TRIGGER | WIRE_IRQS_NONE) && !what.count)
		for (unsigned i = 0; i < 64; i++)
			put_irq(peer, what.index, i, 0);
	user_peer_reply(peer, message, 0, NULL, 0, NULL, 0);
}

static void infos(struct user_peer *peer, const struct wire_reader *message)
{
	struct wire_irq_info irq;
	struct wire_info info = {sizeof(info), peer->info_flags, peer->region_count, peer->irq_count};

	if (message->header.command == WIRE_GET_INFO) {
		user_peer_reply(peer, message, 0, &info, sizeof(info), NULL, 0);
		return;
	}
	memcpy(&irq, message->payload, sizeof(irq));
	irq.flags = WIRE_IRQ_EVENTFD | (irq.index ? 0 : peer->line_flags);
	irq.count = irq.index < LEND_IRQ_COUNT ? peer->irqs[irq.index] : 0;
	user_peer_reply(peer, message, 0, &irq, sizeof(irq), NULL, 0);
}

static void answer(struct user_peer *peer, struct wire_reader *message)
{
	switch (message->header.command) {
	case WIRE_VERSION:
		version(peer, message);
		return;
	case WIRE_GET_REGION_INFO:
		user_peer_region_info(peer, message);
		return;
	case WIRE_GET_REGION_IO_FDS:
		user_peer_io_fds(peer, message);
		return;
	case WIRE_REGION_READ:
	case WIRE_REGION_WRITE:
		user_peer_access(peer, message);
		return;
	case WIRE_DMA_MAP:
		map(peer, message);
		return;
	case WIRE_DMA_UNMAP:
		unmap(peer, message);
		return;
	case WIRE_SET_IRQS:
		set_irqs(peer, message);
		return;
	case WIRE_RESET:
		user_peer_reply(peer, message, 0, NULL, 0, NULL, 0);
		return;
	default:
		infos(peer, message);
		return;
	}
}

static void serve(struct user_peer *peer, struct wire_reader *message)
{
	unsigned command = message->header.command;

	peer->commands++;
	peer->seen[command < 32 ? command : 0]++;
	peer->last_flags = message->header.flags;
	peer->dying = peer->dies_at == peer->commands;
	if (!peer->hook || !peer->hook(peer, message))
		answer(peer, message);
	for (unsigned i = 0; i < 2 && peer->dying; i++)
		if (peer->fds[i] >= 0)
			shutdown(peer->fds[i], SHUT_RDWR);
}

/* How long poll() may wait: it does not tell of what was read ahead. */
static int wait_ms(const struct user_peer *peer)
{
	return wire_has_more(&peer->readers[0]) || wire_has_more(&peer->readers[1]) ? 0 : -1;
}

/* Takes one message of a socket: 1, 0: none now, or a negative errno. A command is served. */
static int take(struct user_peer *peer, unsigned channel)
{
	struct wire_reader *reader = &peer->readers[channel];
	int ret = wire_read(reader, peer->fds[channel]);

	if (ret == 1 && !(reader->header.flags & WIRE_TYPE))
		serve(peer, reader);
	return ret;
}

struct wire_reader *user_peer_ask(struct user_peer *peer, unsigned command, const void *payload,
				  size_t length, const int *fds, unsigned fd_count)
{
	static uint16_t id;
	struct wire_out out = {.header = {.id = ++id, .command = (uint16_t)command},
			       .parts = {{(void *)(uintptr_t)payload, length}},
			       .part_count = length ? 1 : 0,
			       .fds = fds,
			       .fd_count = fd_count};
	unsigned channel = peer->fds[1] >= 0;

	peer_put(peer->fds[channel], &out);
	for (;;) {
		struct pollfd polls[2] = {{.fd = peer->fds[0], .events = POLLIN},
					  {.fd = peer->fds[1], .events = POLLIN}};

		poll(polls, 2, wait_ms(peer));
		for (unsigned i = 0; i < 2; i++) {
			int ret = peer->fds[i] >= 0 ? take(peer, i) : 0;

			if (ret < 0)
				return NULL;
			if (ret == 1 && i == channel && peer->readers[i].header.flags & WIRE_REPLY) {
				assert_int_equal(peer->readers[i].header.id, out.header.id);
				assert_int_equal(peer->readers[i].header.command, command);
				return &peer->readers[i];
			}
		}
	}
}

int user_peer_dma(struct user_peer *peer, bool write, uint64_t address, uint64_t count, void *data)
{
	struct wire_dma_access head = {address, count};
	size_t with = write ? count : 0;
	uint8_t *payload = malloc(sizeof(head) + with);
	struct wire_reader *reply;

	memcpy(payload, &head, sizeof(head));
	memcpy(payload + sizeof(head), data, with);
	reply = user_peer_ask(peer, write ? WIRE_DMA_WRITE : WIRE_DMA_READ, payload, sizeof(head) + with,
			      NULL, 0);
	free(payload);
	if (!reply)
		return ENOTCONN;
	if (reply->header.flags & WIRE_ERROR) {
		assert_int_equal(wire_payload(reply), 0);
		return (int)reply->header.error;
	}
	assert_memory_equal(reply->payload, &head, sizeof(head));
	assert_int_equal(wire_payload(reply), sizeof(head) + (write ? 0 : count));
	if (!write)
		memcpy(data, reply->payload + sizeof(head), count);
	return 0;
}

static void *run(void *opaque)
{
	struct user_peer *peer = opaque;
	uint64_t count;

	for (;;) {
		struct pollfd polls[3] = {{.fd = peer->fds[0], .events = POLLIN},
					  {.fd = peer->fds[1], .events = POLLIN},
					  {.fd = peer->wake, .events = POLLIN}};

		poll(polls, 3, wait_ms(peer));
		if (polls[2].revents) {
			(void)!read(peer->wake, &count, sizeof(count));
			if (!peer->job)
				return NULL;
			peer->job(peer);
			peer->job = NULL;
			__atomic_store_n(&peer->job_done, true, __ATOMIC_RELEASE);
			continue;
		}
		for (unsigned i = 0; i < 2; i++) {
			int ret = peer->fds[i] >= 0 ? take(peer, i) : 0;

			if (ret >= 0)
				continue;
			close(peer->fds[i]);
			peer->fds[i] = -1;
		}
	}
}

void user_peer_start(struct user_peer *peer)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	peer->fds[0] = pair[0];
	peer->client = pair[1];
	for (unsigned i = 0; i < 2; i++)
		wire_reader_init(&peer->readers[i], WIRE_MESSAGE_MAX);
	peer->wake = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(pthread_create(&peer->thread, NULL, run, peer), 0);
	peer->running = true;
}

void user_peer_stop(struct user_peer *peer)
{
	if (!peer->running)
		return;
	peer->job = NULL;
	assert_int_equal(write(peer->wake, &(uint64_t){1}, 8), 8);
	pthread_join(peer->thread, NULL);
	peer->running = false;
	close(peer->wake);
	for (unsigned i = 0; i < 2; i++) {
		wire_reader_end(&peer->readers[i]);
		if (peer->fds[i] >= 0)
			close(peer->fds[i]);
		peer->fds[i] = -1;
	}
	for (unsigned i = 0; i < peer->map_count; i++)
		if (peer->maps[i].fd >= 0)
			close(peer->maps[i].fd);
	peer->map_count = 0;
	for (unsigned i = 0; i < LEND_IRQ_COUNT; i++)
		for (unsigned j = 0; j < 64; j++)
			put_irq(peer, i, j, 0);
}
