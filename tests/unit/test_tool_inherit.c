/* SPDX-License-Identifier: MIT */
/* What whoever starts the keeper leaves to it: limits, and what becomes of signals. */
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/unit/test_tool_keeper.h"

enum { LIMIT = 4096 };

/* A guest that writes more than its file may hold. */
static int talking(int control, int serial, void *opaque)
{
	char text[512];

	(void)opaque;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	control_send(control, CONTROL_RUNNING);
	for (int i = 0; i < 64; i++)
		put(serial, text);
	control_send_end(control, VMM_END_POWEROFF, "", NULL, 1000);
	return 0;
}

/* `ulimit -f` is a signal to whoever writes on, and its default ends the process (setrlimit(2)). */
static void a_file_at_its_limit_does_not_end_the_machine(void **state)
{
	char path[] = "/tmp/lend-test-XXXXXX";
	struct user *user = *state;
	struct rlimit before, limit;
	struct stat st;

	user->config.serial = SERIAL_FILE;
	user->config.serial_fd = mkostemp(path, O_APPEND | O_CLOEXEC);
	assert_true(user->config.serial_fd >= 0);
	user->config.machine = talking;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = (struct rlimit){.rlim_cur = LIMIT, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	signal(SIGXFSZ, SIG_DFL);
	start(user);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(keeper_status(user), TOOL_OK);
	assert_int_equal(fstat(user->config.serial_fd, &st), 0);
	assert_int_equal(st.st_size, LIMIT);
	close(user->config.serial_fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_file_at_its_limit_does_not_end_the_machine),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
