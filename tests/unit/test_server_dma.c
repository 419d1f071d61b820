/* SPDX-License-Identifier: MIT */
/* Guest memory that is reached by messages, and commands that come while the device waits for it. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/server/server.h"
#include "tests/unit/rounds.h"
#include "tests/unit/dma_client.h"

static void memory_by_messages(struct server_stage *stage, bool twin)
{
	struct lend_server *server = stage->server;
	uint8_t *data = malloc(DMA_SIZE);
	struct dma_client client;

	dma_client_begin(stage, &client, twin, HONEST);
	dma_client_start(&client, 0);
	assert_non_null(data);
	assert_int_equal(lend_server_read_memory(server, DMA_BASE + 5, data, 11), 0);
	assert_memory_equal(data, client.memory + 5, 11);
	/* Over borders, and in pieces that the client takes. */
	assert_int_equal(lend_server_read_memory(server, DMA_BASE, data, DMA_SIZE), 0);
	assert_memory_equal(data, client.memory, DMA_SIZE);
	assert_int_equal(client.largest, WIRE_DATA_MAX);
	memset(data, 0x5a, DMA_SIZE);
	assert_int_equal(lend_server_write_memory(server, DMA_BASE + 0x1ffe, data, 3u << 20), 0);
	assert_memory_equal(client.memory + 0x1ffe, data, 3u << 20);
	/* Not mapped, not writable: nothing is asked. */
	client.answered = 0;
	assert_int_equal(lend_server_read_memory(server, DMA_BASE - 1, data, 2), -EFAULT);
	assert_int_equal(lend_server_read_memory(server, UINT64_MAX, data, 2), -EFAULT);
	assert_int_equal(lend_server_read_memory(server, 0xfee00000, data, 4), -EFAULT);
	assert_int_equal(lend_server_write_memory(server, DMA_BASE + 0xfff, data, 2), -EFAULT);
	assert_int_equal(client.answered, 0);
	dma_client_end(&client);
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
	struct dma_client client;

	dma_client_begin(stage, &client, false, HONEST);
	stage->server->client.data = 64;
	dma_client_start(&client, 0);
	assert_int_equal(lend_server_read_memory(stage->server, DMA_BASE, data, sizeof(data)), 0);
	assert_memory_equal(data, client.memory, sizeof(data));
	assert_int_equal(client.largest, 64);
	assert_int_equal(client.answered, 16);
	dma_client_end(&client);
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
		struct dma_client client;
		uint8_t data[64];

		dma_client_begin(stage, &client, i % 2, rows[i / 2].manner);
		dma_client_start(&client, 0);
		assert_int_equal(lend_server_read_memory(stage->server, DMA_BASE, data, 64),
				 rows[i / 2].expected);
		client.manner = HONEST;
		assert_int_equal(lend_server_read_memory(stage->server, DMA_BASE, data, 64), 0);
		dma_client_end(&client);
		stage_connect(stage);
		stage_work(stage);
		assert_int_equal(open_fds(), fds);
	}
}

static void a_client_that_does_not_answer(void **state)
{
	struct server_stage *stage = *state;
	struct timespec before, after;
	struct dma_client client;
	uint8_t data[64];

	dma_client_begin(stage, &client, false, SILENT);
	dma_client_start(&client, 0);
	stage->server->dma_limit_ms = 50;
	assert_int_equal(lend_server_read_memory(stage->server, DMA_BASE, data, 64), -ETIMEDOUT);
	while (!__atomic_load_n(&client.answered, __ATOMIC_ACQUIRE)) /* it may come to run late */
		poll(NULL, 0, 1);
	/* It is not waited for again. */
	stage->server->dma_limit_ms = 60000;
	clock_gettime(CLOCK_MONOTONIC, &before);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(lend_server_read_memory(stage->server, DMA_BASE, data, 64), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(after.tv_sec - before.tv_sec < 50);
	assert_int_equal(client.answered, 1);
	dma_client_end(&client);
	/* The late answer is no other one's, and shows that the client is there again. */
	peer_send(&stage->peer, WIRE_DMA_READ, WIRE_REPLY, data, sizeof(data), NULL, 0);
	stage_is_in_step(stage, open_fds());
	assert_false(stage->server->silent);
}

/* The limit is for all of a copy, however little the client takes in a message. */
static void a_client_that_takes_a_byte_at_a_time(void **state)
{
	enum { LIMIT_MS = 500, BYTES = 100 };
	struct server_stage *stage = *state;
	struct dma_client client;
	uint8_t data[BYTES];

	dma_client_begin(stage, &client, false, SLOW);
	stage->server->client.data = 1;
	stage->server->dma_limit_ms = LIMIT_MS;
	dma_client_start(&client, 0);
	assert_int_equal(lend_server_read_memory(stage->server, DMA_BASE, data, BYTES), -ETIMEDOUT);
	assert_in_range(client.answered, 0, LIMIT_MS / DMA_SLOW_MS + 1);
	dma_client_end(&client);
}

static void a_client_that_goes_meanwhile(void **state)
{
	struct server_stage *stage = *state;
	struct dma_client client;
	uint8_t data[64];

	for (unsigned twin = 0; twin < 2; twin++) {
		dma_client_begin(stage, &client, twin, GONE);
		dma_client_start(&client, 0);
		assert_int_equal(lend_server_read_memory(stage->server, DMA_BASE, data, 64), -ENOTCONN);
		assert_int_equal(lend_server_read_memory(stage->server, DMA_BASE, data, 64), -ENOTCONN);
		/* Its end comes in the next call, not in the midst of the device's own work. */
		assert_int_equal(stage->lost, twin);
		stage_work(stage);
		assert_int_equal(stage->lost, twin + 1);
		dma_client_end(&client);
		stage_connect(stage);
	}
}

/* Accesses of the client and of the device meet again and again; all of them complete. */
static void collide(struct server_stage *stage, bool twin, bool nests)
{
	const unsigned times = rounds(20000, 100000);
	struct dma_client client;
	uint64_t value;

	stage->server->device.nests = nests;
	stage->server->dma_limit_ms = 60000; /* an honest client may stand still */
	dma_client_begin(stage, &client, twin, HONEST);
	dma_client_start(&client, times);
	for (unsigned i = 0; i < times; i++) {
		uint64_t at = DMA_BASE + 0x3000 + i % 512 * 8;

		assert_int_equal(lend_server_read_memory(stage->server, at, &value, 8), 0);
		lend_server_work(stage->server);
	}
	for (;;) {
		struct pollfd ready[2] = {{lend_server_fd(stage->server), POLLIN, 0},
					  {client.finished, POLLIN, 0}};

		assert_true(poll(ready, 2, 60000) > 0);
		if (ready[1].revents)
			break;
		assert_int_equal(lend_server_work(stage->server), 0);
	}
	dma_client_end(&client);
	assert_int_equal(client.replies, times);
	assert_int_equal(client.answered, times);
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
	nested_result = lend_server_read_memory(stage->server, DMA_BASE, nested, sizeof(nested));
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
	} dma = {{0, WIRE_DMA_READ, sizeof(dma), WIRE_REPLY, 0}, {DMA_BASE, 64}, {9, 8, 7}};

	assert_int_equal(peer_version(&stage->peer, 0, 2, wire_peer_text), 0);
	assert_int_equal(peer_map(&stage->peer, DMA_BASE, 0x1000, WIRE_DMA_READABLE, -1, 0), 0);
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
	assert_int_equal(peer_map(&stage->peer, DMA_BASE, 0x1000, WIRE_DMA_READABLE, -1, 0), 0);
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
		assert_int_equal(lend_server_read_memory(stage->server, DMA_BASE, data, 8), -ETIMEDOUT);
		assert_true(stage->server->kept_bytes <= SERVER_KEPT_BYTES + sizeof(big));
	}
	assert_in_range(kept, SERVER_KEPT_BYTES / sizeof(big), SERVER_KEPT_BYTES / sizeof(big) + 20);
}

static void the_second_socket_is_the_session_too(void **state)
{
	struct server_stage *stage = *state;
	struct dma_client client;

	dma_client_begin(stage, &client, true, HONEST);
	close(client.dma);
	client.dma = client.main;
	stage_work(stage);
	assert_int_equal(stage->lost, 1);
	dma_client_start(&client, 0);
	dma_client_end(&client);
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
