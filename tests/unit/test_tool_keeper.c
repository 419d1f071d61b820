/* SPDX-License-Identifier: MIT */
/* The keeper: its terminal, whose settings are compared before and after, and how a machine ends. */
#include "tests/unit/test_tool_keeper.h"

static int hanging(int control, int serial, void *opaque)
{
	(void)opaque;
	control_send(control, CONTROL_RUNNING);
	put(serial, "ready\r\n");
	for (;;)
		pause();
	return 0;
}

/* Is resetting its devices when it is asked to stop, until the test says that this is done, or for ever. */
static int resetting(int control, int serial, void *opaque)
{
	struct pollfd poll_control = {.fd = control, .events = POLLIN};
	char byte;

	control_send(control, CONTROL_RUNNING);
	control_send_work(control, "resetting its devices", 1000);
	put(serial, "ready\r\n");
	assert_int_equal(read(report_to(opaque), &byte, 1), 1);
	control_send_work(control, "", 1000);
	poll(&poll_control, 1, -1);
	obey(control, opaque);
	return 0;
}

/* As a machine that its guest has taken over may: it says again that the guest runs. */
static int running_twice(int control, int serial, void *opaque)
{
	char byte;

	control_send(control, CONTROL_RUNNING);
	put(serial, "the guest's log\n");
	assert_int_equal(read(report_to(opaque), &byte, 1), 1);
	control_send(control, CONTROL_RUNNING);
	control_send_end(control, VMM_END_POWEROFF, "", NULL, 1000);
	return 0;
}

static int killed(int control, int serial, void *opaque)
{
	char byte;

	(void)opaque;
	control_send(control, CONTROL_RUNNING);
	put(serial, "ready\r\n");
	while (read(serial, &byte, 1) != 1)
		;
	kill(getpid(), SIGKILL);
	return 0;
}

static int mute(int control, int serial, void *opaque)
{
	(void)control, (void)serial, (void)opaque;
	return 7;
}

/* What a machine that its guest has taken over would send. */
static int lying(int control, int serial, void *opaque)
{
	struct control_message message;

	(void)serial, (void)opaque;
	memset(&message, 0xff, sizeof(message));
	send(control, &message, sizeof(message), 0);
	send(control, &message, 3, 0);
	message.type = CONTROL_END;
	send(control, &message, sizeof(message), 0);
	message.type = CONTROL_LOG;
	send(control, &message, sizeof(message), 0);
	message.type = CONTROL_BUTTON;
	send(control, &message, sizeof(message), 0);
	control_send_log(control, LEND_LOG_WARNING,
			 "colour \033[31m, C1 \xc2\x9b \x9b"
			 "31m \xe2\x9b \x85, "
			 "names \xc3\xa9 \xe2\x82\x9b \xf0\x9f\x98\x80 \xe9t\n, end");
	for (int i = 0; i < 3000; i++)
		while (control_send_log(control, LEND_LOG_ERROR, "noise"))
			;
	memset(message.text, 'y', sizeof(message.text));
	message.type = CONTROL_END;
	message.value = VMM_END_ERROR;
	send(control, &message, LONG, 0);
	/* An end without its counters is none, and would be a better one. */
	message.value = VMM_END_POWEROFF;
	send(control, &message, offsetof(struct control_message, stats), 0);
	return 0;
}

static int ending(int control, int serial, void *opaque)
{
	char end[2] = "";

	(void)serial;
	assert_int_equal(read(report_to(opaque), end, 1), 1);
	control_send_end(control, (enum vmm_end)(end[0] - '0'), "", NULL, 1000);
	return 0;
}

/* Tells which descriptors it has, and where it lives. */
static int looking_around(int control, int serial, void *opaque)
{
	char path[64], target[256], line[512];

	for (int fd = 0; fd < 256; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		ssize_t length = readlink(path, target, sizeof(target) - 1);

		if (length < 0 || fd == control || fd == serial || fd == report_to(opaque))
			continue;
		target[length] = '\0';
		snprintf(line, sizeof(line), "%d=%s ", fd, target);
		tell(opaque, line);
	}
	snprintf(line, sizeof(line), "session %s\n", getsid(0) == getpid() ? "own" : "shared");
	tell(opaque, line);
	control_send_end(control, VMM_END_POWEROFF, "", NULL, 1000);
	return 0;
}

static void terminal_and_keys(void **state)
{
	struct user *user = *state;
	struct termios raw;

	start(user);
	expect(user, user->master, "ready");
	assert_true(is_raw(user));
	/* Lines of the keeper, and of servers beside the machine, still begin at the left. */
	assert_int_equal(tcgetattr(user->slave, &raw), 0);
	assert_int_equal(raw.c_oflag & (OPOST | ONLCR), OPOST | ONLCR);
	type_keys(user, "hello");
	expect(user, user->master, "hello");
	/* Ctrl-c and Ctrl-z are the guest's. */
	type_keys(user, "\3\32!");
	expect(user, user->master, "\3\32!");
	type_keys(user, "\1ab");
	expect(user, user->master, "\1b");
	type_keys(user, "\1h");
	expect(user, user->messages[0], "Ctrl-a x");
	type_keys(user, "\1x");
	expect(user, user->report[0], "stop");
	assert_int_equal(keeper_status(user), TOOL_OK);
	assert_terminal_sane(user);
}

static void sigterm_is_the_power_button(void **state)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		struct user *user = *state;

		start(user);
		expect(user, user->master, "ready");
		kill(user->keeper, signals[i]);
		expect(user, user->report[0], "button");
		assert_int_equal(keeper_status(user), TOOL_OK);
		assert_terminal_sane(user);
		teardown(state);
		setup(state);
	}
}

static void second_signal_stops(void **state)
{
	struct user *user = *state;

	user->config.machine = deaf;
	start(user);
	expect(user, user->master, "ready");
	kill(user->keeper, SIGTERM);
	expect(user, user->report[0], "button");
	kill(user->keeper, SIGINT);
	expect(user, user->report[0], "stop");
	assert_int_equal(keeper_status(user), TOOL_OK);
}

static void time_stops(void **state)
{
	struct user *user = *state;

	user->config.machine = deaf;
	user->config.times.button_ms = 20;
	start(user);
	expect(user, user->master, "ready");
	kill(user->keeper, SIGTERM);
	expect(user, user->report[0], "stop");
	assert_int_equal(keeper_status(user), TOOL_OK);
}

static void hanging_machine_is_killed(void **state)
{
	struct user *user = *state;

	user->config.machine = hanging;
	user->config.times.button_ms = user->config.times.stop_ms = 20;
	start(user);
	expect(user, user->master, "ready");
	kill(user->keeper, SIGTERM);
	assert_int_equal(keeper_status(user), TOOL_FAILED);
	assert_terminal_sane(user);
	expect(user, user->messages[0], NULL);
	assert_non_null(strstr(user->text, "is killed\n"));
	assert_non_null(strstr(user->text, "signal 9"));
}

/* The orderly end of slow devices is not cut short, and the user reads what is waited for. */
static void reset_is_waited_for(void **state)
{
	struct user *user = *state;

	user->config.machine = resetting;
	user->config.times.stop_ms = 2000; /* so much it has for its end, too */
	user->config.times.work_ms = LIMIT_MS;
	start(user);
	expect(user, user->master, "ready");
	kill(user->keeper, SIGQUIT);
	expect(user, user->messages[0],
	       "waiting for the machine, which is resetting its devices; it is killed");
	assert_int_equal(write(user->report[0], "d", 1), 1);
	expect(user, user->report[0], "stop");
	assert_int_equal(keeper_status(user), TOOL_OK);
}

static void endless_reset_is_killed(void **state)
{
	struct user *user = *state;

	user->config.machine = resetting;
	user->config.times.stop_ms = 20;
	user->config.times.work_ms = 100;
	start(user);
	expect(user, user->master, "ready");
	kill(user->keeper, SIGQUIT);
	assert_int_equal(keeper_status(user), TOOL_FAILED);
	expect(user, user->messages[0], NULL);
	assert_non_null(strstr(user->text, "does not end, it is still resetting its devices; its process"));
}

/* The file of -serial is emptied when the guest starts, and never after that. */
static void serial_file_is_emptied_once(void **state)
{
	struct user *user = *state;
	char path[] = "/tmp/lend-test-serial-XXXXXX", text[64] = "";
	struct pollfd pause = {.fd = -1};

	user->config.serial = SERIAL_FILE;
	user->config.serial_fd = mkostemp(path, O_APPEND | O_CLOEXEC);
	assert_true(user->config.serial_fd >= 0);
	assert_int_equal(write(user->config.serial_fd, "of the last run\n", 16), 16);
	user->config.machine = running_twice;
	start(user);
	while (pread(user->config.serial_fd, text, sizeof(text) - 1, 0) != 16 || strncmp(text, "the", 3))
		poll(&pause, 1, 1);
	assert_int_equal(write(user->report[0], "d", 1), 1);
	assert_int_equal(keeper_status(user), TOOL_OK);
	assert_int_equal(pread(user->config.serial_fd, text, sizeof(text) - 1, 0), 16);
	assert_string_equal(text, "the guest's log\n");
	close(user->config.serial_fd);
	unlink(path);
}

static void killed_machine_is_told(void **state)
{
	struct user *user = *state;

	user->config.machine = killed;
	start(user);
	expect(user, user->master, "ready");
	assert_true(is_raw(user));
	type_keys(user, "k");
	assert_int_equal(keeper_status(user), TOOL_FAILED);
	assert_terminal_sane(user);
	expect(user, user->messages[0], NULL);
	assert_string_equal(
		user->text,
		"lend: the process of the machine was killed by signal 9 (Killed) before it said why\n");
}

static void killed_keeper_leaves_nothing(void **state)
{
	struct user *user = *state;

	start(user);
	expect(user, user->master, "ready");
	assert_true(is_raw(user));
	kill(user->keeper, SIGKILL);
	expect(user, user->report[0], "keeper gone");
	wait_for_all();
	assert_terminal_sane(user);
}

/* The shell has taken the terminal back and changed it: the guard leaves that alone. */
static void guard_respects_others(void **state)
{
	struct user *user = *state;
	struct termios shell, now;

	start(user);
	expect(user, user->master, "ready");
	shell = user->before;
	shell.c_lflag &= ~(tcflag_t)ECHO;
	shell.c_cc[VMIN] = 3;
	assert_int_equal(tcsetattr(user->slave, TCSANOW, &shell), 0);
	kill(user->keeper, SIGKILL);
	expect(user, user->report[0], "keeper gone");
	wait_for_all();
	assert_int_equal(tcgetattr(user->slave, &now), 0);
	assert_true(same_settings(&now, &shell));
}

static void suspended_and_continued(void **state)
{
	struct user *user = *state;
	int status;

	start(user);
	expect(user, user->master, "ready");
	kill(user->keeper, SIGTSTP);
	assert_int_equal(waitpid(user->keeper, &status, WUNTRACED), user->keeper);
	assert_true(WIFSTOPPED(status));
	assert_terminal_sane(user);
	kill(user->keeper, SIGCONT);
	kill(user->keeper, SIGTSTP);
	assert_int_equal(waitpid(user->keeper, &status, WUNTRACED), user->keeper);
	assert_true(WIFSTOPPED(status));
	kill(user->keeper, SIGCONT);
	type_keys(user, "\1?");
	expect(user, user->messages[0], "Ctrl-a x");
	assert_true(is_raw(user));
	type_keys(user, "\1x");
	assert_int_equal(keeper_status(user), TOOL_OK);
	assert_terminal_sane(user);
}

static void background_leaves_the_terminal_alone(void **state)
{
	struct user *user = *state;

	user->background = true;
	user->config.machine = terse;
	start(user);
	expect(user, user->master, "last");
	assert_terminal_sane(user);
	assert_int_equal(keeper_status(user), TOOL_OK);
	assert_terminal_sane(user);
}

/* A guest that reads nothing does not keep Ctrl-a x from us. */
static void much_is_typed_at_a_deaf_guest(void **state)
{
	struct user *user = *state;
	char keys[1024 + 1];

	user->config.machine = deaf;
	start(user);
	expect(user, user->master, "ready");
	memset(keys, 'k', sizeof(keys) - 1);
	keys[sizeof(keys) - 1] = '\0';
	for (int i = 0; i < 1024; i++)
		type_keys(user, keys);
	type_keys(user, "\1x");
	expect(user, user->report[0], "button"); /* it takes the first request for that */
	kill(user->keeper, SIGKILL);
	wait_for_all();
	assert_terminal_sane(user);
}

static void refusal_is_one_line(void **state)
{
	struct user *user = *state;

	user->config.machine = refusing;
	start(user);
	assert_int_equal(keeper_status(user), TOOL_FAILED);
	expect(user, user->messages[0], NULL);
	assert_string_equal(user->text, "lend: there is no PCI device 0000:05:00.0\n");
	assert_terminal_sane(user);
}

static void silent_end_is_told(void **state)
{
	struct user *user = *state;

	user->config.machine = mute;
	start(user);
	assert_int_equal(keeper_status(user), TOOL_FAILED);
	expect(user, user->messages[0], NULL);
	assert_string_equal(user->text,
			    "lend: the process of the machine ended with status 7 before it said why\n");
}

static void statuses(void **state)
{
	static const struct {
		enum vmm_end end;
		enum tool_status status;
		const char *line;
	} rows[] = {
		{VMM_END_POWEROFF, TOOL_OK, ""},         {VMM_END_REBOOT, TOOL_OK, ""},
		{VMM_END_STOPPED, TOOL_OK, ""},          {VMM_END_FAULT, TOOL_FAULT, "triple fault"},
		{VMM_END_PANIC, TOOL_PANIC, "panicked"}, {VMM_END_ERROR, TOOL_FAILED, "without a reason"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct user *user = *state;
		char end = (char)('0' + (int)rows[i].end);

		user->config.machine = ending;
		start(user);
		assert_int_equal(write(user->report[0], &end, 1), 1);
		assert_int_equal(keeper_status(user), rows[i].status);
		expect(user, user->messages[0], NULL);
		if (rows[i].line[0])
			assert_non_null(strstr(user->text, rows[i].line));
		else
			assert_string_equal(user->text, "");
		teardown(state);
		setup(state);
	}
}

static void lies_are_not_believed(void **state)
{
	struct user *user = *state;
	const char *at;
	int lines = 0;

	user->config.machine = lying;
	start(user);
	expect(user, user->messages[0], NULL);
	assert_int_equal(keeper_status(user), TOOL_FAILED);
	assert_non_null(strstr(user->text,
			       "lend: warning: colour ?[31m, C1 \xc2? ?31m \xe2? ?, names \xc3\xa9 "
			       "\xe2\x82\x9b \xf0\x9f\x98\x80 \xe9t?, end\n"));
	for (at = strstr(user->text, "noise"); at; at = strstr(at + 1, "noise"))
		lines++;
	assert_in_range(lines, 100, 1000);
	at = strstr(user->text, "lend: yyyy");
	assert_non_null(at);
	assert_int_equal(strspn(at + 6, "y"), sizeof(struct lend_error) - 1);
}

static void machine_has_nothing_else(void **state)
{
	struct user *user = *state;

	user->config.machine = looking_around;
	start(user);
	expect(user, user->report[0], "\n");
	assert_string_equal(user->text, "0=/dev/null 1=/dev/null 2=/dev/null session own\n");
	assert_int_equal(keeper_status(user), TOOL_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(terminal_and_keys),
		CASE(sigterm_is_the_power_button),
		CASE(second_signal_stops),
		CASE(time_stops),
		CASE(hanging_machine_is_killed),
		CASE(reset_is_waited_for),
		CASE(endless_reset_is_killed),
		CASE(serial_file_is_emptied_once),
		CASE(killed_machine_is_told),
		CASE(killed_keeper_leaves_nothing),
		CASE(guard_respects_others),
		CASE(suspended_and_continued),
		CASE(background_leaves_the_terminal_alone),
		CASE(much_is_typed_at_a_deaf_guest),
		CASE(refusal_is_one_line),
		CASE(silent_end_is_told),
		CASE(statuses),
		CASE(lies_are_not_believed),
		CASE(machine_has_nothing_else),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
