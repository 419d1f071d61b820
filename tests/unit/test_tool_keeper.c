/* SPDX-License-Identifier: MIT */
/*
 * The keeper with machines that are played: on a pseudo terminal whose
 * settings are compared before and after, on pipes, and on a socket. The
 * keeper runs in a process of its own; this one is the user, and gets the
 * orphans, so that it knows when all are gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tool/run/console.c"
#include "tool/run/control.c"
#include "tool/run/escape.c"
#include "tool/run/keeper.c"
#include "tool/run/keeper_end.c"
#include "tool/run/keeper_events.c"
#include "tool/run/ladder.c"
#include "tool/run/messages.c"
#include "tool/run/ring.c"
#include "tool/run/sink.c"
#include "tool/run/socket.c"
#include "tool/run/spawn.c"
#include "tool/run/terminal.c"
#include "tool/say.c"

/* Longer than any step takes: it only ends a test that hangs. */
enum { LIMIT_MS = 30000 };

struct user {
	int master, slave; /* the terminal */
	int messages[2];   /* the keeper's standard error */
	int report[2];     /* what the played machine tells the test */
	struct termios before;
	struct keeper_config config;
	bool background;
	pid_t keeper;
	char text[1 << 16]; /* what expect() has read */
};

/* Machines. */

static int report_to(void *opaque)
{
	return *(const int *)opaque;
}

static void tell(void *opaque, const char *text)
{
	assert_int_equal(write(report_to(opaque), text, strlen(text)), strlen(text));
}

static void put(int serial, const char *text)
{
	for (size_t length = strlen(text); length;) {
		ssize_t done = write(serial, text, length);

		if (done > 0) {
			text += done;
			length -= (size_t)done;
		}
	}
}

/* Takes one message; true: go on. */
static bool obey(int control, void *opaque)
{
	struct control_message message;

	switch (control_receive(control, &message)) {
	case 0:
		tell(opaque, "keeper gone\n");
		return false;
	case 1:
		break;
	default:
		return true;
	}
	tell(opaque, message.type == CONTROL_BUTTON ? "button\n" : "stop\n");
	control_send_end(control, message.type == CONTROL_BUTTON ? VMM_END_POWEROFF : VMM_END_STOPPED, "",
			 NULL, 1000);
	return false;
}

/* Echoes; ends at the first request. */
static int echoing(int control, int serial, void *opaque)
{
	struct pollfd polls[] = {{.fd = control, .events = POLLIN}, {.fd = serial, .events = POLLIN}};
	char data[256];

	control_send(control, CONTROL_RUNNING);
	put(serial, "ready\r\n");
	for (;;) {
		poll(polls, 2, -1);
		if (polls[0].revents && !obey(control, opaque))
			return 0;
		if (polls[1].revents) {
			ssize_t length = read(serial, data, sizeof(data) - 1);

			data[length > 0 ? length : 0] = '\0';
			put(serial, data);
		}
	}
}

/* Does not listen to the power button. */
static int deaf(int control, int serial, void *opaque)
{
	struct pollfd poll_control = {.fd = control, .events = POLLIN};
	struct control_message message;

	control_send(control, CONTROL_RUNNING);
	put(serial, "ready\r\n");
	poll(&poll_control, 1, -1);
	control_receive(control, &message);
	tell(opaque, "button\n");
	poll(&poll_control, 1, -1);
	obey(control, opaque);
	return 0;
}

static int hanging(int control, int serial, void *opaque)
{
	(void)opaque;
	control_send(control, CONTROL_RUNNING);
	put(serial, "ready\r\n");
	for (;;)
		pause();
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

enum { FLOOD = 8 << 20 };

/* A reader that does not read must not hold it up. */
static int flooding(int control, int serial, void *opaque)
{
	static char line[1024];

	memset(line, 'x', sizeof(line) - 1);
	control_send(control, CONTROL_RUNNING);
	for (size_t done = 0; done < FLOOD; done += sizeof(line) - 1)
		put(serial, line);
	put(serial, "last");
	control_send_end(control, VMM_END_POWEROFF, "", NULL, 1000);
	tell(opaque, "flooded\n");
	return 0;
}

/* Little enough to fit in the queue, and then at once the end. */
static int terse(int control, int serial, void *opaque)
{
	control_send(control, CONTROL_RUNNING);
	for (int i = 0; i < 5000; i++)
		put(serial, "twenty bytes a line\n");
	put(serial, "last\n");
	control_send_end(control, VMM_END_POWEROFF, "", NULL, 1000);
	tell(opaque, "done\n");
	return 0;
}

static int refusing(int control, int serial, void *opaque)
{
	(void)serial, (void)opaque;
	control_send_end(control, VMM_END_ERROR, "there is no PCI device 0000:05:00.0", NULL, 1000);
	return 0;
}

static int mute(int control, int serial, void *opaque)
{
	(void)control, (void)serial, (void)opaque;
	return 7;
}

enum { BURST_LINES = 15000 };

/* Writes much at a word of the test, and then at once ends. */
static int bursting(int control, int serial, void *opaque)
{
	char pid[32];

	snprintf(pid, sizeof(pid), "%d\n", getpid());
	control_send(control, CONTROL_RUNNING);
	put(serial, "ready\r\n");
	tell(opaque, pid);
	assert_int_equal(read(report_to(opaque), pid, 1), 1);
	for (int i = 0; i < BURST_LINES / 1000; i++) {
		char block[10 * 1000 + 1] = "";

		for (int line = 0; line < 1000; line++)
			memcpy(block + 10 * line, "ten bytes\n", 10);
		put(serial, block);
	}
	control_send_end(control, VMM_END_POWEROFF, "", NULL, 1000);
	return 0;
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
	control_send_log(control, LEND_LOG_WARNING, "colour \033[31m, C1 \xc2\x9b, name \xc3\xa9\n, end");
	for (int i = 0; i < 3000; i++)
		while (control_send_log(control, LEND_LOG_ERROR, "noise"))
			;
	memset(message.text, 'y', sizeof(message.text));
	message.type = CONTROL_END;
	message.value = VMM_END_ERROR;
	send(control, &message, sizeof(message), 0);
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

/* The user. */

static int setup(void **state)
{
	struct user *user = calloc(1, sizeof(*user));

	assert_non_null(user);
	assert_int_equal(openpty(&user->master, &user->slave, NULL, NULL, NULL), 0);
	assert_int_equal(tcgetattr(user->slave, &user->before), 0);
	assert_int_equal(pipe2(user->messages, O_CLOEXEC), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, user->report), 0);
	user->config = (struct keeper_config){
		.input = user->slave,
		.output = user->slave,
		.messages = user->messages[1],
		.serial = SERIAL_STDIO,
		.serial_fd = -1,
		.machine = echoing,
		.opaque = &user->report[1],
		.keep = {user->report[1], -1},
		.times = {.button_ms = LIMIT_MS, .stop_ms = LIMIT_MS, .end_ms = LIMIT_MS},
		.flush_ms = LIMIT_MS,
	};
	*state = user;
	return 0;
}

static void wait_for_all(void)
{
	while (wait(NULL) >= 0 || errno == EINTR)
		;
	assert_int_equal(errno, ECHILD);
}

static int teardown(void **state)
{
	struct user *user = *state;

	close(user->master);
	close(user->slave);
	for (int i = 0; i < 2; i++) {
		close(user->messages[i]);
		close(user->report[i]);
	}
	wait_for_all();
	free(user);
	return 0;
}

static _Noreturn void keeper_process(struct user *user)
{
	struct keeper_result result;
	pid_t child;
	int status;

	alarm(2 * LIMIT_MS / 1000);
	close(user->master);
	close(user->messages[0]);
	close(user->report[0]);
	setsid();
	if (ioctl(user->slave, TIOCSCTTY, 0))
		_exit(99);
	/* As a shell does with "&": a process group that is not the terminal's. */
	if (user->background) {
		child = fork();
		if (child) {
			waitpid(child, &status, 0);
			_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 98);
		}
		setpgid(0, 0);
	}
	keeper_run(&user->config, &result);
	_exit((int)result.status);
}

static void start(struct user *user)
{
	user->keeper = fork();
	assert_true(user->keeper >= 0);
	if (!user->keeper)
		keeper_process(user);
	/* So that the other end's end is seen. */
	close(user->messages[1]);
	close(user->report[1]);
	user->messages[1] = user->report[1] = -1;
}

/* Reads until `text` has come. NULL: until the end. Returns all that came in this call. */
static const char *expect(struct user *user, int fd, const char *text)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	size_t used = 0;

	for (;;) {
		ssize_t length;

		if (poll(&readable, 1, LIMIT_MS) != 1)
			fail_msg("nothing came for '%s' after '%.*s'", text ? text : "the end", (int)used,
				 user->text);
		length = read(fd, user->text + used, sizeof(user->text) - used - 1);
		if (length <= 0) {
			user->text[used] = '\0';
			if (text)
				fail_msg("the end came before '%s': '%s'", text, user->text);
			return user->text;
		}
		used += (size_t)length;
		user->text[used] = '\0';
		if (text && strstr(user->text, text))
			return user->text;
		/* Of much, the end alone is of interest. */
		if (used > sizeof(user->text) / 2) {
			memmove(user->text, user->text + used - sizeof(user->text) / 4,
				sizeof(user->text) / 4);
			used = sizeof(user->text) / 4;
		}
	}
}

static void type_keys(struct user *user, const char *keys)
{
	assert_int_equal(write(user->master, keys, strlen(keys)), strlen(keys));
}

static int keeper_status(struct user *user)
{
	int status;

	assert_int_equal(waitpid(user->keeper, &status, 0), user->keeper);
	if (!WIFEXITED(status))
		fail_msg("the keeper was killed by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

static bool is_raw(const struct user *user)
{
	struct termios now;

	assert_int_equal(tcgetattr(user->slave, &now), 0);
	return !(now.c_lflag & (ICANON | ECHO | ISIG));
}

static void assert_terminal_sane(const struct user *user)
{
	struct termios now;

	assert_int_equal(tcgetattr(user->slave, &now), 0);
	assert_true(same_settings(&now, &user->before));
	/* The description that we share with the keeper is as it was, too. */
	assert_false(fcntl(user->slave, F_GETFL) & O_NONBLOCK);
}

/* Tests. */

static void terminal_and_keys(void **state)
{
	struct user *user = *state;

	start(user);
	expect(user, user->master, "ready");
	assert_true(is_raw(user));
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

static void slow_reader_holds_nobody_up(void **state)
{
	struct user *user = *state;

	user->config.machine = flooding;
	start(user);
	/* Nothing is read from the terminal before the machine is through. */
	expect(user, user->report[0], "flooded");
	expect(user, user->master, "last");
	assert_int_equal(keeper_status(user), TOOL_OK);
	expect(user, user->messages[0], NULL);
	assert_non_null(strstr(user->text, "bytes of the guest's output were left out"));
	assert_terminal_sane(user);
}

/* Nobody ever reads: the keeper gives up after a while. */
static void absent_reader_is_not_waited_for(void **state)
{
	struct user *user = *state;

	user->config.machine = flooding;
	user->config.flush_ms = 20;
	start(user);
	assert_int_equal(keeper_status(user), TOOL_OK);
	assert_terminal_sane(user);
}

static void closed_reader_harms_nobody(void **state)
{
	struct user *user = *state;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);
	user->config.output = ends[1];
	user->config.machine = flooding;
	start(user);
	expect(user, user->report[0], "flooded");
	assert_int_equal(keeper_status(user), TOOL_OK);
	expect(user, user->messages[0], NULL);
	assert_string_equal(user->text, "");
	close(ends[1]);
}

/* All output arrives, whenever it is read; input that has ended is no harm. */
static void pipe_gets_everything(void **state)
{
	struct user *user = *state;
	size_t total = 0;
	char data[4096];
	ssize_t length;
	int ends[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(null >= 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	user->config.input = null;
	user->config.output = ends[1];
	user->config.machine = terse;
	start(user);
	close(ends[1]);
	/* The machine has ended before the first byte is read. */
	expect(user, user->report[0], "done");
	while ((length = read(ends[0], data, sizeof(data))) > 0)
		total += (size_t)length;
	assert_int_equal(total, 5000 * 20 + 5);
	assert_int_equal(keeper_status(user), TOOL_OK);
	close(ends[0]);
	close(null);
}

/* Piped input waits for the guest instead of being lost, and Ctrl-a in it is the guest's. */
/* The machine has written and ended while the keeper was away. */
static void nothing_is_lost_at_the_end(void **state)
{
	struct user *user = *state;
	struct pollfd ended = {.events = POLLIN};
	size_t total = 0;
	char data[4096];
	ssize_t length;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	user->config.output = ends[1];
	user->config.machine = bursting;
	start(user);
	close(ends[1]);
	expect(user, user->report[0], "\n");
	ended.fd = pidfd_open((pid_t)atoi(user->text), 0);
	assert_true(ended.fd >= 0);
	kill(user->keeper, SIGSTOP);
	assert_int_equal(write(user->report[0], "g", 1), 1);
	assert_int_equal(poll(&ended, 1, LIMIT_MS), 1);
	close(ended.fd);
	kill(user->keeper, SIGCONT);
	while ((length = read(ends[0], data, sizeof(data))) > 0)
		total += (size_t)length;
	assert_int_equal(total, 7 + 10 * BURST_LINES);
	assert_int_equal(keeper_status(user), TOOL_OK);
	close(ends[0]);
}

/* The last line comes after the last output, where both go to the terminal. */
static void last_line_is_last(void **state)
{
	struct user *user = *state;

	user->config.messages = user->slave;
	user->config.machine = flooding;
	start(user);
	expect(user, user->report[0], "flooded");
	expect(user, user->master, "last");
	if (!strstr(strstr(user->text, "last"), "left out"))
		expect(user, user->master, "left out");
	assert_int_equal(keeper_status(user), TOOL_OK);
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

static void piped_input_is_the_guests(void **state)
{
	struct user *user = *state;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], "\1x\1hend", 7), 7);
	user->config.input = ends[0];
	start(user);
	close(ends[1]);
	expect(user, user->master, "\1x\1hend");
	kill(user->keeper, SIGTERM);
	assert_int_equal(keeper_status(user), TOOL_OK);
	close(ends[0]);
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
	assert_non_null(strstr(user->text, "lend: warning: colour ?[31m, C1 \xc2?, name \xc3\xa9?, end\n"));
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

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void one_client_at_a_time(void **state)
{
	struct user *user = *state;
	char dir[] = "/tmp/lend-test-XXXXXX", path[64];
	struct lend_error error;
	int client, second;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/serial", dir);
	user->config.serial = SERIAL_UNIX;
	user->config.serial_fd = socket_listen(path, &error);
	assert_true(user->config.serial_fd >= 0);
	/* One that is served is not taken over. */
	assert_int_equal(socket_listen(path, &error), -EADDRINUSE);
	assert_non_null(strstr(error.text, path));
	start(user);
	client = connect_to(path);
	expect(user, client, "ready");
	assert_terminal_sane(user);
	assert_int_equal(write(client, "one\1x", 5), 5);
	expect(user, client, "one\1x");
	second = connect_to(path);
	expect(user, second, NULL);
	close(second);
	/* One that only listens from now on is served all the same. */
	assert_int_equal(write(client, "more", 4), 4);
	shutdown(client, SHUT_WR);
	expect(user, client, "more");
	second = connect_to(path);
	expect(user, second, NULL);
	close(second);
	close(client);
	/* A new one is let in as soon as the end of the first was seen. */
	do {
		client = connect_to(path);
		if (write(client, "two", 3) == 3 && recv(client, dir + 5, 1, 0) == 1)
			break;
		close(client);
	} while (true);
	expect(user, client, "wo");
	kill(user->keeper, SIGTERM);
	assert_int_equal(keeper_status(user), TOOL_OK);
	expect(user, client, NULL);
	close(client);
	close(user->config.serial_fd);
	/* What a killed keeper leaves is replaced. */
	second = socket_listen(path, &error);
	assert_true(second >= 0);
	close(second);
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
}

static void file_is_emptied_by_output_alone(void **state)
{
	struct user *user = *state;
	char path[] = "/tmp/lend-test-XXXXXX", data[200001];
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "the last run's", 14), 14);
	lseek(fd, 0, SEEK_SET);
	user->config.serial = SERIAL_FILE;
	user->config.serial_fd = fd;
	user->config.machine = refusing;
	start(user);
	assert_int_equal(keeper_status(user), TOOL_FAILED);
	assert_int_equal(pread(fd, data, sizeof(data), 0), 14);
	teardown(state);
	setup(state);
	user = *state;
	user->config.serial = SERIAL_FILE;
	user->config.serial_fd = fd;
	user->config.machine = terse;
	start(user);
	assert_int_equal(keeper_status(user), TOOL_OK);
	assert_int_equal(pread(fd, data, sizeof(data), 0), 5000 * 20 + 5);
	assert_memory_equal(data, "twenty", 6);
	close(fd);
	unlink(path);
}

static int group_setup(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(terminal_and_keys),
		CASE(sigterm_is_the_power_button),
		CASE(second_signal_stops),
		CASE(time_stops),
		CASE(hanging_machine_is_killed),
		CASE(killed_machine_is_told),
		CASE(killed_keeper_leaves_nothing),
		CASE(guard_respects_others),
		CASE(suspended_and_continued),
		CASE(background_leaves_the_terminal_alone),
		CASE(slow_reader_holds_nobody_up),
		CASE(absent_reader_is_not_waited_for),
		CASE(closed_reader_harms_nobody),
		CASE(pipe_gets_everything),
		CASE(nothing_is_lost_at_the_end),
		CASE(last_line_is_last),
		CASE(much_is_typed_at_a_deaf_guest),
		CASE(piped_input_is_the_guests),
		CASE(refusal_is_one_line),
		CASE(silent_end_is_told),
		CASE(statuses),
		CASE(lies_are_not_believed),
		CASE(machine_has_nothing_else),
		CASE(one_client_at_a_time),
		CASE(file_is_emptied_by_output_alone),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
