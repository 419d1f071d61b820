/* SPDX-License-Identifier: MIT */
/*
 * What a client asks for before it answers the device: it cannot answer until the server has, so
 * that the server carries it out meanwhile, or gives up what it waits for.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/server/server.h"
#include "tests/unit/server_stage.h"

enum { BASE = 0x10000, OTHER = 0x20000, PAGE = 0x1000, LENGTH = 64 };

struct busy_client {
	struct wire_peer *peer;
	pthread_t thread;
	void (*meanwhile)(struct busy_client *client);
	bool silent; /* it does not answer */
	/* What the server asked for last. */
	uint16_t id;
	struct wire_dma_access access;
	unsigned failed;
};

static void answer(struct busy_client *client)
{
	uint8_t data[LENGTH];
	struct wire_out out = {
		.header = {.id = client->id, .command = WIRE_DMA_READ, .flags = WIRE_REPLY},
		.parts = {{&client->access, sizeof(client->access)}, {data, LENGTH}},
		.part_count = 2,
	};

	memset(data, 0x5a, sizeof(data));
	peer_put(client->peer->fd, &out);
}

static void *run(void *opaque)
{
	struct busy_client *client = opaque;

	if (peer_receive(client->peer) < 0 || client->peer->reader.header.command != WIRE_DMA_READ) {
		client->failed++;
		return NULL;
	}
	client->id = client->peer->reader.header.id;
	memcpy(&client->access, client->peer->reader.payload, sizeof(client->access));
	client->meanwhile(client);
	if (!client->silent)
		answer(client);
	return NULL;
}

/* The device reads `length` bytes; the client does `meanwhile` before it answers the first message. */
static int read_while(struct server_stage *stage, struct busy_client *client, unsigned length)
{
	uint8_t data[2 * LENGTH];
	void (*pump)(void *opaque) = stage->peer.pump;
	int ret;

	client->peer = &stage->peer;
	stage->peer.pump = NULL;
	assert_int_equal(pthread_create(&client->thread, NULL, run, client), 0);
	ret = lend_server_read_memory(stage->server, BASE, data, length);
	pthread_join(client->thread, NULL);
	stage->peer.pump = pump;
	assert_int_equal(client->failed, 0);
	return ret;
}

static int setup(void **state)
{
	int ret = stage_setup(state);
	struct server_stage *stage = *state;

	if (ret)
		return ret;
	stage->server->device.nests = true;
	stage->server->client.data = LENGTH;
	assert_int_equal(peer_map(&stage->peer, BASE, PAGE, WIRE_DMA_READABLE, -1, 0), 0);
	return 0;
}

static void ask_all(struct busy_client *client)
{
	uint32_t value;
	int line = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	client->failed += peer_set_irqs(client->peer, LEND_IRQ_INTX, WIRE_IRQS_EVENTFD | WIRE_IRQS_TRIGGER, 0,
					1, &line, 1) != 0;
	client->failed += peer_set_irqs(client->peer, LEND_IRQ_INTX, WIRE_IRQS_NONE | WIRE_IRQS_UNMASK, 0, 1,
					NULL, 0) != 0;
	client->failed += peer_read(client->peer, STAGE_REGISTERS, 0, &value, 4) != 4;
	client->failed += peer_map(client->peer, OTHER, PAGE, WIRE_DMA_READABLE, -1, 0) != 0;
	client->failed += peer_unmap(client->peer, OTHER, PAGE, 0) != 0;
	client->failed += peer_write(client->peer, STAGE_REGISTERS, 0, &value, 4) < 0;
	close(line);
}

static void all_is_answered_meanwhile(void **state)
{
	struct server_stage *stage = *state;
	struct busy_client client = {.meanwhile = ask_all};

	assert_int_equal(read_while(stage, &client, LENGTH), 0);
	assert_int_equal(stage->maps, 2);
	assert_int_equal(stage->unmaps, 0);
	assert_int_equal(stage->irq_changes, 1);
	assert_int_equal(stage->reads, 1);
	assert_int_equal(stage->writes, 1);
	assert_int_equal(stage->server->maps.count, 1);
	stage_is_in_step(stage, open_fds());
}

static void take_it_away(struct busy_client *client)
{
	client->failed += peer_unmap(client->peer, BASE, PAGE, 0) != 0;
}

static void memory_that_goes_is_not_asked_for_again(void **state)
{
	struct server_stage *stage = *state;
	struct busy_client client = {.meanwhile = take_it_away};

	assert_int_equal(read_while(stage, &client, 2 * LENGTH), -EFAULT);
	assert_int_equal(stage->server->maps.count, 0);
	stage_is_in_step(stage, open_fds());
}

static void take_the_other_away(struct busy_client *client)
{
	struct wire_dma_unmap unmap = {sizeof(unmap), 0, OTHER, PAGE};

	peer_send(client->peer, WIRE_DMA_UNMAP, 0, &unmap, sizeof(unmap), NULL, 0);
}

/* The device may have pointers to it, and is in the midst of its work. */
static void memory_with_pointers_stays_until_the_device_is_done(void **state)
{
	struct server_stage *stage = *state;
	struct busy_client client = {.meanwhile = take_the_other_away};
	int file = memfd_create("guest", MFD_CLOEXEC);
	struct iovec piece;

	assert_int_equal(ftruncate(file, PAGE), 0);
	assert_int_equal(peer_map(&stage->peer, OTHER, PAGE, WIRE_DMA_READABLE, file, 0), 0);
	assert_int_equal(read_while(stage, &client, LENGTH), 0);
	assert_int_equal(stage->unmaps, 0);
	assert_int_equal(lend_server_memory(stage->server, OTHER, PAGE, LEND_ACCESS_READ, &piece, 1), 1);
	assert_int_equal(*(uint8_t *)piece.iov_base, 0);
	stage_work(stage);
	assert_int_equal(stage->unmaps, 1);
	assert_int_equal(peer_receive(&stage->peer), 0);
	close(file);
}

static void ask_for_a_reset(struct busy_client *client)
{
	peer_send(client->peer, WIRE_RESET, 0, NULL, 0, NULL, 0);
}

static void a_reset_ends_the_wait(void **state)
{
	struct server_stage *stage = *state;
	struct busy_client client = {.meanwhile = ask_for_a_reset, .silent = true};
	struct busy_client next = {.meanwhile = ask_all};
	uint8_t byte;

	for (unsigned nests = 0; nests < 2; nests++) {
		stage->server->device.nests = nests;
		assert_int_equal(read_while(stage, &client, LENGTH), -ECANCELED);
		assert_int_equal(stage->resets, nests);
		assert_int_equal(lend_server_read_memory(stage->server, BASE, &byte, 1), -ECANCELED);
		/* The late answer is nobody's. */
		answer(&client);
		stage_work(stage);
		assert_int_equal(stage->resets, nests + 1);
		assert_int_equal(peer_receive(&stage->peer), 0);
		assert_int_equal(stage->peer.reader.header.command, WIRE_RESET);
	}
	assert_int_equal(read_while(stage, &next, LENGTH), 0);
}

/* Where it is refused, the device's work goes on. */
static void a_reset_that_is_refused(void **state)
{
	struct server_stage *stage = *state;
	struct busy_client client = {.meanwhile = ask_for_a_reset};

	stage->server->device.cannot_reset = true;
	assert_int_equal(read_while(stage, &client, LENGTH), 0);
	stage_work(stage);
	assert_int_equal(stage->resets, 0);
	assert_int_equal(peer_receive(&stage->peer), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, stage_teardown)
	const struct CMUnitTest tests[] = {
		CASE(all_is_answered_meanwhile),
		CASE(memory_that_goes_is_not_asked_for_again),
		CASE(memory_with_pointers_stays_until_the_device_is_done),
		CASE(a_reset_ends_the_wait),
		CASE(a_reset_that_is_refused),
	};

	return cmocka_run_group_tests_name("server_nest", tests, NULL, NULL);
}
