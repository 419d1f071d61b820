/* SPDX-License-Identifier: MIT */
/* What the machine tells a keeper that does not read for a while, or that is gone. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/open_files.h"
#include "tool/run/outbox.h"

static struct {
	struct outbox outbox;
	int machine, keeper;
	unsigned files;
} stage;

static int set_up(void **state)
{
	int ends[2];

	(void)state;
	stage.files = open_fds();
	assert_int_equal(control_pair(ends), 0);
	stage.machine = ends[0];
	stage.keeper = ends[1];
	assert_int_equal(outbox_init(&stage.outbox, stage.machine), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	outbox_free(&stage.outbox);
	close(stage.machine);
	if (stage.keeper >= 0)
		close(stage.keeper);
	assert_int_equal(open_fds(), stage.files);
	return 0;
}

static int put(enum outbox_rule rule, enum control_type type, uint32_t value, const char *text)
{
	struct control_message message = {.type = type, .value = value};

	if (type == CONTROL_ANSWER)
		snprintf(message.answer.text, sizeof(message.answer.text), "%s", text);
	else
		snprintf(message.text, sizeof(message.text), "%s", text);
	return outbox_put(&stage.outbox, rule, &message);
}

static int tell(enum outbox_rule rule, enum vmm_event_type type, unsigned device)
{
	const struct control_message message = {.type = CONTROL_EVENT,
						.event = {.type = type, .device = device}};

	return outbox_put(&stage.outbox, rule, &message);
}

static bool has_room(void)
{
	struct pollfd room = {.fd = outbox_fd(&stage.outbox), .events = POLLIN};

	return poll(&room, 1, 0) > 0;
}

/* The keeper's next message; the machine's loop runs meanwhile. */
static bool take(struct control_message *message)
{
	int ret = control_receive(stage.keeper, message);

	if (has_room())
		outbox_serve(&stage.outbox);
	assert_true(ret == 1 || ret == -EAGAIN);
	return ret == 1;
}

/* Lines until the socket has no room. */
static unsigned fill(void)
{
	unsigned lines = 0;

	while (!put(OUTBOX_LINE, CONTROL_LOG, LEND_LOG_INFO, "a line that nobody waits for"))
		lines++;
	assert_int_equal(outbox_lost(&stage.outbox), 1);
	return lines;
}

static void a_keeper_that_reads(void **state)
{
	struct control_message message;

	(void)state;
	assert_false(has_room());
	assert_int_equal(put(OUTBOX_LINE, CONTROL_LOG, LEND_LOG_ERROR, "line"), 0);
	assert_int_equal(tell(OUTBOX_LAST, VMM_EVENT_DELETED, 7), 0);
	assert_true(take(&message));
	assert_string_equal(message.text, "line");
	assert_true(take(&message));
	assert_int_equal(message.event.device, 7);
	assert_false(take(&message));
	assert_false(has_room()); /* the loop is not woken for nothing */
	assert_int_equal(outbox_lost(&stage.outbox), 0);
}

/* Each has its place, whatever was told before it. */
static void what_must_arrive_arrives(void **state)
{
	struct control_message message;
	unsigned lines = fill();

	(void)state;
	for (unsigned i = 0; i < VMM_DEVICES_MAX; i++)
		assert_int_equal(tell(OUTBOX_LAST, VMM_EVENT_DELETED, i), 0);
	for (unsigned i = 0; i < 500; i++)
		assert_int_equal(put(OUTBOX_LAST, CONTROL_ANSWER, i, "an answer"), 0);
	assert_int_equal(put(OUTBOX_LAST, CONTROL_END, VMM_END_POWEROFF, ""), 0);
	assert_false(has_room());
	assert_int_equal(put(OUTBOX_LINE, CONTROL_LOG, LEND_LOG_INFO, "not before what waits"), -EAGAIN);
	for (; lines; lines--)
		assert_true(take(&message) && message.type == CONTROL_LOG);
	for (unsigned i = 0; i < VMM_DEVICES_MAX; i++) {
		assert_true(take(&message) && message.type == CONTROL_EVENT);
		assert_int_equal(message.event.device, i);
	}
	for (unsigned i = 0; i < 500; i++) {
		assert_true(take(&message) && message.type == CONTROL_ANSWER);
		assert_int_equal(message.value, i);
		assert_string_equal(message.answer.text, "an answer");
	}
	assert_true(take(&message) && message.type == CONTROL_END);
	assert_false(take(&message));
	assert_int_equal(outbox_lost(&stage.outbox), 2);
}

/* Of a state the last word counts; it stays where the first one was. */
static void states_do_not_queue(void **state)
{
	struct control_message message;
	unsigned lines = fill();

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(put(OUTBOX_STATE, CONTROL_WORK, 0, i % 2 ? "" : "resetting"), 0);
		assert_int_equal(put(OUTBOX_STATE, CONTROL_MEMORY, i, ""), 0);
	}
	assert_int_equal(tell(OUTBOX_LAST, VMM_EVENT_READY, 1), 0);
	assert_int_equal(put(OUTBOX_STATE, CONTROL_WORK, 0, "again"), 0);
	while (lines--)
		assert_true(take(&message));
	assert_true(take(&message) && message.type == CONTROL_WORK);
	assert_string_equal(message.text, "again");
	assert_true(take(&message) && message.type == CONTROL_MEMORY);
	assert_int_equal(message.value, 999);
	assert_true(take(&message) && message.type == CONTROL_EVENT);
	assert_false(take(&message));
}

/* A guest that resets itself without end, and rows without end, take a bounded room. */
static void what_a_guest_makes_has_an_end(void **state)
{
	struct control_message message;
	unsigned rows = 0, resets = 0;

	(void)state;
	fill();
	for (unsigned i = 0; i < OUTBOX_EVENTS; i++)
		assert_int_equal(tell(OUTBOX_EVENT, VMM_EVENT_RESET, 0), 0);
	assert_int_equal(tell(OUTBOX_EVENT, VMM_EVENT_RESET, 0), -EAGAIN);
	assert_int_equal(outbox_lost(&stage.outbox), 2);
	while (!put(OUTBOX_ROW, CONTROL_LINE, 3, "a row"))
		rows++;
	assert_int_equal(rows, OUTBOX_ROWS - OUTBOX_EVENTS);
	assert_int_equal(outbox_lost(&stage.outbox), 2);
	assert_int_equal(put(OUTBOX_LAST, CONTROL_ANSWER, 3, "it did not fit"), 0);
	while (take(&message)) {
		rows -= message.type == CONTROL_LINE;
		resets += message.type == CONTROL_EVENT;
	}
	assert_int_equal(rows, 0);
	assert_int_equal(resets, OUTBOX_EVENTS);
	assert_int_equal(tell(OUTBOX_EVENT, VMM_EVENT_RESET, 0), 0);
}

static void a_keeper_that_is_gone(void **state)
{
	(void)state;
	fill();
	assert_int_equal(tell(OUTBOX_LAST, VMM_EVENT_DELETED, 0), 0);
	close(stage.keeper);
	stage.keeper = -1;
	outbox_drain(&stage.outbox); /* and does not wait */
	assert_int_equal(tell(OUTBOX_LAST, VMM_EVENT_DELETED, 1), -EPIPE);
	assert_null(stage.outbox.first);
}

#define each(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		each(a_keeper_that_reads),   each(what_must_arrive_arrives),
		each(states_do_not_queue),   each(what_a_guest_makes_has_an_end),
		each(a_keeper_that_is_gone),
	};

	return cmocka_run_group_tests_name("tool_outbox", tests, NULL, NULL);
}
