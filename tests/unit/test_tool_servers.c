/* SPDX-License-Identifier: MIT */
/*
 * Servers beside the machine: started, started again, given up, ended. This program
 * is its own server: `lend serve` begins as /proc/self/exe.
 */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "tool/clean.c"
#include "tool/run/messages.c"
#include "tool/run/ring.c"
#include "tool/run/servers.c"
#include "tool/run/sink.c"
#include "tool/run/socket.c"
#include "tool/run/spawn.c"
#include "tool/say.c"

static struct run_options options;
static struct servers servers;
static struct lend_error error;
static struct messages messages;
static int said[2]; /* what the keeper says */

/* What the server does is its "image": it tells each client its words, and ends when that says so. */
static int serve(int argc, char **argv)
{
	bool dies = !strcmp(argv[3], "dies");
	int listener = atoi(argv[argc - 1]);

	if (!strcmp(argv[3], "fails"))
		return 1;
	printf("listening\n");
	fflush(stdout);
	for (;;) {
		int client = accept(listener, NULL, NULL);
		char order;

		if (client < 0)
			return 1;
		for (int i = 1; i < argc - 1; i++)
			dprintf(client, "%s ", argv[i]);
		shutdown(client, SHUT_WR);
		if (dies && read(client, &order, 1) == 1)
			return 3;
		close(client);
	}
}

static int begin(void **state)
{
	(void)state;
	memset(&options, 0, sizeof(options));
	memset(&servers, 0, sizeof(servers));
	assert_int_equal(pipe2(said, O_CLOEXEC | O_NONBLOCK), 0);
	return messages_init(&messages, said[1]);
}

static int end(void **state)
{
	(void)state;
	servers_end(&servers);
	messages_free(&messages);
	close(said[0]);
	close(said[1]);
	return 0;
}

static void ask_for(const char *image)
{
	struct run_device *device = &options.devices[options.device_count++];

	*device = (struct run_device){.user = true, .fd = -1, .served = {.name = "-disk d.img", .count = 2}};
	memcpy(device->served.words, "nvme", 5);
	strcpy(device->served.words + 5, image);
}

static void read_words(int client, char text[256])
{
	size_t length = 0;
	ssize_t got;

	while ((got = read(client, text + length, 255 - length)) > 0)
		length += (size_t)got;
	text[length] = '\0';
}

/* How much of a socket's path there is in the file system. */
static int has_name(int listener)
{
	struct sockaddr_un address;
	socklen_t length = sizeof(address);

	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	assert_memory_equal(address.sun_path, "/tmp/lend-", 10);
	*strrchr(address.sun_path, '/') = '\0';
	return !access(address.sun_path, F_OK);
}

static void starts_and_ends(void **state)
{
	char text[256];
	pid_t pids[2];
	int client;

	(void)state;
	ask_for("one");
	options.device_count++; /* one of another kind between them */
	ask_for("two");
	assert_int_equal(servers_start(&servers, &options, &error), 0);
	assert_int_equal(servers.count, 2);
	assert_string_equal(options.devices[1].socket, "");
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(has_name(servers.at[i].listener), 0);
	client = socket_connect(options.devices[2].socket, 5000, &error);
	assert_true(client >= 0);
	read_words(client, text);
	assert_string_equal(text, "serve nvme two --fd ");
	close(client);
	for (unsigned i = 0; i < 2; i++)
		pids[i] = servers.at[i].pid;
	servers_end(&servers);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(kill(pids[i], 0), -1);
}

static void one_that_cannot_start(void **state)
{
	(void)state;
	ask_for("one");
	ask_for("fails");
	assert_int_equal(servers_start(&servers, &options, &error), -ECONNREFUSED);
	assert_non_null(strstr(error.text, "its server did not start"));
	assert_int_equal(servers.at[0].pid, 0);
	assert_int_equal(servers.count, 0);
}

/* The words of the server that listens, but the numbers of descriptors. */
static void ask_words(char text[256])
{
	int client = socket_connect(options.devices[0].socket, 5000, &error);

	assert_true(client >= 0);
	read_words(client, text);
	close(client);
}

/* Makes the server end, and waits until it has. */
static void let_die(void)
{
	siginfo_t info;
	char text[256];
	int client = socket_connect(options.devices[0].socket, 5000, &error);

	assert_true(client >= 0);
	read_words(client, text);
	assert_int_equal(write(client, "", 1), 1);
	assert_int_equal(waitid(P_PID, (id_t)servers.at[0].pid, &info, WEXITED | WNOWAIT), 0);
	close(client);
}

static void read_said(char text[4096])
{
	ssize_t length;

	sink_flush(&messages.sink);
	length = read(said[0], text, 4095);
	text[length > 0 ? length : 0] = '\0';
}

/* Whether a process ignores a signal. */
static bool ignores(pid_t pid, int number)
{
	unsigned long long ignored = 0;
	char path[64], line[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "SigIgn: %llx", &ignored) == 1)
			break;
	fclose(file);
	return ignored >> (number - 1) & 1;
}

static void starts_again(void **state)
{
	char text[4096];
	int client;
	pid_t before;

	(void)state;
	ask_for("dies");
	assert_int_equal(servers_start(&servers, &options, &error), 0);
	assert_true(ignores(servers.at[0].pid, SIGTTOU));
	assert_false(ignores(servers.at[0].pid, SIGTERM));
	servers_reap(&servers, 0, &messages);
	let_die();
	before = servers.at[0].pid;
	servers_reap(&servers, 1000, &messages);
	assert_int_not_equal(servers.at[0].pid, before);
	read_said(text);
	assert_non_null(strstr(text, "-disk d.img: its server ended with status 3; it is started again"));
	/* At the same socket. */
	client = socket_connect(options.devices[0].socket, 5000, &error);
	assert_true(client >= 0);
	read_words(client, text);
	assert_string_equal(text, "serve nvme dies --fd ");
	close(client);
	kill(servers.at[0].pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)servers.at[0].pid, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
	servers_reap(&servers, 2000, &messages);
	read_said(text);
	assert_non_null(strstr(text, "was killed by signal 9"));
	assert_true(servers.at[0].pid > 0);
}

/* Each server gets the file that the one before it had. */
static void state_is_kept(void **state)
{
	char text[256];
	struct stat before, after;
	unsigned number;

	(void)state;
	ask_for("dies");
	options.devices[0].served.keeps = true;
	assert_int_equal(servers_start(&servers, &options, &error), 0);
	assert_int_equal(fstat(servers.at[0].state, &before), 0);
	for (unsigned i = 0; i < 2; i++) {
		ask_words(text);
		assert_int_equal(sscanf(text, "serve nvme dies --state-fd %u --fd ", &number), 1);
		assert_int_equal(number, servers.at[0].state);
		let_die();
		servers_reap(&servers, 1000 + i, &messages);
		assert_int_equal(fstat((int)number, &after), 0);
		assert_int_equal(before.st_ino, after.st_ino);
		/* It is open in the server. */
		ask_words(text);
		snprintf(text, sizeof(text), "/proc/%d/fd/%u", servers.at[0].pid, number);
		assert_int_equal(stat(text, &after), 0);
		assert_int_equal(before.st_ino, after.st_ino);
	}
	servers_end(&servers);
	assert_int_equal(fstat((int)number, &after), -1);
}

static void is_given_up(void **state)
{
	char text[4096];

	(void)state;
	ask_for("dies");
	assert_int_equal(servers_start(&servers, &options, &error), 0);
	for (unsigned i = 0; i < DEATHS_MAX; i++) {
		let_die();
		servers_reap(&servers, 1000 + i, &messages);
		assert_true(servers.at[0].pid > 0);
	}
	/* After a while the count begins anew. */
	let_die();
	servers_reap(&servers, 1001 + DEATHS_MS, &messages);
	assert_int_equal(servers.at[0].deaths, 1);
	servers.at[0].deaths = DEATHS_MAX;
	read_said(text);
	let_die();
	servers_reap(&servers, 1002 + DEATHS_MS, &messages);
	assert_int_equal(servers.at[0].pid, 0);
	read_said(text);
	assert_non_null(strstr(text, "is not started again"));
	/* The name still stands for this socket, and for none that was opened since. */
	assert_int_equal(socket_connect(options.devices[0].socket, 100, &error), -ECONNREFUSED);
	assert_true(servers.at[0].place >= 0);
}

/* A keeper that is killed leaves no server behind. */
static void ends_with_the_keeper(void **state)
{
	int ready[2], status;
	pid_t keeper, server;
	struct pollfd over;

	(void)state;
	ask_for("one");
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	keeper = fork();
	if (!keeper) {
		if (servers_start(&servers, &options, &error))
			_exit(1);
		(void)!write(ready[1], &servers.at[0].pid, sizeof(server));
		pause();
	}
	assert_int_equal(read(ready[0], &server, sizeof(server)), sizeof(server));
	over = (struct pollfd){.fd = pidfd_open(server, 0), .events = POLLIN};
	assert_true(over.fd >= 0);
	kill(keeper, SIGKILL);
	assert_int_equal(waitpid(keeper, &status, 0), keeper);
	assert_int_equal(poll(&over, 1, 60000), 1);
	close(over.fd);
	close(ready[0]);
	close(ready[1]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		TEST(starts_and_ends), TEST(one_that_cannot_start), TEST(starts_again),
		TEST(state_is_kept),   TEST(is_given_up),           TEST(ends_with_the_keeper),
	};

	if (argc > 1 && !strcmp(argv[1], "serve"))
		return serve(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
