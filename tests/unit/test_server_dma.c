/* SPDX-License-Identifier: MIT */
/*
 * Guest memory that is reached by messages: the client is a thread that answers on the
 * main socket or on the second one, and asks for registers meanwhile.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/server/server.h"
#include "tests/unit/server_stage.h"

enum { R = WIRE_DMA_READABLE, W = WIRE_DMA_WRITABLE, BASE = 0x10000, SIZE = 0x400000 };

static const char with_twin[] = "{\"capabilities\":{\"max_msg_fds\":8,\"twin_socket\":{\"supported\":true}}}";

enum { SLOW_MS = 20 };

/* How a client answers. */
enum manner { HONEST, REFUSE, SILENT, SHORT, WRONG_ADDRESS, WITHOUT_DATA, WITH_FDS, GONE, SLOW };

struct client {
	pthread_t thread;
	int main, dma; /* the same without a second socket */
	enum manner manner;
	unsigned registers; /* how many registers it reads, one after the other */
	uint8_t *memory;
	/* What it saw. */
	unsigned answered, replies, commands;
	uint64_t largest;
	bool bad;
	int stop[2];
	int finished; /* eventfd: it has read all registers */
};

static void send_all(int fd, struct wire_out *out)
{
	size_t size = wire_size(out), sent = 0;

	while (sent < size) {
		struct pollfd room = {fd, POLLOUT, 0};
		long now = wire_write(out, fd, sent);

		if (now < 0)
			return;
		sent = (size_t)now;
		if (sent < size)
			poll(&room, 1, 100);
	}
}

static void ask_register(struct client *client)
{
	struct wire_region_access access = {0, LEND_REGION_CONFIG, 4};
	struct wire_out out = {.header = {.id = 1, .command = WIRE_REGION_READ},
			       .parts = {{&access, sizeof(access)}},
			       .part_count = 1};

	client->registers--;
	client->commands++;
	send_all(client->main, &out);
}

static void answer(struct client *client, const struct wire_reader *reader)
{
	struct wire_out out = {
		.header = {.id = reader->header.id, .command = reader->header.command, .flags = WIRE_REPLY},
		.part_count = 1};
	bool reads = reader->header.command == WIRE_DMA_READ;
	struct wire_dma_access access;

	memcpy(&access, reader->payload, sizeof(access));
	client->answered++;
	client->largest = access.count > client->largest ? access.count : client->largest;
	if (access.address < BASE || access.count > SIZE || access.address - BASE > SIZE - access.count ||
	    wire_payload(reader) != sizeof(access) + (reads ? 0 : access.count)) {
		client->bad = true;
		return;
	}
	if (client->manner == SILENT)
		return;
	if (client->manner == SLOW) /* within the limit of one message */
		poll(NULL, 0, SLOW_MS);
	out.parts[0] = (struct iovec){&access, sizeof(access)};
	out.parts[1] = (struct iovec){client->memory + (access.address - BASE), access.count};
	out.part_count = reads && client->manner != WITHOUT_DATA ? 2 : 1;
	if (!reads)
		memcpy(client->memory + (access.address - BASE), reader->payload + sizeof(access),
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
	send_all(client->dma, &out);
}

static bool take(struct client *client, struct wire_reader *reader, int fd)
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
	struct client *client = opaque;
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

/* A client that has shown one large range of memory, and one page that is only readable. */
static void begin(struct server_stage *stage, struct client *client, bool twin, enum manner manner)
{
	struct wire_version *version;

	*client = (struct client){.manner = manner, .memory = calloc(1, SIZE)};
	assert_non_null(client->memory);
	for (size_t i = 0; i < SIZE; i++)
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
	assert_int_equal(peer_map(&stage->peer, BASE, 0x1000, R, -1, 0), 0);
	assert_int_equal(peer_map(&stage->peer, BASE + 0x1000, 0x1000, R | W, -1, 0), 0);
	assert_int_equal(peer_map(&stage->peer, BASE + 0x2000, SIZE - 0x2000, R | W, -1, 0), 0);
	assert_int_equal(pipe(client->stop), 0);
}

static void start(struct client *client, unsigned registers)
{
	client->registers = registers;
	client->finished = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(pthread_create(&client->thread, NULL, run, client), 0);
}

static void end(struct client *client)
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

static void memory_by_messages(struct server_stage *stage, bool twin)
{
	struct lend_server *server = stage->server;
	uint8_t *data = malloc(SIZE);
	struct client client;

	begin(stage, &client, twin, HONEST);
	start(&client, 0);
	assert_non_null(data);
	assert_int_equal(lend_server_read_memory(server, BASE + 5, data, 11), 0);
	assert_memory_equal(data, client.memory + 5, 11);
	/* Over borders, and in pieces that the client takes. */
	assert_int_equal(lend_server_read_memory(server, BASE, data, SIZE), 0);
	assert_memory_equal(data, client.memory, SIZE);
	assert_int_equal(client.largest, WIRE_DATA_MAX);
	memset(data, 0x5a, SIZE);
	assert_int_equal(lend_server_write_memory(server, BASE + 0x1ffe, data, 3u << 20), 0);
	assert_memory_equal(client.memory + 0x1ffe, data, 3u << 20);
	/* Not mapped, not writable: nothing is asked. */
	client.answered = 0;
	assert_int_equal(lend_server_read_memory(server, BASE - 1, data, 2), -EFAULT);
	assert_int_equal(lend_server_read_memory(server, UINT64_MAX, data, 2), -EFAULT);
	assert_int_equal(lend_server_read_memory(server, 0xfee00000, data, 4), -EFAULT);
	assert_int_equal(lend_server_write_memory(server, BASE + 0xfff, data, 2), -EFAULT);
	assert_int_equal(client.answered, 0);
	end(&client);
	assert_int_equal(peer_ask(&stage->peer, WIRE_RESET, NULL, 0), 0);
	free(data);
}

static void by_one_socket(void **state)
{
	memory_by_messages(*state, false);
}

static void by_a_second_socket(void **state)
{
	memory_by_messages(*state, true);
}

static void small_messages_for_a_small_client(void **state)
{
	struct server_stage *stage = *state;
	uint8_t data[1000];
	struct client client;

	begin(stage, &client, false, HONEST);
	stage->server->client.data = 64;
	start(&client, 0);
	assert_int_equal(lend_server_read_memory(stage->server, BASE, data, sizeof(data)), 0);
	assert_memory_equal(data, client.memory, sizeof(data));
	assert_int_equal(client.largest, 64);
	assert_int_equal(client.answered, 16);
	end(&client);
}

static void answers_that_make_no_sense(void **state)
{
	static const struct {
		enum manner manner;
		int expected;
	} rows[] = {{REFUSE, -EIO},       {SHORT, -EIO}, {WRONG_ADDRESS, -EIO},
		    {WITHOUT_DATA, -EIO}, {WITH_FDS, 0}, {HONEST, 0}};
	struct server_stage *stage = *state;

	for (unsigned i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned fds = open_fds();
		struct client client;
		uint8_t data[64];

		begin(stage, &client, i % 2, rows[i / 2].manner);
		start(&client, 0);
		assert_int_equal(lend_server_read_memory(stage->server, BASE, data, 64),
				 rows[i / 2].expected);
		client.manner = HONEST;
		assert_int_equal(lend_server_read_memory(stage->server, BASE, data, 64), 0);
		end(&client);
		stage_connect(stage);
		stage_work(stage);
		assert_int_equal(open_fds(), fds);
	}
}

static void a_client_that_does_not_answer(void **state)
{
	struct server_stage *stage = *state;
	struct timespec before, after;
	struct client client;
	uint8_t data[64];

	begin(stage, &client, false, SILENT);
	start(&client, 0);
	stage->server->dma_limit_ms = 50;
	assert_int_equal(lend_server_read_memory(stage->server, BASE, data, 64), -ETIMEDOUT);
	/* It is not waited for again. */
	stage->server->dma_limit_ms = 60000;
	clock_gettime(CLOCK_MONOTONIC, &before);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(lend_server_read_memory(stage->server, BASE, data, 64), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(after.tv_sec - before.tv_sec < 10);
	assert_int_equal(client.answered, 1);
	end(&client);
	/* The late answer is no other one's, and shows that the client is there again. */
	assert_false(peer_raw(&stage->peer, "", 0, NULL, 0) == false);
	peer_send(&stage->peer, WIRE_DMA_READ, WIRE_REPLY, data, sizeof(data), NULL, 0);
	stage_is_in_step(stage, open_fds());
	assert_false(stage->server->silent);
}

/* The limit is for all of a copy, however little the client takes in a message. */
static void a_client_that_takes_a_byte_at_a_time(void **state)
{
	enum { LIMIT_MS = 500, BYTES = 100 };
	struct server_stage *stage = *state;
	struct client client;
	uint8_t data[BYTES];

	begin(stage, &client, false, SLOW);
	stage->server->client.data = 1;
	stage->server->dma_limit_ms = LIMIT_MS;
	start(&client, 0);
	assert_int_equal(lend_server_read_memory(stage->server, BASE, data, BYTES), -ETIMEDOUT);
	assert_in_range(client.answered, 1, LIMIT_MS / SLOW_MS + 1);
	end(&client);
}

static void a_client_that_goes_meanwhile(void **state)
{
	struct server_stage *stage = *state;
	struct client client;
	uint8_t data[64];

	for (unsigned twin = 0; twin < 2; twin++) {
		begin(stage, &client, twin, GONE);
		start(&client, 0);
		assert_int_equal(lend_server_read_memory(stage->server, BASE, data, 64), -ENOTCONN);
		assert_int_equal(lend_server_read_memory(stage->server, BASE, data, 64), -ENOTCONN);
		/* Its end comes in the next call, not in the midst of the device's own work. */
		assert_int_equal(stage->lost, twin);
		stage_work(stage);
		assert_int_equal(stage->lost, twin + 1);
		end(&client);
		stage_connect(stage);
	}
}

/* Accesses of the client and of the device meet again and again; all of them complete. */
static void collide(struct server_stage *stage, bool twin, bool nests)
{
	enum { ROUNDS = 20000 };
	struct client client;
	uint64_t value;

	stage->server->device.nests = nests;
	begin(stage, &client, twin, HONEST);
	start(&client, ROUNDS);
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t at = BASE + 0x3000 + i % 512 * 8;

		assert_int_equal(lend_server_read_memory(stage->server, at, &value, 8), 0);
		lend_server_work(stage->server);
	}
	for (;;) {
		struct pollfd ready[2] = {{lend_server_fd(stage->server), POLLIN, 0},
					  {client.finished, POLLIN, 0}};

		assert_true(poll(ready, 2, 10000) > 0);
		if (ready[1].revents)
			break;
		assert_int_equal(lend_server_work(stage->server), 0);
	}
	end(&client);
	assert_int_equal(client.replies, ROUNDS);
	assert_int_equal(client.answered, ROUNDS);
}

static void collisions_on_one_socket(void **state)
{
	collide(*state, false, false);
}

static void collisions_with_a_second_socket(void **state)
{
	collide(*state, true, false);
}

static void collisions_that_nest(void **state)
{
	struct server_stage *stage = *state;

	collide(stage, false, true);
	stage_connect(stage);
	collide(stage, true, true);
}

static uint8_t nested[64];
static int nested_result;

static int dma_in_a_write(struct server_stage *stage, unsigned region, uint64_t offset)
{
	(void)region, (void)offset;
	nested_result = lend_server_read_memory(stage->server, BASE, nested, sizeof(nested));
	return 0;
}

/* The client's next commands wait until the write is answered, also where accesses nest. */
static void order_stays_within_a_slot(void **state)
{
	struct server_stage *stage = *state;
	struct __attribute__((packed)) {
		struct wire_header header;
		struct wire_region_access access;
		uint32_t value;
	} write = {{7, WIRE_REGION_WRITE, sizeof(write), 0, 0}, {0, STAGE_REGISTERS, 4}, 1};
	struct __attribute__((packed)) {
		struct wire_header header;
		struct wire_region_access access;
	} read = {{8, WIRE_REGION_READ, sizeof(read), 0, 0}, {0, STAGE_REGISTERS, 4}};
	struct __attribute__((packed)) {
		struct wire_header header;
		struct wire_dma_access access;
		uint8_t data[64];
	} dma = {{0, WIRE_DMA_READ, sizeof(dma), WIRE_REPLY, 0}, {BASE, 64}, {9, 8, 7}};

	assert_int_equal(peer_version(&stage->peer, 0, 2, wire_peer_text), 0);
	assert_int_equal(peer_map(&stage->peer, BASE, 0x1000, R, -1, 0), 0);
	stage->on_write = dma_in_a_write;
	for (unsigned i = 0; i < 2; i++) {
		stage->server->device.nests = i;
		dma.header.id = (uint16_t)i;
		nested_result = -1;
		/* All is in the socket before the server looks: write, read, and the answer to what the write
		 * causes. */
		assert_int_equal(send(stage->peer.fd, &write, sizeof(write), 0), sizeof(write));
		assert_int_equal(send(stage->peer.fd, &read, sizeof(read), 0), sizeof(read));
		assert_int_equal(send(stage->peer.fd, &dma, sizeof(dma), 0), sizeof(dma));
		stage_work(stage);
		assert_int_equal(nested_result, 0);
		assert_int_equal(nested[2], 7);
		assert_int_equal(peer_receive(&stage->peer), 0);
		assert_int_equal(stage->peer.reader.header.command, WIRE_DMA_READ);
		assert_int_equal(peer_reply(&stage->peer, WIRE_REGION_WRITE, 7), 0);
		assert_int_equal(peer_reply(&stage->peer, WIRE_REGION_READ, 8), 0);
	}
}

/* More commands than are kept: what is too much stays in the socket, and nothing grows. */
static void kept_commands_are_bounded(void **state)
{
	struct server_stage *stage = *state;
	uint8_t big[60000] = {0};
	unsigned kept = 0;

	assert_int_equal(peer_version(&stage->peer, 0, 2, wire_peer_text), 0);
	assert_int_equal(peer_map(&stage->peer, BASE, 0x1000, R, -1, 0), 0);
	stage->server->dma_limit_ms = 20;
	stage->peer.pump = NULL;
	for (unsigned i = 0; i < 300; i++) {
		struct wire_header header = {0, WIRE_MIG_DATA_WRITE, sizeof(header) + sizeof(big),
					     WIRE_NO_REPLY, 0};
		struct iovec iov[2] = {{&header, sizeof(header)}, {big, sizeof(big)}};
		struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
		uint8_t data[8];

		if (sendmsg(stage->peer.fd, &msg, MSG_DONTWAIT) != (ssize_t)header.size)
			break;
		kept++;
		stage->server->silent = false;
		assert_int_equal(lend_server_read_memory(stage->server, BASE, data, 8), -ETIMEDOUT);
		assert_true(stage->server->kept_bytes <= SERVER_KEPT_BYTES + sizeof(big));
	}
	assert_in_range(kept, SERVER_KEPT_BYTES / sizeof(big), SERVER_KEPT_BYTES / sizeof(big) + 20);
}

static void the_second_socket_is_the_session_too(void **state)
{
	struct server_stage *stage = *state;
	struct client client;

	begin(stage, &client, true, HONEST);
	close(client.dma);
	client.dma = client.main;
	stage_work(stage);
	assert_int_equal(stage->lost, 1);
	start(&client, 0);
	end(&client);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, stage_setup_silent, stage_teardown)
	const struct CMUnitTest tests[] = {
		CASE(by_one_socket),
		CASE(by_a_second_socket),
		CASE(small_messages_for_a_small_client),
		CASE(answers_that_make_no_sense),
		CASE(a_client_that_does_not_answer),
		CASE(a_client_that_takes_a_byte_at_a_time),
		CASE(a_client_that_goes_meanwhile),
		CASE(collisions_on_one_socket),
		CASE(collisions_with_a_second_socket),
		CASE(collisions_that_nest),
		CASE(order_stays_within_a_slot),
		CASE(kept_commands_are_bounded),
		CASE(the_second_socket_is_the_session_too),
	};

	return cmocka_run_group_tests_name("server_dma", tests, NULL, NULL);
}
