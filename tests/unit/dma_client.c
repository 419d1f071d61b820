/* SPDX-License-Identifier: MIT */
/* See dma_client.h. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/dma_client.h"

static const char with_twin[] = "{\"capabilities\":{\"max_msg_fds\":8,\"twin_socket\":{\"supported\":true}}}";

static void ask_register(struct dma_client *client)
{
	struct wire_region_access access = {0, LEND_REGION_CONFIG, 4};
	struct wire_out out = {.header = {.id = 1, .command = WIRE_REGION_READ},
			       .parts = {{&access, sizeof(access)}},
			       .part_count = 1};

	client->registers--;
	client->commands++;
	peer_put(client->main, &out);
}

static void answer(struct dma_client *client, const struct wire_reader *reader)
{
	struct wire_out out = {
		.header = {.id = reader->header.id, .command = reader->header.command, .flags = WIRE_REPLY},
		.part_count = 1};
	bool reads = reader->header.command == WIRE_DMA_READ;
	struct wire_dma_access access;

	memcpy(&access, reader->payload, sizeof(access));
	__atomic_fetch_add(&client->answered, 1, __ATOMIC_RELEASE); /* a test may wait for it */
	client->largest = access.count > client->largest ? access.count : client->largest;
	if (access.address < DMA_BASE || access.count > DMA_SIZE ||
	    access.address - DMA_BASE > DMA_SIZE - access.count ||
	    wire_payload(reader) != sizeof(access) + (reads ? 0 : access.count)) {
		client->bad = true;
		return;
	}
	if (client->manner == SILENT)
		return;
	if (client->manner == SLOW) /* within the limit of one message */
		poll(NULL, 0, DMA_SLOW_MS);
	out.parts[0] = (struct iovec){&access, sizeof(access)};
	out.parts[1] = (struct iovec){client->memory + (access.address - DMA_BASE), access.count};
	out.part_count = reads && client->manner != WITHOUT_DATA ? 2 : 1;
	if (!reads)
		memcpy(client->memory + (access.address - DMA_BASE), reader->payload + sizeof(access),
		       access.count);
	if (client->manner == REFUSE) {
		out.header.flags |= WIRE_ERROR;
		out.header.error = ENODEV;
	}
	if (client->manner == SHORT)
		access.count = --out.parts[1].iov_len;
	access.address += client->manner == WRONG_ADDRESS;
	out.fds = &client->main;
	out.fd_count = client->manner == WITH_FDS;
	peer_put(client->dma, &out);
}

static bool take(struct dma_client *client, struct wire_reader *reader, int fd)
{
	int ret = wire_read(reader, fd);

	if (ret <= 0)
		return !ret;
	if ((reader->header.flags & WIRE_TYPE) == WIRE_REPLY) {
		client->replies++;
		client->bad |=
			reader->header.command != WIRE_REGION_READ || reader->header.flags & WIRE_ERROR;
		if (client->registers)
			ask_register(client);
		else
			assert_int_equal(eventfd_write(client->finished, 1), 0);
	} else if (client->manner == GONE) {
		shutdown(client->main, SHUT_RDWR);
		return false;
	} else {
		answer(client, reader);
	}
	return true;
}

static void *run(void *opaque)
{
	struct dma_client *client = opaque;
	struct wire_reader main, twin;
	bool goes_on = true;

	wire_reader_init(&main, WIRE_MESSAGE_MAX);
	wire_reader_init(&twin, WIRE_MESSAGE_MAX);
	if (client->registers)
		ask_register(client);
	while (goes_on) {
		struct pollfd fds[3] = {{client->main, POLLIN, 0},
					{client->dma == client->main ? -1 : client->dma, POLLIN, 0},
					{client->stop[0], POLLIN, 0}};

		poll(fds, 3, wire_has_more(&main) || wire_has_more(&twin) ? 0 : -1);
		if (fds[2].revents)
			break;
		if (fds[0].revents || wire_has_more(&main))
			goes_on = take(client, &main, client->main);
		if (goes_on && (fds[1].revents || wire_has_more(&twin)))
			goes_on = take(client, &twin, client->dma);
	}
	wire_reader_end(&main);
	wire_reader_end(&twin);
	return NULL;
}

void dma_client_begin(struct server_stage *stage, struct dma_client *client, bool twin, enum manner manner)
{
	struct wire_version *version;

	*client = (struct dma_client){.manner = manner, .memory = calloc(1, DMA_SIZE)};
	assert_non_null(client->memory);
	for (size_t i = 0; i < DMA_SIZE; i++)
		client->memory[i] = (uint8_t)(i * 7 + (i >> 12));
	assert_int_equal(peer_version(&stage->peer, 0, 2, twin ? with_twin : wire_peer_text), 0);
	version = (struct wire_version *)(void *)stage->peer.reader.payload;
	assert_int_equal(version->minor, 2);
	client->main = client->dma = stage->peer.fd;
	assert_int_equal(stage->peer.reader.fd_count, twin);
	if (twin) {
		assert_non_null(strstr((const char *)(version + 1), "\"fd_index\":0"));
		client->dma = wire_take_fd(&stage->peer.reader, 0);
	}
	assert_int_equal(peer_map(&stage->peer, DMA_BASE, 0x1000, WIRE_DMA_READABLE, -1, 0), 0);
	assert_int_equal(peer_map(&stage->peer, DMA_BASE + 0x1000, 0x1000,
				  WIRE_DMA_READABLE | WIRE_DMA_WRITABLE, -1, 0),
			 0);
	assert_int_equal(peer_map(&stage->peer, DMA_BASE + 0x2000, DMA_SIZE - 0x2000,
				  WIRE_DMA_READABLE | WIRE_DMA_WRITABLE, -1, 0),
			 0);
	assert_int_equal(pipe(client->stop), 0);
}

void dma_client_start(struct dma_client *client, unsigned registers)
{
	client->registers = registers;
	client->finished = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(pthread_create(&client->thread, NULL, run, client), 0);
}

void dma_client_end(struct dma_client *client)
{
	assert_int_equal(write(client->stop[1], "", 1), 1);
	pthread_join(client->thread, NULL);
	assert_false(client->bad);
	if (client->dma != client->main)
		close(client->dma);
	close(client->stop[0]);
	close(client->stop[1]);
	close(client->finished);
	free(client->memory);
}
