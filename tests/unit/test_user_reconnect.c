/* SPDX-License-Identifier: MIT */
/* A server that goes and comes back: the function goes on, if it is the same device. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/open_files.h"
#include "tests/unit/user_peer.h"

static struct user_monitor monitor;
static struct user_peer second;
static uint8_t memory[0x2000] __attribute__((aligned(4096)));
static int files[2];

static void describe(struct user_peer *peer, int file)
{
	user_peer_init(peer);
	peer->regions[2] = (struct peer_region){.size = 0x4000,
						.flags = WIRE_REGION_CAN_READ | WIRE_REGION_CAN_WRITE |
							 WIRE_REGION_CAN_MAP,
						.fd = file};
}

static int setup(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++)
		files[i] = memory_file(0x4000);
	user_monitor_init(&monitor);
	monitor.reconnects = true;
	describe(&monitor.peer, files[0]);
	describe(&second, files[1]);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	lend_function_free(monitor.function);
	monitor.function = NULL;
	lend_device_close(monitor.device);
	monitor.device = NULL;
	user_peer_stop(&second);
	user_monitor_close(&monitor);
	close(files[0]);
	close(files[1]);
	return 0;
}

static void map(uint64_t iova)
{
	const struct lend_range range = {.iova = iova, .length = 0x1000, .va = memory, .fd = -1};

	assert_int_equal(lend_space_map(monitor.space, &range, 1, &monitor.error), 0);
}

static void vector_on(unsigned vector)
{
	lend_function_bar_write(monitor.function, 0, 0x2000 + 16 * vector, 8, 0xfee00000);
	lend_function_bar_write(monitor.function, 0, 0x2008 + 16 * vector, 8, vector);
}

/* A guest that uses memory, a mapped BAR, two vectors of MSI-X, and whose server goes then. */
static void open_and_lose(void)
{
	assert_int_equal(user_monitor_open(&monitor), 0);
	map(0x10000);
	user_monitor_function(&monitor);
	lend_function_config_write(monitor.function, 0x18, 4, 0xe0010000);
	vector_on(1);
	vector_on(5);
	lend_function_config_write(monitor.function, 0x52, 2, 0x8000);
	assert_true(monitor.peer.irq_fds[LEND_IRQ_MSIX][5] > 0);
	user_peer_stop(&monitor.peer);
	user_monitor_await(&monitor, LEND_EVENT_LOST);
	assert_false(lend_function_gone(monitor.function));
	assert_int_equal(monitor.events[LEND_EVENT_ERROR], 0);
	assert_int_equal(lend_function_bar_read(monitor.function, 0, 0, 4), UINT32_MAX);
	assert_true(monitor.placed);
}

static int come_back(void)
{
	user_peer_start(&second);
	return lend_function_reconnect(monitor.function, second.client, &monitor.error);
}

static void dma(struct user_peer *peer)
{
	uint32_t value = 0x12345678;

	assert_int_equal(user_peer_dma(peer, true, 0x10000, 4, &value), 0);
	assert_int_equal(user_peer_dma(peer, true, 0x11000, 4, &value), ENODEV);
}

static void it_goes_on(void **state)
{
	uint8_t byte = 0x5a;
	unsigned first = 0;

	(void)state;
	open_and_lose();
	/* Memory that goes and comes meanwhile is made known as it is then. */
	map(0x30000);
	assert_int_equal(lend_space_unmap(monitor.space, 0x30000, 0x1000), 0);
	map(0x40000);
	assert_int_equal(come_back(), 0);
	assert_int_equal(second.map_count, 2);
	assert_int_equal(second.maps[0].map.address, 0x10000);
	assert_int_equal(second.maps[1].map.address, 0x40000);
	assert_true(second.irq_fds[LEND_IRQ_MSIX][1] > 0);
	assert_true(second.irq_fds[LEND_IRQ_MSIX][5] > 0);
	assert_int_equal(second.irq_fds[LEND_IRQ_MSIX][2], 0);
	/* MSI-X goes on before there is a vector: a guest may have masked all. */
	while (second.irq_log[first].what.index != LEND_IRQ_MSIX)
		first++;
	assert_int_equal(second.irq_log[first].fds, 0);
	assert_int_equal(second.config[4], 6);
	second.bytes[8] = 0x77;
	assert_int_equal(lend_function_bar_read(monitor.function, 0, 8, 1), 0x77);
	/* The mapped part has the new server's bytes, under the same address. */
	assert_int_equal(pwrite(files[1], &byte, 1, 16), 1);
	assert_int_equal(((uint8_t *)monitor.direct[0].va)[16], 0x5a);
	/* Its messages are served by the loop. */
	user_monitor_let(&monitor, &second, dma);
	assert_int_equal(memory[3], 0x12);
	/* And its end is seen again. */
	user_peer_stop(&second);
	monitor.events[LEND_EVENT_LOST] = 0;
	user_monitor_await(&monitor, LEND_EVENT_LOST);
	assert_int_equal(lend_function_reconnect(monitor.function, -1, NULL), 0);
	user_monitor_await(&monitor, LEND_EVENT_ERROR);
	assert_true(lend_function_gone(monitor.function));
	assert_int_equal(lend_function_reconnect(monitor.function, -1, &monitor.error), -ENODEV);
}

static void another_device(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		if (i) {
			teardown(state);
			setup(state);
		}
		switch (i) {
		case 0:
			second.config[2]++;
			break;
		case 1:
			second.regions[0].size = 0x8000;
			break;
		case 2:
			second.regions[2].fd = 0;
			break;
		case 3:
			second.irqs[LEND_IRQ_MSIX] = 8;
			break;
		case 4:
			second.info_flags = WIRE_INFO_PCI;
			break;
		default:
			second.max_fds = 3;
			break;
		}
		open_and_lose();
		assert_int_equal(come_back(), -EPROTO);
		assert_true(strlen(monitor.error.text) > 0);
		/* It still waits. */
		assert_false(lend_function_gone(monitor.function));
		assert_int_equal(lend_function_bar_read(monitor.function, 0, 0, 4), UINT32_MAX);
	}
}

/* The server goes again at each of its first messages: nothing is left, and the next try works. */
static void it_goes_again(void **state)
{
	unsigned messages;

	(void)state;
	open_and_lose();
	assert_int_equal(come_back(), 0);
	messages = second.commands;
	for (unsigned i = 1; i <= messages; i++) {
		int ret;

		teardown(state);
		setup(state);
		open_and_lose();
		second.dies_at = i;
		ret = come_back();
		assert_true(ret == -ENOTCONN || (!ret && second.seen[WIRE_SET_IRQS]));
		user_peer_stop(&second);
		user_monitor_loop(&monitor);
		describe(&second, files[1]);
		assert_int_equal(come_back(), 0);
		assert_int_equal(lend_function_bar_read(monitor.function, 0, 8, 1), 0);
	}
}

/* The device is the same, and a part of it cannot be mapped: the function does not go on by halves. */
static void what_cannot_be_mapped(void **state)
{
	int pair[2];

	(void)state;
	open_and_lose();
	assert_int_equal(pipe(pair), 0);
	second.regions[2].fd = pair[0];
	monitor.events[LEND_EVENT_LOST] = 0;
	assert_int_equal(come_back(), -EACCES);
	user_monitor_await(&monitor, LEND_EVENT_LOST);
	assert_false(lend_function_gone(monitor.function));
	assert_int_equal(lend_function_bar_read(monitor.function, 0, 8, 1), 0xff);
	user_peer_stop(&second);
	close(pair[0]);
	close(pair[1]);
	/* It waits for another one. */
	describe(&second, files[1]);
	assert_int_equal(come_back(), 0);
	assert_int_equal(lend_function_bar_read(monitor.function, 0, 8, 1), 0);
	assert_int_equal(monitor.events[LEND_EVENT_ERROR], 0);
}

static int reset(void)
{
	struct lend_reset_report report = {0};

	lend_context_reset(monitor.context, &monitor.function, 1, &report, sizeof(report));
	return report.result;
}

/* A server may have kept the device's state: a reset that it missed is made up for, once. */
static void a_reset_that_was_missed(void **state)
{
	(void)state;
	for (unsigned missed = 0; missed < 2; missed++) {
		if (missed) {
			teardown(state);
			setup(state);
		}
		open_and_lose();
		if (missed)
			assert_int_equal(reset(), -ENOTCONN);
		assert_int_equal(come_back(), 0);
		assert_int_equal(second.seen[WIRE_RESET], missed);
		assert_int_equal(reset(), 0);
		assert_int_equal(second.seen[WIRE_RESET], missed + 1);
	}
}

/* No kernel has reset it at its open: a server is asked, also of a device with a function level reset. */
static void a_reset_before_the_first_use(void **state)
{
	const struct lend_function_config plain = {.size = sizeof(plain)};
	static const uint8_t express[] = {0x10, 0, 2, 0, 0, 0, 0, 0x10};

	(void)state;
	monitor.peer.config[0x51] = 0x60;
	memcpy(&monitor.peer.config[0x60], express, sizeof(express));
	assert_int_equal(user_monitor_open(&monitor), 0);
	assert_int_equal(lend_function_new(monitor.device, &plain, &monitor.function, &monitor.error), 0);
	assert_int_equal(reset(), 0);
	assert_int_equal(monitor.peer.seen[WIRE_RESET], 1);
}

static void nobody_waits(void **state)
{
	(void)state;
	assert_int_equal(user_monitor_open(&monitor), 0);
	user_monitor_function(&monitor);
	user_peer_start(&second);
	assert_int_equal(lend_function_reconnect(monitor.function, second.client, &monitor.error), -EINVAL);
	assert_int_equal(lend_function_reconnect(monitor.function, -1, &monitor.error), -EINVAL);
	assert_int_equal(lend_function_bar_read(monitor.function, 0, 8, 1), 0);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(it_goes_on),
		test(another_device),
		test(it_goes_again),
		test(what_cannot_be_mapped),
		test(a_reset_that_was_missed),
		test(a_reset_before_the_first_use),
		test(nobody_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
