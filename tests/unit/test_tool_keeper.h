/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the keeper share: machines that are played, and the user,
 * who has a pseudo terminal. The keeper runs in a process of its own; the
 * test's process is the user, and gets the orphans, so that it knows when all
 * are gone. The files under test are included: a test program is not linked
 * with the tool's.
 */
#ifndef TESTS_UNIT_TEST_TOOL_KEEPER_H
#define TESTS_UNIT_TEST_TOOL_KEEPER_H

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

#include "tests/unit/machine_says.h"

#include "tool/run/comeback.c"
#include "tool/run/console.c"
#include "tool/run/control.c"
#include "tool/run/escape.c"
#include "tool/run/keeper.c"
#include "tool/run/keeper_end.c"
#include "tool/run/keeper_events.c"
#include "tool/run/ladder.c"
#include "tool/run/messages.c"
#include "tool/run/progress.c"
#include "tool/run/ring.c"
#include "tool/run/sink.c"
#include "tool/run/servers.c"
#include "tool/run/socket.c"
#include "tool/run/spawn.c"
#include "tool/run/terminal.c"
#include "tool/clean.c"
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
	void (*lead_in)(struct user *user); /* in the keeper's process, before it is the keeper */
	pid_t keeper;
	char text[1 << 16]; /* what expect() has read */
};

/* Machines. */

static inline int report_to(void *opaque)
{
	return *(const int *)opaque;
}

static inline void tell(void *opaque, const char *text)
{
	assert_int_equal(write(report_to(opaque), text, strlen(text)), strlen(text));
}

static inline void put(int serial, const char *text)
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
static inline bool obey(int control, void *opaque)
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
static inline int echoing(int control, int serial, void *opaque)
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
static inline int deaf(int control, int serial, void *opaque)
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

/* Little enough to fit in the queue, and then at once the end. */
static inline int terse(int control, int serial, void *opaque)
{
	control_send(control, CONTROL_RUNNING);
	for (int i = 0; i < 5000; i++)
		put(serial, "twenty bytes a line\n");
	put(serial, "last\n");
	control_send_end(control, VMM_END_POWEROFF, "", NULL, 1000);
	tell(opaque, "done\n");
	return 0;
}

static inline int refusing(int control, int serial, void *opaque)
{
	(void)serial, (void)opaque;
	control_send_end(control, VMM_END_ERROR, "there is no PCI device 0000:05:00.0", NULL, 1000);
	return 0;
}

/* The user. */

static inline int setup(void **state)
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

static inline void wait_for_all(void)
{
	while (wait(NULL) >= 0 || errno == EINTR)
		;
	assert_int_equal(errno, ECHILD);
}

static inline int teardown(void **state)
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

static inline _Noreturn void keeper_process(struct user *user)
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
	if (user->lead_in)
		user->lead_in(user);
	keeper_run(&user->config, &result);
	_exit((int)result.status);
}

static inline void start(struct user *user)
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
static inline const char *expect(struct user *user, int fd, const char *text)
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

static inline void type_keys(struct user *user, const char *keys)
{
	assert_int_equal(write(user->master, keys, strlen(keys)), strlen(keys));
}

static inline int keeper_status(struct user *user)
{
	int status;

	assert_int_equal(waitpid(user->keeper, &status, 0), user->keeper);
	if (!WIFEXITED(status))
		fail_msg("the keeper was killed by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

static inline bool is_raw(const struct user *user)
{
	struct termios now;

	assert_int_equal(tcgetattr(user->slave, &now), 0);
	return !(now.c_lflag & (ICANON | ECHO | ISIG));
}

static inline void assert_terminal_sane(const struct user *user)
{
	struct termios now;

	assert_int_equal(tcgetattr(user->slave, &now), 0);
	assert_true(same_settings(&now, &user->before));
	/* The description that we share with the keeper is as it was, too. */
	assert_false(fcntl(user->slave, F_GETFL) & O_NONBLOCK);
}

static inline int group_setup(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
