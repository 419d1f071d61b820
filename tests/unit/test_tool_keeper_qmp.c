/* SPDX-License-Identifier: MIT */
/* The keeper with a control socket, and a machine that is played. */
#include "tests/unit/test_tool_keeper.h"

#include <jansson.h>

struct stage {
	struct user *user;
	struct run_options options;
	char root[64], path[96];
	struct qmp_place place;
	int client;
};

/* Answers each call with a row of its kind; ends when it is asked to. */
static int called(int control, int serial, void *opaque)
{
	struct pollfd ready = {.fd = control, .events = POLLIN};
	struct control_message message;
	struct control_extras extras;
	const struct control_cpu cpu = {0, (int32_t)gettid()}, made_up = {1, 1};
	const struct vmm_event paused = {.type = VMM_EVENT_STOP};

	(void)serial;
	control_send(control, CONTROL_RUNNING);
	for (;;) {
		poll(&ready, 1, -1);
		if (control_receive_extras(control, &message, &extras) != 1)
			return 0;
		if (message.type == CONTROL_BUTTON || message.type == CONTROL_STOP) {
			tell(opaque, message.type == CONTROL_BUTTON ? "button\n" : "stop\n");
			control_send_end(control,
					 message.type == CONTROL_BUTTON ? VMM_END_POWEROFF : VMM_END_STOPPED,
					 "", NULL, 1000);
			return 0;
		}
		if (message.type != CONTROL_CALL)
			continue;
		if (message.call.verb == CALL_RESET)
			kill(getpid(), SIGKILL);
		if (message.call.verb == CALL_CPUS) {
			control_send_cpu(control, message.value, &made_up, 1000);
			control_send_cpu(control, message.value, &cpu, 1000);
		}
		if (message.call.verb == CALL_PAUSE)
			control_send_event(control, &paused, 1000);
		control_send_answer(control, message.value, 0, "", 1000);
	}
}

static int stage_setup(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	struct lend_error error;

	assert_non_null(stage);
	setup((void **)&stage->user);
	strcpy(stage->root, "/tmp/lend-test-kqmp-XXXXXX");
	assert_non_null(mkdtemp(stage->root));
	snprintf(stage->path, sizeof(stage->path), "%s/qmp", stage->root);
	stage->place = (struct qmp_place){.listeners = {-1, -1}, .registry = {.parent = -1, .folder = -1}};
	stage->place.listeners[0] = socket_listen_for("", stage->path, 10, &error);
	assert_true(stage->place.listeners[0] >= 0);
	stage->client = -1;
	stage->user->config.serial = SERIAL_NONE;
	stage->user->config.machine = called;
	stage->user->config.options = &stage->options;
	stage->user->config.place = &stage->place;
	*state = stage;
	return 0;
}

static int stage_teardown(void **state)
{
	struct stage *stage = *state;
	void *user = stage->user;

	if (stage->client >= 0)
		close(stage->client);
	close(stage->place.listeners[0]);
	unlink(stage->path);
	rmdir(stage->root);
	free(stage);
	return teardown(&user);
}

static void join(struct stage *stage)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strcpy(address.sun_path, stage->path);
	stage->client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(stage->client, (struct sockaddr *)&address, sizeof(address)), 0);
	expect(stage->user, stage->client, "QMP");
}

static void say(struct stage *stage, const char *command, const char *reply)
{
	char text[128];

	snprintf(text, sizeof(text), "{\"execute\": \"%s\"}\n", command);
	assert_int_equal(send(stage->client, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	if (reply)
		expect(stage->user, stage->client, reply);
}

static void a_client_drives_the_machine(void **state)
{
	struct stage *stage = *state;

	start(stage->user);
	join(stage);
	say(stage, "qmp_capabilities", "return");
	say(stage, "query-cpus-fast", "thread-id");
	/* A thread of another process is not passed on: a guest that has its machine's process may say it. */
	assert_null(strstr(stage->user->text, "\"cpu-index\":1"));
	say(stage, "query-status", "\"running\":true");
	say(stage, "stop", "return");
	assert_non_null(strstr(stage->user->text, "\"STOP\""));
	say(stage, "query-status", "paused");
	say(stage, "system_powerdown", NULL);
	expect(stage->user, stage->user->report[0], "button");
	expect(stage->user, stage->client, NULL);
	assert_non_null(strstr(stage->user->text, "guest-shutdown"));
	assert_int_equal(keeper_status(stage->user), TOOL_OK);
}

static void a_client_ends_the_machine(void **state)
{
	struct stage *stage = *state;

	start(stage->user);
	join(stage);
	say(stage, "qmp_capabilities", "return");
	say(stage, "query-cpus-fast", "thread-id"); /* so it runs */
	say(stage, "quit", NULL);
	expect(stage->user, stage->user->report[0], "stop");
	expect(stage->user, stage->client, NULL);
	assert_non_null(strstr(stage->user->text, "return"));
	assert_non_null(strstr(stage->user->text, "host-qmp-quit"));
	assert_int_equal(keeper_status(stage->user), TOOL_OK);
}

/* It dies in a call: the client has its reply, and the end. */
static void a_machine_that_dies(void **state)
{
	struct stage *stage = *state;

	start(stage->user);
	join(stage);
	say(stage, "qmp_capabilities", "return");
	say(stage, "system_reset", NULL);
	expect(stage->user, stage->client, NULL);
	assert_non_null(strstr(stage->user->text, "the machine has ended"));
	assert_non_null(strstr(stage->user->text, "host-error"));
	assert_int_equal(keeper_status(stage->user), TOOL_FAILED);
}

/* A client that stays does not keep the keeper. */
static void nobody_waits_for_a_client(void **state)
{
	struct stage *stage = *state;

	start(stage->user);
	join(stage);
	kill(stage->user->keeper, SIGQUIT);
	expect(stage->user, stage->user->report[0], "stop");
	assert_int_equal(keeper_status(stage->user), TOOL_OK);
}

#undef CASE
#define CASE(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_client_drives_the_machine),
		CASE(a_client_ends_the_machine),
		CASE(a_machine_that_dies),
		CASE(nobody_waits_for_a_client),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
