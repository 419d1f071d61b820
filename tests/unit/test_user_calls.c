/* SPDX-License-Identifier: MIT */
/* Many calls at once, and servers that are slow or answer wrongly. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/user_stage.h"

enum { THREADS = 8, READS = 500 };

static void *reader(void *opaque)
{
	unsigned first = (unsigned)(uintptr_t)opaque;

	for (unsigned i = 0; i < READS; i++) {
		uint64_t at = (first * 64 + i % 8 * 8) % 0x2000;

		if (lend_function_bar_read(monitor.function, 0, at, 8) != (at ^ 0x5555555555555555))
			return opaque;
	}
	return NULL;
}

static void run_readers(void)
{
	pthread_t threads[THREADS];

	for (uint64_t at = 0; at < 0x2000; at += 8) {
		uint64_t value = at ^ 0x5555555555555555;

		memcpy(monitor.peer.bytes + at, &value, 8);
	}
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, reader, (void *)(i + 1)), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		void *wrong;

		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
}

static void many_threads(void **state)
{
	(void)state;
	for (int twin = 0; twin < 2; twin++) {
		if (twin) {
			user_monitor_close(&monitor);
			user_monitor_init(&monitor);
		}
		monitor.peer.twin = twin;
		open_function();
		run_readers();
		assert_int_equal(monitor.log_lines, 0);
	}
}

/* Two answers in the wrong order, in one piece. */
static bool swap_pairs(struct user_peer *peer, struct wire_reader *message)
{
	struct kept {
		struct wire_header header;
		struct wire_region_access what;
		uint64_t value;
	} one = {.header = message->header};
	struct pair {
		unsigned count;
		struct kept at[2];
	} *pair = peer->opaque;

	if (message->header.command != WIRE_REGION_READ || wire_payload(message) != sizeof(one.what))
		return false;
	memcpy(&one.what, message->payload, sizeof(one.what));
	if (one.what.region || one.what.count != 8)
		return false;
	one.header.flags = WIRE_REPLY;
	one.header.size = sizeof(one);
	one.value = one.what.offset;
	pair->at[1 - pair->count++] = one;
	if (pair->count == 2) {
		pair->count = 0;
		user_peer_raw(peer, pair->at, sizeof(pair->at));
	}
	return true;
}

static void *read_same(void *opaque)
{
	uint64_t at = (uintptr_t)opaque;

	for (int i = 0; i < 200; i++)
		if (lend_function_bar_read(monitor.function, 0, at, 8) != at)
			return opaque;
	return NULL;
}

static void answers_in_any_order(void **state)
{
	static uint8_t pair[256];
	pthread_t threads[2];

	(void)state;
	open_function();
	memset(pair, 0, sizeof(pair));
	monitor.peer.opaque = pair;
	monitor.peer.hook = swap_pairs;
	for (uintptr_t i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, read_same, (void *)(16 + 8 * i));
	for (unsigned i = 0; i < 2; i++) {
		void *wrong;

		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
}

/* Each byte by itself. */
static bool drop_by_drop(struct user_peer *peer, struct wire_reader *message)
{
	struct {
		struct wire_header header;
		struct wire_region_access what;
		uint32_t value;
	} reply = {.header = message->header, .value = 0x11223344};

	if (message->header.command != WIRE_REGION_READ || wire_payload(message) != sizeof(reply.what))
		return false;
	memcpy(&reply.what, message->payload, sizeof(reply.what));
	if (reply.what.count != 4)
		return false;
	reply.header.flags = WIRE_REPLY;
	reply.header.size = 36;
	for (unsigned i = 0; i < 36; i++)
		user_peer_raw(peer, (uint8_t *)&reply + i, 1);
	return true;
}

static void byte_by_byte(void **state)
{
	(void)state;
	open_function();
	monitor.peer.hook = drop_by_drop;
	for (int i = 0; i < 10; i++)
		assert_int_equal(lend_function_bar_read(monitor.function, 0, 0, 4), 0x11223344);
}

/* What answers a read in the tests of wrong answers. */
static struct {
	uint32_t size; /* of the message, 0: as long as it is */
	uint32_t flags, error;
	uint16_t id_off, command_off;
	unsigned length; /* bytes of payload that are sent */
	uint32_t count;
	bool then_right; /* the right answer follows */
	int fds;
} wrong;

static bool answer_wrong(struct user_peer *peer, struct wire_reader *message)
{
	struct {
		struct wire_header header;
		struct wire_region_access what;
		uint8_t data[256];
	} reply = {.header = message->header};
	struct wire_region_access asked;

	if (message->header.command != WIRE_REGION_READ || wire_payload(message) != sizeof(asked))
		return false;
	memcpy(&asked, message->payload, sizeof(asked));
	if (asked.region || asked.count != 4)
		return false;
	reply.header.id = (uint16_t)(reply.header.id + wrong.id_off);
	reply.header.command = (uint16_t)(reply.header.command + wrong.command_off);
	reply.header.flags = wrong.flags;
	reply.header.error = wrong.error;
	reply.header.size = wrong.size ? wrong.size : sizeof(reply.header) + wrong.length;
	reply.what = asked;
	reply.what.count = wrong.count;
	user_peer_raw(peer, &reply, sizeof(reply.header) + wrong.length);
	return !wrong.then_right;
}

/* The answer is an error, or nobody waits for it: the call fails or goes on, and the session lives. */
static void rust_vmm_143_answers_that_are_borne(void **state)
{
	static const struct {
		uint32_t flags, error;
		uint16_t id_off, command_off;
		unsigned length;
		bool then_right;
	} rows[] = {
		{WIRE_REPLY | WIRE_ERROR, 0, 0, 0, 0, false},
		{WIRE_REPLY | WIRE_ERROR, 5, 0, 0, 0, false},
		{WIRE_REPLY | WIRE_ERROR, 5, 0, 0, 16, false},
		{WIRE_REPLY | WIRE_ERROR, 1 << 20, 0, 0, 200, false},
		{WIRE_REPLY, 0, 77, 0, 20, true},
		{WIRE_REPLY, 0, 0, 1, 20, true},
		{2, 0, 0, 0, 20, true},
		{15, 0, 0, 0, 0, true},
	};

	(void)state;
	open_function();
	monitor.peer.hook = answer_wrong;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint64_t got;

		memset(&wrong, 0, sizeof(wrong));
		memset(monitor.peer.bytes, (int)i, 8);
		wrong.flags = rows[i].flags;
		wrong.error = rows[i].error;
		wrong.id_off = rows[i].id_off;
		wrong.command_off = rows[i].command_off;
		wrong.length = rows[i].length;
		wrong.then_right = rows[i].then_right;
		got = lend_function_bar_read(monitor.function, 0, 0, 4);
		assert_int_equal(got, wrong.then_right ? 0x01010101u * i : UINT32_MAX);
		if (i == 4) /* the first that nobody waits for, and no other, is said */
			assert_non_null(strstr(monitor.last_log, "nobody waits for"));
		assert_int_equal(lend_function_bar_read(monitor.function, 0, 0, 8), 0x0101010101010101u * i);
	}
	assert_false(lend_function_gone(monitor.function));
}

/* The stream or the answer is broken: the session ends, and the read is all ones. */
static void answers_that_end_it(void **state)
{
	static const struct {
		uint32_t size;
		unsigned length;
		uint32_t count;
	} rows[] = {
		{1, 0, 0},           {15, 0, 0}, {0, 0, 4},   {0, 15, 4}, {WIRE_MESSAGE_MAX + 1, 20, 4},
		{UINT32_MAX, 20, 4}, {0, 21, 4}, {0, 256, 4},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (i) {
			user_monitor_close(&monitor);
			user_monitor_init(&monitor);
		}
		open_function();
		memset(&wrong, 0, sizeof(wrong));
		wrong.flags = WIRE_REPLY;
		wrong.size = rows[i].size;
		wrong.length = rows[i].length;
		wrong.count = rows[i].count;
		monitor.peer.hook = answer_wrong;
		assert_int_equal(lend_function_bar_read(monitor.function, 0, 0, 4), UINT32_MAX);
		user_monitor_await(&monitor, LEND_EVENT_ERROR);
		assert_int_equal(monitor.log_lines, 1);
	}
}

static bool never_answer(struct user_peer *peer, struct wire_reader *message)
{
	(void)peer;
	return message->header.command == WIRE_RESET;
}

/* A reset that lasts longer than the limit: the device is lost, and the call returns. */
static void too_slow(void **state)
{
	struct lend_reset_report report;

	(void)state;
	monitor.reply_ms = 2000; /* all the other answers come in time */
	monitor.peer.hook = never_answer;
	open_function();
	assert_true(lend_context_reset(monitor.context, &monitor.function, 1, &report, sizeof(report)) < 0);
	assert_non_null(strstr(monitor.last_log, "did not answer DEVICE_RESET within"));
	user_monitor_await(&monitor, LEND_EVENT_ERROR);
	assert_int_equal(lend_function_bar_read(monitor.function, 0, 0, 4), UINT32_MAX);
	user_monitor_loop(&monitor);
	assert_int_equal(monitor.log_lines, 1);
}

/* The peer reads no more, until the client gives it up. */
static bool stall(struct user_peer *peer, struct wire_reader *message)
{
	struct pollfd gone = {peer->fds[0], POLLRDHUP, 0};

	if (message->header.command == WIRE_REGION_WRITE)
		poll(&gone, 1, -1);
	return false;
}

/* Nobody reads the posted writes: the guest's write returns when the limit has passed, for good. */
static void nobody_reads(void **state)
{
	(void)state;
	monitor.reply_ms = 2000;
	open_function();
	monitor.peer.hook = stall;
	for (int i = 0; i < 100000 && !monitor.log_lines; i++)
		lend_function_bar_write(monitor.function, 0, 8, 8, 1);
	assert_non_null(strstr(monitor.last_log, "did not take REGION_WRITE within"));
	user_monitor_await(&monitor, LEND_EVENT_ERROR);
}

/* The twin socket is closed while the other one stays. */
static void close_twin(struct user_peer *peer)
{
	close(peer->fds[1]);
	peer->fds[1] = -1;
}

static void the_twin_goes(void **state)
{
	(void)state;
	open_function();
	user_monitor_do(&monitor, close_twin);
	user_monitor_await(&monitor, LEND_EVENT_ERROR);
	assert_int_equal(monitor.log_lines, 1);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(many_threads),        test(answers_in_any_order),
		test(byte_by_byte),        test(rust_vmm_143_answers_that_are_borne),
		test(answers_that_end_it), test(too_slow),
		test(nobody_reads),        test(the_twin_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
