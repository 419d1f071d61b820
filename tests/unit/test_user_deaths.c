/* SPDX-License-Identifier: MIT */
/*
 * A server that is killed at and inside each of its messages, in the whole life of a
 * device: the guest reads all ones from there on, nothing is left, and a server that
 * comes back is taken.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/unit/open_files.h"
#include "tests/unit/rounds.h"
#include "tests/unit/user_stage.h"

static struct user_peer second;
static uint8_t memory[0x2000] __attribute__((aligned(4096)));
static int file, bell;

static void describe(struct user_peer *peer)
{
	user_peer_init(peer);
	peer->regions[0].bells[0] = (struct wire_io_fd){.offset = 0x100, .size = 4};
	peer->regions[0].bell_count = peer->regions[0].bell_fd_count = 1;
	peer->regions[0].bell_fds[0] = bell;
	peer->regions[2] = (struct peer_region){.size = 0x4000,
						.flags = WIRE_REGION_CAN_READ | WIRE_REGION_CAN_WRITE |
							 WIRE_REGION_CAN_MAP,
						.fd = file,
						.areas = {{0, 0x1000}},
						.area_count = 1};
}

static int begin(void **state)
{
	file = memory_file(0x4000);
	bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return setup(state);
}

static int end(void **state)
{
	teardown(state);
	close(file);
	close(bell);
	return 0;
}

static void map(uint64_t iova)
{
	const struct lend_range range = {.iova = iova, .length = 0x1000, .va = memory, .fd = -1};

	assert_int_equal(lend_space_map(monitor.space, &range, 1, NULL), 0);
}

/*
 * The server may be gone at any of these: each returns. False: the function could not be
 * made any more, of a device that reads all ones.
 */
static bool live(void)
{
	const struct lend_function_config plain = {.size = sizeof(plain)};
	struct lend_reset_report report;

	map(0x10000);
	if (lend_function_new(monitor.device, &plain, &monitor.function, &monitor.error) < 0)
		return false;
	lend_function_config_write(monitor.function, 0x10, 4, 0xe0000000);
	lend_function_config_write(monitor.function, 4, 2, 6);
	lend_function_config_write(monitor.function, 0x18, 4, 0xe0010000);
	for (unsigned vector = 0; vector < 3; vector++) {
		lend_function_bar_write(monitor.function, 0, 0x2000 + 16 * vector, 8, 0xfee00000);
		lend_function_bar_write(monitor.function, 0, 0x2008 + 16 * vector, 8, vector);
	}
	lend_function_config_write(monitor.function, 0x52, 2, 0x8000);
	lend_function_bar_write(monitor.function, 0, 8, 4, 7);
	lend_function_bar_read(monitor.function, 0, 8, 4);
	map(0x20000);
	assert_int_equal(lend_space_unmap(monitor.space, 0x20000, 0x1000), 0);
	lend_context_reset(monitor.context, &monitor.function, 1, &report, sizeof(report));
	return true;
}

/* One life, whose server dies at message `at` when `cut` bytes of its answer are out. True: it did. */
static bool die_at(unsigned at, unsigned cut)
{
	bool died, lives;

	user_monitor_init(&monitor);
	describe(&monitor.peer);
	monitor.peer.twin = at & 1;
	monitor.peer.dies_at = at;
	monitor.peer.cut = cut;
	monitor.reconnects = true;
	lives = !user_monitor_open(&monitor) && live();
	assert_true(lives || monitor.error.text[0]);
	died = monitor.peer.commands >= at;
	if (lives && died) {
		user_monitor_await(&monitor, LEND_EVENT_LOST);
		assert_int_equal(lend_function_bar_read(monitor.function, 0, 8, 4), UINT32_MAX);
		user_peer_stop(&monitor.peer);
		describe(&second);
		second.twin = at & 1;
		user_peer_start(&second);
		assert_int_equal(lend_function_reconnect(monitor.function, second.client, &monitor.error), 0);
		lend_function_config_write(monitor.function, 0x10, 4, 0xe0000000);
		lend_function_config_write(monitor.function, 4, 2, 6);
		second.bytes[8] = 0x77;
		assert_int_equal(lend_function_bar_read(monitor.function, 0, 8, 1), 0x77);
		assert_int_equal(second.map_count, 1);
		assert_int_equal(monitor.bell_count, 1);
		lend_function_free(monitor.function);
		monitor.function = NULL;
		lend_device_close(monitor.device);
		monitor.device = NULL;
		user_peer_stop(&second);
	}
	user_monitor_close(&monitor); /* no descriptor is left */
	return died;
}

static void at_and_inside_each_message(void **state)
{
	static const unsigned cuts[] = {0, 1, 15, 16, 17, 24, 31, 32, 40};
	const unsigned least = rounds(1, 10000);
	unsigned lives = 0;

	(void)state;
	user_monitor_close(&monitor);
	do {
		for (unsigned i = 0; i < sizeof(cuts) / sizeof(*cuts); i++)
			for (unsigned at = 1; die_at(at, cuts[i]); at++)
				lives++;
	} while (lives < least);
	assert_true(lives > 200);
	user_monitor_init(&monitor);
}

#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(at_and_inside_each_message),
	};

	return cmocka_run_group_tests_name("user_deaths", tests, NULL, NULL);
}
