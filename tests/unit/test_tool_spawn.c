/* SPDX-License-Identifier: MIT */
/* What the machine's process inherits, on kernels with close_range and without. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static bool has_close_range;

static int played_close_range(unsigned first, unsigned last, int flags)
{
	if (has_close_range)
		return close_range(first, last, flags);
	errno = ENOSYS;
	return -1;
}

#define close_range played_close_range
#include "tool/run/spawn.c"
#include "tool/clean.c"
#include "tool/say.c"
#include "tool/take.c"
#undef close_range

enum { HIGH = 200 };

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* The child's answer, as its exit status: how many descriptors are not as they should be. */
static int look(void *opaque)
{
	const int *keep = opaque;
	int wrong = 0;

	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		wrong += !is_open(fd);
	for (int fd = STDERR_FILENO + 1; fd <= 2 * HIGH; fd++)
		wrong += is_open(fd) != (fd == keep[0] || fd == keep[1]);
	return wrong;
}

static int wrong_in_child(void)
{
	int fds[10], keep[3] = {-1, -1, -1}, status;
	pid_t pid;

	for (unsigned i = 0; i < 10; i++)
		fds[i] = open("/dev/null", O_RDONLY);
	keep[0] = fds[4];
	keep[1] = fcntl(fds[0], F_DUPFD, HIGH);
	assert_true(fcntl(fds[0], F_DUPFD, HIGH + 1) > HIGH);
	pid = spawn(look, keep, keep, 3);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	for (unsigned i = 0; i < 10; i++)
		close(fds[i]);
	for (int fd = HIGH; fd <= HIGH + 1; fd++)
		close(fd);
	return WEXITSTATUS(status);
}

static void closes_all_others(void **state)
{
	(void)state;
	has_close_range = true;
	assert_int_equal(wrong_in_child(), 0);
}

static void closes_all_others_without_close_range(void **state)
{
	(void)state;
	has_close_range = false;
	assert_int_equal(wrong_in_child(), 0);
}

/* modprobe and systemctl are waited for, but not for ever. */
static void a_command_that_hangs_is_left(void **state)
{
	char *const hangs[] = {(char *)"sleep", (char *)"1000", NULL};
	char *const fails[] = {(char *)"false", NULL};
	char *const works[] = {(char *)"true", NULL};
	char *const none[] = {(char *)"lend-no-such-command", NULL};
	int status;

	(void)state;
	alarm(300);
	assert_int_equal(run_command(works, 30000), 0);
	assert_int_equal(WEXITSTATUS(run_command(fails, 30000)), 1);
	assert_int_equal(run_command(none, 30000), -1);
	assert_int_equal(run_command(hangs, 20), -1);
	assert_true(wait(&status) > 0);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	alarm(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closes_all_others),
		cmocka_unit_test(closes_all_others_without_close_range),
		cmocka_unit_test(a_command_that_hangs_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
