/* SPDX-License-Identifier: MIT */
/* Calls of the control socket in the machine process: their rows, their answers, their descriptors. */
#include "tests/unit/machine_stage.h"

static void send_call(struct stage *stage, uint32_t serial, enum control_verb verb)
{
	assert_int_equal(control_send_call(stage->control[0], serial, verb, 0, NULL, 0, NULL, 0), 0);
}

static void assert_answer(struct stage *stage, uint32_t serial, int result)
{
	assert_message(stage, CONTROL_ANSWER, NULL);
	assert_int_equal(stage->message.value, serial);
	assert_int_equal(stage->message.answer.result, result);
}

/* Each call has its rows, and then one answer; what happens meanwhile is told, too. */
static void calls_are_answered(void **state)
{
	struct stage *stage = *state;

	play.loops = true;
	play.end = VMM_END_STOPPED;
	play.explained = 1;
	send_call(stage, 11, CALL_PAUSE);
	send_call(stage, 12, CALL_CONTINUE);
	send_call(stage, 13, CALL_RESET);
	send_call(stage, 14, CALL_CPUS);
	send_call(stage, 15, CALL_PCI);
	send_call(stage, 16, CALL_EXPLAIN);
	send_call(stage, UINT32_MAX, CALL_COUNTERS);
	run_it(stage, "nxrHCRepscf");
	assert_message(stage, CONTROL_LOG, "care");
	assert_message(stage, CONTROL_RUNNING, "");
	assert_message(stage, CONTROL_EVENT, NULL);
	assert_int_equal(stage->message.event.type, VMM_EVENT_STOP);
	assert_int_equal(stage->message.event.values[0], 7);
	assert_string_equal(stage->message.event.text, "told");
	assert_answer(stage, 11, 0);
	assert_message(stage, CONTROL_EVENT, NULL);
	assert_answer(stage, 12, 0);
	assert_answer(stage, 13, 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_message(stage, CONTROL_CPU, NULL);
		assert_int_equal(stage->message.value, 14);
		assert_int_equal(stage->message.cpu.cpu, i);
		assert_int_equal(stage->message.cpu.thread, 100 + i);
	}
	assert_answer(stage, 14, 0);
	assert_message(stage, CONTROL_PCI, NULL);
	assert_string_equal(stage->message.pci.name, "0000:05:00.0");
	assert_answer(stage, 15, 0);
	assert_message(stage, CONTROL_LINE, "how it is reached");
	assert_int_equal(stage->message.value, 16);
	assert_answer(stage, 16, 0);
	assert_message(stage, CONTROL_LINE, "counted");
	assert_answer(stage, UINT32_MAX, 0);
	assert_end(stage, VMM_END_STOPPED, "");
}

/* Descriptors of a call that nobody wants are closed, and a call without a meaning is dropped. */
static void a_call_leaves_no_descriptor(void **state)
{
	struct stage *stage = *state;
	const int fds[CONTROL_FDS_MAX] = {0, 0, 0, 0};
	int before = dup(0), after;
	char payload[CONTROL_PAYLOAD_MAX] = "";

	close(before);
	play.loops = true;
	play.end = VMM_END_STOPPED;
	assert_int_equal(control_send_call(stage->control[0], 1, CALL_RESET, 0, payload, sizeof(payload), fds,
					   CONTROL_FDS_MAX),
			 0);
	assert_int_equal(control_send_call(stage->control[0], 2, CALL_VERBS, 0, NULL, 0, fds, 1), 0);
	assert_int_equal(
		control_send_call(stage->control[0], 3, CALL_RESET, VMM_DEVICES_MAX, NULL, 0, fds, 1), 0);
	assert_int_equal(
		control_send_call(stage->control[0], 4, CALL_RESET, 0, payload, sizeof(payload) + 1, NULL, 0),
		-E2BIG);
	control_send(stage->control[0], CONTROL_STOP);
	run_it(stage, "nxrRscf");
	assert_message(stage, CONTROL_LOG, "care");
	assert_message(stage, CONTROL_RUNNING, "");
	assert_answer(stage, 1, 0);
	assert_end(stage, VMM_END_STOPPED, "");
	after = dup(0);
	close(after);
	assert_int_equal(after, before);
}

/*
 * A keeper that is stopped until the machine has ended: nobody waits for it but the process that has
 * nothing left, and it has its answers, the events and the end. What has no end is cut.
 */
static void a_stopped_keeper_has_its_answers(void **state)
{
	struct stage *stage = *state;
	unsigned lines = 0, answers = 0, events = 0;
	struct pollfd ready;
	int freed[2];
	pid_t child;

	play.loops = true;
	play.end = VMM_END_STOPPED;
	play.explained = 100000;
	assert_int_equal(pipe(freed), 0);
	send_call(stage, 1, CALL_EXPLAIN);
	for (uint32_t i = 2; i < 40; i += 2) {
		send_call(stage, i, CALL_PAUSE);
		send_call(stage, i + 1, CALL_CONTINUE);
	}
	control_send(stage->control[0], CONTROL_STOP);
	child = fork();
	if (!child) {
		close(stage->control[0]);
		play.freed = freed[1];
		machine_main(stage->control[1], -1, &stage->config);
		_exit(0);
	}
	close(stage->control[1]);
	stage->control[1] = -1;
	ready = (struct pollfd){.fd = freed[0], .events = POLLIN};
	assert_int_equal(poll(&ready, 1, 60000), 1);
	ready.fd = stage->control[0];
	do {
		assert_int_equal(poll(&ready, 1, 60000), 1);
		assert_int_equal(control_receive(stage->control[0], &stage->message), 1);
		lines += stage->message.type == CONTROL_LINE;
		events += stage->message.type == CONTROL_EVENT;
		if (stage->message.type != CONTROL_ANSWER)
			continue;
		assert_int_equal(stage->message.value, ++answers);
		assert_int_equal(stage->message.answer.result, answers == 1 ? -EAGAIN : 0);
	} while (stage->message.type != CONTROL_END);
	assert_in_range(lines, 1, play.explained - 1);
	assert_int_equal(answers, 39);
	assert_int_equal(events, 38);
	waitpid(child, NULL, 0);
	close(freed[0]);
	close(freed[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(calls_are_answered),
		CASE(a_call_leaves_no_descriptor),
		CASE(a_stopped_keeper_has_its_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
