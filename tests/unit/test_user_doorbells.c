/* SPDX-License-Identifier: MIT */
/* Doorbells that a server offers: which of them reach the monitor, and which are no doorbells. */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/unit/user_stage.h"

enum { LIMIT = 64 };

static int bells[3];
static struct user_peer second;

static struct peer_region *region(void)
{
	return &monitor.peer.regions[0];
}

static int begin(void **state)
{
	for (int i = 0; i < 3; i++)
		bells[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	setup(state);
	memcpy(region()->bell_fds, bells, sizeof(bells));
	region()->bell_fd_count = 3;
	return 0;
}

static int end(void **state)
{
	teardown(state);
	for (int i = 0; i < 3; i++)
		close(bells[i]);
	return 0;
}

/* Adds a doorbell of 4 bytes, which the caller may change. */
static struct wire_io_fd *offer(uint64_t offset, unsigned fd)
{
	struct wire_io_fd *bell = &region()->bells[region()->bell_count++];

	*bell = (struct wire_io_fd){.offset = offset, .size = 4, .fd_index = fd};
	return bell;
}

static uint64_t rung(int fd)
{
	eventfd_t count = 0;

	return eventfd_read(fd, &count) ? 0 : count;
}

/* What the hypervisor does at such a write. */
static void ring(unsigned which)
{
	assert_int_equal(eventfd_write(monitor.bells[which].fd, 1), 0);
}

/* Entries of both widths in use say the same. */
static void they_are_handed_out(void **state)
{
	for (unsigned stride = 40; stride <= 48; stride += 8) {
		if (stride == 48) {
			end(state);
			begin(state);
		}
		region()->stride = stride;
		offer(0x100, 1);
		*offer(0x108, 2) = (struct wire_io_fd){.offset = 0x108,
						       .size = 8,
						       .fd_index = 2,
						       .flags = WIRE_IO_FD_DATAMATCH,
						       .datamatch = 77};
		*offer(0x110, 1) = (struct wire_io_fd){.offset = 0x3fff, .size = 0, .fd_index = 1};
		open_function();
		assert_int_equal(monitor.log_lines, 0);
		assert_int_equal(monitor.peer.seen[WIRE_GET_REGION_IO_FDS], 1); /* it has one BAR */
		assert_int_equal(monitor.bell_count, 3);
		assert_int_equal(monitor.bells[0].bar, 0);
		assert_int_equal(monitor.bells[0].offset, 0x100);
		assert_int_equal(monitor.bells[0].length, 4);
		assert_true(monitor.bells[0].any);
		assert_int_equal(monitor.bells[1].length, 8);
		assert_false(monitor.bells[1].any);
		assert_int_equal(monitor.bells[1].data, 77);
		assert_int_equal(monitor.bells[2].offset, 0x3fff);
		assert_int_equal(monitor.bells[2].length, 0);
		/* The eventfd is the server's own. */
		ring(0);
		ring(2);
		ring(1);
		assert_int_equal(rung(bells[1]), 2);
		assert_int_equal(rung(bells[2]), 1);
		assert_int_equal(rung(bells[0]), 0);
	}
}

/* As long as the BAR is placed. */
static void they_go_with_the_bar(void **state)
{
	struct lend_reset_report report;

	(void)state;
	offer(0x100, 0);
	open_function();
	assert_int_equal(monitor.bell_count, 1);
	lend_function_config_write(monitor.function, 4, 2, 0);
	assert_int_equal(monitor.bell_count, 0);
	lend_function_config_write(monitor.function, 4, 2, 6);
	assert_int_equal(monitor.bell_count, 1);
	assert_int_equal(lend_context_reset(monitor.context, &monitor.function, 1, &report, sizeof(report)),
			 0);
	assert_int_equal(monitor.bell_count, 0);
	lend_function_config_write(monitor.function, 0x10, 4, 0xe0000000);
	lend_function_config_write(monitor.function, 4, 2, 6);
	assert_int_equal(monitor.bell_count, 1);
	assert_int_equal(monitor.peer.seen[WIRE_GET_REGION_IO_FDS], 1);
	/* With the server they fail, too. */
	user_peer_stop(&monitor.peer);
	user_monitor_await(&monitor, LEND_EVENT_ERROR);
	assert_int_equal(monitor.bell_count, 0);
}

static bool note_flags(struct user_peer *peer, struct wire_reader *message)
{
	if (message->header.command == WIRE_REGION_WRITE)
		*(uint32_t *)peer->opaque = message->header.flags;
	return false;
}

/* The guest writes a register and rings: the server is to see both in this order. */
static void writes_before_one_are_waited_for(void **state)
{
	uint32_t flags = 0;

	for (int with = 0; with < 2; with++) {
		if (with) {
			end(state);
			begin(state);
			offer(0x100, 0);
		}
		monitor.peer.hook = note_flags;
		monitor.peer.opaque = &flags;
		open_function();
		lend_function_bar_write(monitor.function, 0, 0x18, 4, 1);
		lend_function_bar_read(monitor.function, 0, 0x18, 4);
		assert_int_equal(flags & WIRE_NO_REPLY, with ? 0 : WIRE_NO_REPLY);
	}
}

/* The MSI-X table is answered by the library. */
static void windows_are_left_out(void **state)
{
	(void)state;
	offer(0x1ffc, 0);
	offer(0x2008, 0);
	offer(0x21fe, 0);
	offer(0x2200, 0);
	open_function();
	assert_int_equal(monitor.bell_count, 2);
	assert_int_equal(monitor.bells[0].offset, 0x1ffc);
	assert_int_equal(monitor.bells[1].offset, 0x2200);
}

static void switched_off(void **state)
{
	(void)state;
	offer(0x100, 0);
	monitor.no_ioeventfd = true;
	open_function();
	assert_int_equal(monitor.bell_count, 0);
	assert_int_equal(monitor.peer.seen[WIRE_GET_REGION_IO_FDS], 0);
}

static void what_makes_no_sense(void **state)
{
	static const struct wire_io_fd wrong[] = {
		{.offset = 0x100, .size = 3},
		{.offset = 0x100, .size = 16},
		{.offset = 0x100, .size = UINT64_MAX},
		{.offset = PEER_BYTES, .size = 0},
		{.offset = PEER_BYTES - 2, .size = 4},
		{.offset = UINT64_MAX, .size = 1},
		{.offset = UINT64_MAX - 1, .size = 4},
		{.offset = 0x100, .size = 4, .fd_index = 3},
		{.offset = 0x100, .size = 4, .fd_index = UINT32_MAX},
		{.offset = 0x100, .size = 4, .flags = 4},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		*offer(0, 0) = wrong[i];
	offer(0x100, 0);
	/* Kinds that are not known are no error: an ioregionfd, and one with shadow memory. */
	offer(0x104, 0)->type = 1;
	offer(0x108, 0)->type = 2;
	open_function();
	assert_int_equal(monitor.bell_count, 1);
	assert_int_equal(monitor.bells[0].offset, 0x100);
	assert_int_equal(monitor.log_lines, 1);
	assert_non_null(strstr(monitor.last_log, "offers 13 doorbells in region 0, and 1 of them"));
}

/* More than are taken: the first ones, and a line. */
static void too_many(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PEER_BELLS; i++)
		offer(4 * i, i % 3);
	open_function();
	assert_int_equal(monitor.bell_count, LIMIT);
	assert_int_equal(monitor.peer.seen[WIRE_GET_REGION_IO_FDS], 2); /* with more room the second time */
	assert_int_equal(monitor.log_lines, 1);
	assert_non_null(strstr(monitor.last_log, "which is the limit"));
}

/* The reply is these bytes. */
static struct {
	struct wire_region_io_fds head;
	uint8_t rest[200];
	size_t length; /* of `rest` */
	unsigned fds;
} lie;

static bool lie_of_fds(struct user_peer *peer, struct wire_reader *message)
{
	if (message->header.command != WIRE_GET_REGION_IO_FDS)
		return false;
	user_peer_reply(peer, message, 0, &lie, sizeof(lie.head) + lie.length, peer->regions[0].bell_fds,
			lie.fds);
	return true;
}

static void lies(void **state)
{
	static const struct {
		uint32_t argsz, count;
		size_t length;
		unsigned fds, log_lines;
	} rows[] = {
		{16, 0, 0, 0, 0},
		{16, 0, 0, 3, 0},
		{0, 0, 0, 0, 0},
		{16 + 40, 1, 40, 3, 0}, /* the right one */
		{16 + 40, 1, 40, 0, 1},
		{16, 1, 0, 0, 1},
		{0, 1, 40, 1, 1},
		{16 + 40, 1, 39, 1, 1},
		{16 + 41, 1, 41, 1, 1},
		{16 + 80, 3, 80, 1, 1},
		{16 + 44, 1, 44, 1, 1},
		{16 + 8, 1, 8, 1, 1},
		{16 + 40, UINT32_MAX, 40, 1, 1},
		{UINT32_MAX, 1, 40, 1, 1},
		{40000016, 1000000, 0, 0, 1}, /* a million */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		end(state);
		begin(state);
		memset(&lie, 0, sizeof(lie));
		lie.head.argsz = rows[i].argsz;
		lie.head.count = rows[i].count;
		lie.length = rows[i].length;
		lie.fds = rows[i].fds;
		monitor.peer.hook = lie_of_fds;
		open_function();
		assert_int_equal(monitor.log_lines, rows[i].log_lines);
		assert_int_equal(monitor.bell_count, i == 3);
		assert_int_equal(lend_function_bar_read(monitor.function, 0, 8, 4), 0);
		assert_int_equal(monitor.peer.seen[WIRE_GET_REGION_IO_FDS], 1);
	}
}

static bool an_old_version(struct user_peer *peer, struct wire_reader *message)
{
	struct wire_limits ours = WIRE_LIMITS_INIT;
	char reply[WIRE_VERSION_MAX];
	long length;

	if (message->header.command != WIRE_VERSION)
		return false;
	ours.minor = 0;
	length = wire_version_write(&ours, reply, sizeof(reply));
	user_peer_reply(peer, message, 0, reply, (size_t)length, NULL, 0);
	return true;
}

/* One in use does not read the rest of a command that it does not know. */
static void an_old_server_is_not_asked(void **state)
{
	(void)state;
	offer(0x100, 0);
	monitor.peer.hook = an_old_version;
	open_function();
	assert_int_equal(monitor.peer.seen[WIRE_GET_REGION_IO_FDS], 0);
	assert_int_equal(monitor.bell_count, 0);
}

/* The server that comes back has eventfds of its own, and may have other doorbells. */
static void a_server_that_comes_back(void **state)
{
	int fresh = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	(void)state;
	offer(0x100, 0);
	offer(0x104, 0);
	monitor.reconnects = true;
	open_function();
	assert_int_equal(monitor.bell_count, 2);
	user_peer_stop(&monitor.peer);
	user_monitor_await(&monitor, LEND_EVENT_LOST);
	user_peer_init(&second);
	second.regions[0].bells[0] = (struct wire_io_fd){.offset = 0x200, .size = 2};
	second.regions[0].bell_count = second.regions[0].bell_fd_count = 1;
	second.regions[0].bell_fds[0] = fresh;
	user_peer_start(&second);
	assert_int_equal(lend_function_reconnect(monitor.function, second.client, &monitor.error), 0);
	assert_int_equal(monitor.bell_count, 1);
	assert_int_equal(monitor.bells[0].offset, 0x200);
	ring(0);
	assert_int_equal(rung(fresh), 1);
	assert_int_equal(rung(bells[0]), 0);
	lend_function_free(monitor.function);
	monitor.function = NULL;
	lend_device_close(monitor.device);
	monitor.device = NULL;
	user_peer_stop(&second);
	close(fresh);
}

enum { ACKNOWLEDGEMENT = 0x88060 };

static unsigned acknowledged;

/* Of a BAR larger than the peer's bytes: it counts the writes, and what it reads there is zero. */
static bool count_acknowledgements(struct user_peer *peer, struct wire_reader *message)
{
	struct wire_region_access what;

	if (message->header.command != WIRE_REGION_WRITE)
		return false;
	memcpy(&what, message->payload, sizeof(what));
	if (what.region || what.offset != ACKNOWLEDGEMENT)
		return false;
	__atomic_add_fetch(&acknowledged, 1, __ATOMIC_SEQ_CST);
	if (!(message->header.flags & WIRE_NO_REPLY))
		user_peer_reply(peer, message, 0, &what, sizeof(what), NULL, 0);
	return true;
}

/*
 * An NVIDIA GPU's acknowledgement is learned. The kernel's VFIO would carry it out; behind a socket
 * the monitor's loop does, and none is lost.
 */
static void a_learned_write_is_a_message_of_the_loop(void **state)
{
	(void)state;
	acknowledged = 0;
	monitor.peer.hook = count_acknowledgements;
	memcpy(monitor.peer.config, (uint8_t[]){0xde, 0x10, 0xc0, 0x11}, 4);
	monitor.peer.config[11] = 3; /* a VGA controller */
	monitor.peer.config[0x51] = 0x60;
	memcpy(monitor.peer.config + 0x60, (uint8_t[]){5, 0, 0x80, 0}, 4); /* MSI */
	region()->size = 0x1000000;
	open_function();
	for (unsigned i = 0; i < 10; i++)
		lend_function_bar_write(monitor.function, 0, ACKNOWLEDGEMENT, 1, 0x5a);
	assert_int_equal(monitor.bell_count, 1);
	assert_int_equal(monitor.bells[0].offset, ACKNOWLEDGEMENT);
	assert_int_equal(monitor.bells[0].data, 0x5a);
	ring(0);
	user_monitor_loop(&monitor);
	lend_function_config_read(monitor.function, 0x40, 4); /* behind what was posted */
	assert_int_equal(__atomic_load_n(&acknowledged, __ATOMIC_SEQ_CST), 11);
}

#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(they_are_handed_out),
		test(they_go_with_the_bar),
		test(writes_before_one_are_waited_for),
		test(windows_are_left_out),
		test(switched_off),
		test(what_makes_no_sense),
		test(too_many),
		test(lies),
		test(an_old_server_is_not_asked),
		test(a_server_that_comes_back),
		test(a_learned_write_is_a_message_of_the_loop),
	};

	return cmocka_run_group_tests_name("user_doorbells", tests, NULL, NULL);
}
