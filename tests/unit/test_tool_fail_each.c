/* SPDX-License-Identifier: MIT */
/*
 * The keeper, whose calls fail one after the other (failing_calls.h), with those of its children until
 * the machine begins. However a machine ends, the keeper ends too, no process is left, the terminal is
 * as before, and who gets a status that is not 0 reads why. How often it reads and writes depends on
 * the time, so a call of the first life that the next one does not make is none.
 */
#include "tests/unit/test_tool_keeper.h"

#include "tests/unit/failing_calls.h"

enum { SHORT_MS = 100, LINES_MOST = 3 };

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	return CALL_FAILS("ioctl") ? REFUSE(EIO) : __real_ioctl(fd, request, arg);
}

static struct {
	int (*machine)(int control, int serial, void *opaque);
	int status;        /* where nothing fails */
	unsigned limit_ms; /* of each step, which a failure may keep from ending */
	const void *place;
	unsigned nth;
} play;

/* Machines. */

/* The terminal is the keeper's, whatever failed. */
static void check_standard(void)
{
	char path[64], target[64];

	for (int fd = 0; fd < 3; fd++) {
		ssize_t length;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		length = readlink(path, target, sizeof(target) - 1);
		target[length < 0 ? 0 : length] = '\0';
		if (strcmp(target, "/dev/null") != 0)
			call_complain(calls->fails_at, calls->fails_nth, "the machine has the terminal");
	}
}

static int brief(int control, int serial, void *opaque)
{
	(void)opaque;
	counting = false;
	check_standard();
	control_send(control, CONTROL_RUNNING);
	put(serial, "ready\r\n");
	control_send_end(control, VMM_END_POWEROFF, "", NULL, 1000);
	return 0;
}

static int dying(int control, int serial, void *opaque)
{
	(void)opaque;
	counting = false;
	control_send(control, CONTROL_RUNNING);
	put(serial, "ready\r\n");
	return 7;
}

/* The user ends it. */
static int signalled(int control, int serial, void *opaque)
{
	struct pollfd asked = {.fd = control, .events = POLLIN};

	(void)serial;
	counting = false;
	control_send(control, CONTROL_RUNNING);
	kill(getppid(), SIGTERM);
	poll(&asked, 1, 10 * (int)play.limit_ms);
	obey(control, opaque);
	return 0;
}

static void begin(struct user *user)
{
	(void)user;
	counting = true;
}

static unsigned lines_of(const char *text)
{
	unsigned count = 0;

	for (; (text = strchr(text, '\n')); text++)
		count++;
	return count;
}

static void live(const void *place, unsigned nth)
{
	struct user *user;
	void *state;
	int status;

	setup(&state);
	user = state;
	user->config.machine = play.machine;
	play.limit_ms = place ? SHORT_MS : LIMIT_MS;
	user->config.times =
		(struct ladder_times){play.limit_ms, play.limit_ms, play.limit_ms, play.limit_ms};
	user->config.flush_ms = play.limit_ms;
	user->lead_in = begin;
	calls_count(place, nth);
	counting = false;
	start(user);
	status = keeper_status(user);
	expect(user, user->messages[0], NULL);
	if (!place)
		assert_int_equal(status, play.status);
	/* What fails may be the write of the sentence itself. */
	if (status && !strstr(user->text, "lend: ") && strcmp(calls->what, "write") != 0)
		call_complain(place, nth, "status without a word");
	if (lines_of(user->text) > LINES_MOST)
		call_complain(place, nth, "too many lines");
	assert_terminal_sane(user);
	teardown(&state);
}

static void each(const char *name, int (*machine)(int control, int serial, void *opaque), int status)
{
	unsigned count;

	play.machine = machine;
	play.status = status;
	count = each_call_fails(live);
	print_message("%s: %u calls failed in turn\n", name, count);
	assert_true(count > 10);
}

static void while_a_machine_runs(void **state)
{
	(void)state;
	each("keeper, power off", brief, TOOL_OK);
}

static void while_a_machine_dies(void **state)
{
	(void)state;
	each("keeper, a machine that dies", dying, TOOL_FAILED);
}

static void while_the_user_ends_it(void **state)
{
	(void)state;
	each("keeper, ended by a signal", signalled, TOOL_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(while_a_machine_runs),
		cmocka_unit_test(while_a_machine_dies),
		cmocka_unit_test(while_the_user_ends_it),
	};

	calls_share();
	return cmocka_run_group_tests_name("tool_fail_each", tests, group_setup, NULL);
}
