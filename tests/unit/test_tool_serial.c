/* SPDX-License-Identifier: MIT */
/* The keeper's side of the guest's serial line: readers that are slow, absent or gone; pipes, files, a
 * socket. */
#include "tests/unit/test_tool_keeper.h"

enum { FLOOD = 8 << 20, BURST_LINES = 15000 };

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(slow_reader_holds_nobody_up),     CASE(absent_reader_is_not_waited_for),
		CASE(closed_reader_harms_nobody),      CASE(pipe_gets_everything),
		CASE(nothing_is_lost_at_the_end),      CASE(last_line_is_last),
		CASE(piped_input_is_the_guests),       CASE(one_client_at_a_time),
		CASE(file_is_emptied_by_output_alone),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
