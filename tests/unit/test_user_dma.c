/* SPDX-License-Identifier: MIT */
/* DMA by messages: the server asks for guest memory that it has no descriptor of. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/rounds.h"
#include "tests/unit/user_stage.h"

static uint8_t memory[0x4000] __attribute__((aligned(4096)));

/* Two windows that touch, one that is read alone, and a hole behind. */
static void map_memory(void)
{
	const struct lend_range ranges[] = {
		{.iova = 0x10000, .length = 0x1000, .va = memory, .fd = -1},
		{.iova = 0x11000, .length = 0x1000, .va = memory + 0x2000, .fd = -1},
		{.iova = 0x12000, .length = 0x1000, .va = memory + 0x3000, .fd = -1, .kind = LEND_RANGE_ROM},
	};

	memset(memory, 0, sizeof(memory));
	assert_int_equal(lend_space_map(monitor.space, ranges, 3, &monitor.error), 0);
}

static void dma_accesses(struct user_peer *peer)
{
	uint8_t bytes[0x2000], got[0x3000];
	uint8_t *large = calloc(1, (1 << 20) + 1);
	struct wire_dma_access head = {0x10000, UINT64_MAX};
	struct wire_reader *reply;
	int fd = dup(2);

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	assert_int_equal(user_peer_dma(peer, true, 0x10000, sizeof(bytes), bytes), 0);
	assert_int_equal(user_peer_dma(peer, false, 0x10000, sizeof(bytes), got), 0);
	assert_memory_equal(got, bytes, sizeof(bytes));
	assert_int_equal(user_peer_dma(peer, false, 0x10ffe, 4, got), 0);
	assert_memory_equal(got, bytes + 0xffe, 4);
	assert_int_equal(user_peer_dma(peer, false, 0x10000, 0, got), 0);
	/* The ROM is read, and not written; not even the part before it. */
	assert_int_equal(user_peer_dma(peer, false, 0x11000, 0x2000, got), 0);
	memset(got, 0xee, sizeof(got));
	assert_int_equal(user_peer_dma(peer, true, 0x12000, 4, got), ENODEV);
	assert_int_equal(user_peer_dma(peer, true, 0x11ffe, 4, got), ENODEV);
	assert_int_equal(user_peer_dma(peer, false, 0x11ffe, 2, got), 0);
	assert_memory_equal(got, bytes + 0x1ffe, 2);
	/* Where nothing is. */
	assert_int_equal(user_peer_dma(peer, false, 0xf000, 4, got), ENODEV);
	assert_int_equal(user_peer_dma(peer, false, 0xfffe, 4, got), ENODEV);
	assert_int_equal(user_peer_dma(peer, false, 0x12ffe, 4, got), ENODEV);
	assert_int_equal(user_peer_dma(peer, true, 0x13000, 4, got), ENODEV);
	assert_int_equal(user_peer_dma(peer, false, UINT64_MAX - 1, 4, got), ENODEV);
	assert_int_equal(user_peer_dma(peer, true, 0x10000, 1 << 20, large), ENODEV);
	assert_int_equal(user_peer_dma(peer, false, 0x10000, (1 << 20) + 1, large), E2BIG);
	/* What makes no sense. */
	reply = user_peer_ask(peer, WIRE_DMA_READ, &head, sizeof(head), NULL, 0);
	assert_int_equal(reply->header.error, E2BIG);
	reply = user_peer_ask(peer, WIRE_DMA_WRITE, &head, sizeof(head), NULL, 0);
	assert_int_equal(reply->header.error, E2BIG);
	head.count = 5;
	reply = user_peer_ask(peer, WIRE_DMA_WRITE, &head, sizeof(head), NULL, 0);
	assert_int_equal(reply->header.error, EINVAL);
	reply = user_peer_ask(peer, WIRE_DMA_READ, &head, 15, NULL, 0);
	assert_int_equal(reply->header.error, EINVAL);
	reply = user_peer_ask(peer, WIRE_DMA_READ, &head, sizeof(head), &fd, 1);
	assert_int_equal(reply->header.error, EINVAL);
	reply = user_peer_ask(peer, WIRE_VERSION, &head, sizeof(head), NULL, 0);
	assert_int_equal(reply->header.error, ENOSYS);
	reply = user_peer_ask(peer, 0xffff, &head, sizeof(head), &fd, 1);
	assert_int_equal(reply->header.error, ENOSYS);
	assert_int_equal(user_peer_dma(peer, false, 0x10000, 2, got), 0);
	close(fd);
	free(large);
}

static void dma_by_messages(void **state)
{
	(void)state;
	for (int twin = 0; twin < 2; twin++) {
		if (twin) {
			user_monitor_close(&monitor);
			user_monitor_init(&monitor);
		}
		monitor.peer.twin = twin;
		open_function();
		map_memory();
		user_monitor_do(&monitor, dma_accesses);
		for (unsigned i = 0; i < sizeof(memory); i++) {
			unsigned at = i < 0x1000 ? i : i - 0x1000;
			bool written = i < 0x1000 || (i >= 0x2000 && i < 0x3000);

			assert_int_equal(memory[i], written ? (uint8_t)(at * 7) : 0);
		}
		lend_function_bar_write(monitor.function, 0, 8, 4, 77);
		assert_int_equal(lend_function_bar_read(monitor.function, 0, 8, 4), 77);
		assert_int_equal(monitor.log_lines, 0);
	}
}

/* Each read is answered after a DMA of the server; both directions are under way at once. */
static bool dma_first(struct user_peer *peer, struct wire_reader *message)
{
	struct wire_region_access what;
	uint8_t reply[sizeof(what) + 8] = {0};
	const struct wire_reader saved = *message;
	uint32_t value = 0;

	if (message->header.command != WIRE_REGION_READ)
		return false;
	memcpy(&what, message->payload, sizeof(what));
	if (what.count > 8)
		return false;
	assert_int_equal(user_peer_dma(peer, false, 0x10000, 4, &value), 0);
	assert_int_equal(value, 0);
	memcpy(reply, &what, sizeof(what));
	user_peer_reply(peer, &saved, 0, reply, sizeof(what) + what.count, NULL, 0);
	return true;
}

static void collide(struct user_peer *peer)
{
	uint32_t value;

	for (unsigned i = 0; i < rounds(10000, 100000); i++)
		assert_int_equal(user_peer_dma(peer, i & 1, 0x10000, 4, &value), 0);
}

static void *read_on(void *opaque)
{
	while (!__atomic_load_n(&monitor.peer.job_done, __ATOMIC_ACQUIRE))
		lend_function_bar_read(monitor.function, 0, 0x10, 4);
	return opaque;
}

static void collisions(void **state)
{
	(void)state;
	for (int twin = 0; twin < 2; twin++) {
		pthread_t thread;

		if (twin) {
			user_monitor_close(&monitor);
			user_monitor_init(&monitor);
		}
		monitor.peer.twin = twin;
		open_function();
		map_memory();
		__atomic_store_n(&monitor.peer.job_done, false, __ATOMIC_RELEASE);
		assert_int_equal(pthread_create(&thread, NULL, read_on, NULL), 0);
		user_monitor_do(&monitor, collide);
		pthread_join(thread, NULL);
		/* And a server that does DMA before it answers. */
		memset(memory, 0, 4);
		monitor.peer.hook = dma_first;
		for (int i = 0; i < 100; i++)
			assert_int_equal(lend_function_bar_read(monitor.function, 0, 0x10, 4), 0);
		assert_int_equal(monitor.log_lines, 0);
	}
}

static bool refuse_memory(struct user_peer *peer, struct wire_reader *message)
{
	if (message->header.command != WIRE_DMA_MAP)
		return false;
	user_peer_reply(peer, message, EPERM, NULL, 0, NULL, 0);
	return true;
}

/* What the server does not take is not mapped, and can be given again. */
static void memory_that_the_server_refuses(void **state)
{
	const struct lend_range range = {.iova = 0x10000, .length = 0x1000, .va = memory, .fd = -1};

	(void)state;
	open_device();
	monitor.peer.hook = refuse_memory;
	assert_int_equal(lend_space_map(monitor.space, &range, 1, &monitor.error), -EPERM);
	assert_int_equal(lend_space_mapped(monitor.space), 0);
	monitor.peer.hook = NULL;
	assert_int_equal(lend_space_map(monitor.space, &range, 1, &monitor.error), 0);
	assert_int_equal(monitor.peer.map_count, 1);
}

static bool die_of_memory(struct user_peer *peer, struct wire_reader *message)
{
	if (message->header.command != WIRE_DMA_MAP)
		return false;
	shutdown(peer->fds[0], SHUT_RDWR);
	return true;
}

/* A device in use outlives its server; one that is not yet open is none, if its server dies of its memory. */
static void a_server_that_dies_when_it_is_told_memory(void **state)
{
	(void)state;
	open_device();
	map_memory();
	lend_device_close(monitor.device);
	monitor.device = NULL;
	user_peer_stop(&monitor.peer);
	user_peer_init(&monitor.peer);
	monitor.peer.hook = die_of_memory;
	assert_int_equal(user_monitor_open(&monitor), -ENOTCONN);
	assert_null(monitor.device);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(dma_by_messages),
		test(collisions),
		test(memory_that_the_server_refuses),
		test(a_server_that_dies_when_it_is_told_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
