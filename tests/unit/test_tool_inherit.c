/* SPDX-License-Identifier: MIT */
/* What whoever starts the keeper leaves to it: limits, what becomes of signals, and servers. */
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/unit/test_tool_keeper.h"
#include "tool/clock.h"

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

/* Its end was told by a signal that the keeper did not take yet. */
static void lose_a_server(struct user *user)
{
	static struct run_device device = {.served = {.name = "-disk d.img", .count = 1}};
	static struct servers servers = {.count = 1};
	pid_t pid = fork();

	if (!pid)
		_exit(3);
	assert_int_equal(waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
	servers.at[0] = (struct server){.device = &device,
					.pid = pid,
					.listener = -1,
					.place = -1,
					.deaths = DEATHS_MAX,
					.first = clock_ms()};
	user->config.servers = &servers;
}

static void a_server_that_is_gone_already_is_noticed(void **state)
{
	struct user *user = *state;

	user->config.machine = refusing;
	user->lead_in = lose_a_server;
	start(user);
	assert_int_equal(keeper_status(user), TOOL_FAILED);
	expect(user, user->messages[0], NULL);
	assert_non_null(
		strstr(user->text, "-disk d.img: its server ended with status 3, and is not started again"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_file_at_its_limit_does_not_end_the_machine),
		CASE(a_server_that_is_gone_already_is_noticed),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
