/* SPDX-License-Identifier: MIT */
/* The files of a run, opened before anything else, and its counters as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "tool/run/files.c"
#include "tool/run/descriptors.c"
#include "tool/run/firmware.c"
#include "tool/run/messages.c"
#include "tool/run/ring.c"
#include "tool/run/servers.c"
#include "tool/run/sink.c"
#include "tool/run/socket.c"
#include "tool/run/spawn.c"
#include "tool/run/store.c"
#include "tool/run/stats.c"
#include "tool/run/whole_file.c"
#include "tool/clean.c"
#include "tool/say.c"

struct stage {
	char root[64];
	struct run_options options;
	struct lend_error error;
};

static void put(const struct stage *stage, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", stage->root, name);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int setup(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	assert_non_null(stage);
	strcpy(stage->root, "/tmp/lend-test-file-XXXXXX");
	assert_non_null(mkdtemp(stage->root));
	*state = stage;
	return 0;
}

static int teardown(void **state)
{
	struct stage *stage = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", stage->root);
	assert_int_equal(system(command), 0);
	free(stage);
	return 0;
}

static void files_are_looked_at(void **state)
{
	struct stage *stage = *state;
	char kernel[128], output[128], text[32] = "";
	struct files files;

	snprintf(kernel, sizeof(kernel), "%s/kernel", stage->root);
	snprintf(output, sizeof(output), "%s/out", stage->root);
	stage->options.kernel = kernel;
	assert_int_equal(files_open(&stage->options, &files, &stage->error), -ENOENT);
	assert_non_null(strstr(stage->error.text, kernel));
	put(stage, "kernel", "");
	assert_int_equal(files_open(&stage->options, &files, &stage->error), -ENOEXEC);
	assert_non_null(strstr(stage->error.text, "empty"));
	put(stage, "kernel", "x");
	stage->options.initrd = stage->root;
	assert_int_equal(files_open(&stage->options, &files, &stage->error), -ENOEXEC);
	assert_non_null(strstr(stage->error.text, "initrd"));
	assert_non_null(strstr(stage->error.text, "not a regular file"));
	assert_int_equal(files.kernel, -1);
	unlink(kernel);
	assert_int_equal(mkfifo(kernel, 0600), 0);
	assert_int_equal(files_open(&stage->options, &files, &stage->error), -ENOEXEC);
	unlink(kernel);
	put(stage, "kernel", "x");
	put(stage, "out", "kept");
	stage->options.initrd = NULL;
	stage->options.serial = SERIAL_FILE;
	stage->options.serial_path = output;
	stage->options.stats = "/nonexistent/stats";
	assert_int_equal(files_open(&stage->options, &files, &stage->error), -ENOENT);
	assert_non_null(strstr(stage->error.text, "--stats"));
	stage->options.stats = NULL;
	assert_int_equal(files_open(&stage->options, &files, &stage->error), 0);
	files_close(&stage->options, &files);
	files.kernel = open(output, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(files.kernel, text, sizeof(text)), 4);
	close(files.kernel);
}

static void socket_is_removed(void **state)
{
	struct stage *stage = *state;
	char kernel[128], path[128];
	struct files files;
	struct stat st;

	put(stage, "kernel", "x");
	snprintf(kernel, sizeof(kernel), "%s/kernel", stage->root);
	snprintf(path, sizeof(path), "%s/socket", stage->root);
	stage->options.kernel = kernel;
	stage->options.serial = SERIAL_UNIX;
	stage->options.serial_path = path;
	assert_int_equal(files_open(&stage->options, &files, &stage->error), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	files_close(&stage->options, &files);
	assert_int_equal(stat(path, &st), -1);
	/* A file that is not a socket is nobody's to replace. */
	put(stage, "socket", "mine");
	assert_int_equal(files_open(&stage->options, &files, &stage->error), -EADDRINUSE);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 4);
}

/* A broker, in a process of its own, that hands out `fd` to one client, `count` times in one message. */
static void start_broker(const char *path, int fd, unsigned count)
{
	enum { MOST = 3 };
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), client;
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(MOST * sizeof(int))];
	} control = {.header = {CMSG_LEN(count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct iovec data = {(char *)(uintptr_t) "x", 1};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
	pid_t pid;

	strcpy(address.sun_path, path);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 1), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid) {
		close(listener);
		return;
	}
	client = accept(listener, NULL, NULL);
	for (unsigned i = 0; i < count; i++)
		memcpy(CMSG_DATA(&control.header) + i * sizeof(fd), &fd, sizeof(fd));
	if (count) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(fd));
	}
	_exit(sendmsg(client, &message, 0) == 1 ? 0 : 1);
}

static int open_fds(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void devices_are_taken(void **state)
{
	struct stage *stage = *state;
	struct run_device *device = &stage->options.devices[0];
	char kernel[128];
	struct files files;
	struct stat ours, theirs;
	int status, pipes[2];

	snprintf(kernel, sizeof(kernel), "%s/kernel", stage->root);
	put(stage, "kernel", "x");
	stage->options.kernel = kernel;
	stage->options.device_count = 1;
	device->fd = 999;
	assert_int_equal(files_open(&stage->options, &files, &stage->error), -EBADF);
	assert_non_null(strstr(stage->error.text, "fd=999"));
	assert_int_equal(pipe(pipes), 0);
	device->fd = -1;
	snprintf(device->fd_socket, sizeof(device->fd_socket), "%s/broker", stage->root);
	assert_int_equal(files_open(&stage->options, &files, &stage->error), -ENOENT);
	assert_non_null(strstr(stage->error.text, device->fd_socket));
	start_broker(device->fd_socket, pipes[0], 1);
	assert_int_equal(files_open(&stage->options, &files, &stage->error), 0);
	assert_int_equal(fstat(pipes[0], &ours), 0);
	assert_int_equal(fstat(files.devices[0], &theirs), 0);
	assert_int_equal(ours.st_ino, theirs.st_ino);
	files_close(&stage->options, &files);
	assert_int_equal(files.devices[0], -1);
	assert_true(wait(&status) > 0 && !status);
	unlink(device->fd_socket);
	/* Those that hand out nothing, or more than one, of which none stays open. */
	for (unsigned count = 0; count <= 3; count += count ? 1 : 2) {
		int open_before = open_fds();

		start_broker(device->fd_socket, pipes[0], count);
		assert_int_equal(files_open(&stage->options, &files, &stage->error), -ENOMSG);
		assert_non_null(strstr(stage->error.text, "did not hand out one descriptor"));
		assert_int_equal(open_fds(), open_before);
		assert_true(wait(&status) > 0 && !status);
		unlink(device->fd_socket);
	}
	close(pipes[0]);
	close(pipes[1]);
}

/* A server that takes no client, with its backlog full, and one that sends nothing: neither is waited for
 * long. */
static void a_silent_server_is_not_waited_for(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stage *stage = *state;
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), client, clients = 0, fds[8];

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/broker", stage->root);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 0), 0);
	alarm(300);
	assert_int_equal(socket_take_fd(address.sun_path, 20, &stage->error), -ETIMEDOUT);
	assert_non_null(strstr(stage->error.text, "did not hand out a device in time"));
	/* What was given up takes its place in the backlog all the same: fill it up. */
	do {
		client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		fds[clients++] = client;
	} while (clients < 8 && !connect(client, (struct sockaddr *)&address, sizeof(address)));
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(socket_take_fd(address.sun_path, 20, &stage->error), -ETIMEDOUT);
	alarm(0);
	while (clients)
		close(fds[--clients]);
	close(listener);
}

/* The keeper connects to the server of a device; the machine gets the connection. */
static void servers_are_connected_to(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stage *stage = *state;
	struct run_device *device = &stage->options.devices[0];
	char kernel[128];
	struct files files;
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), client;

	snprintf(kernel, sizeof(kernel), "%s/kernel", stage->root);
	put(stage, "kernel", "x");
	stage->options.kernel = kernel;
	stage->options.device_count = 1;
	*device = (struct run_device){.user = true, .fd = -1, .reply_ms = 20};
	snprintf(device->socket, sizeof(device->socket), "%s/server", stage->root);
	assert_int_equal(files_open(&stage->options, &files, &stage->error), -ENOENT);
	assert_non_null(strstr(stage->error.text, "no server listens there"));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/server", stage->root);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(files_open(&stage->options, &files, &stage->error), 0);
	client = accept(listener, NULL, NULL);
	assert_int_equal(write(client, "x", 1), 1);
	assert_int_equal(read(files.devices[0], kernel, 1), 1);
	/* Another client waits already: ours would never be served. */
	client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(socket_connect(device->socket, 20, &stage->error), -EAGAIN);
	assert_non_null(strstr(stage->error.text, "another client"));
	files_close(&stage->options, &files);
	close(client);
	close(listener);
	unlink(address.sun_path);
}

static void counters_as_json(void **state)
{
	struct keeper_result result = {.status = TOOL_OK, .said = true, .end.value = VMM_END_REBOOT};
	struct stage *stage = *state;
	static const char start[] = "{\n  \"end\": \"reboot\",\n  \"status\": 0,\n";
	char path[128], text[2048];
	ssize_t length;
	int fd;

	put(stage, "stats",
	    "something longer from before that must not show through; something longer from before "
	    "that must not show through; something longer from before that must not show through");
	snprintf(path, sizeof(path), "%s/stats", stage->root);
	fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
	assert_true(fd >= 0);
	result.end.stats.exits = INT64_MAX;
	result.end.stats.flash = 5;
	result.end.stats.flash_slots = 6;
	result.end.stats.ports[0].port = 0x608;
	result.end.stats.ports[0].count = 4;
	result.end.stats.ports[1].port = 0x70;
	result.end.stats.ports[1].count = 3;
	result.end.stats.port_count = 2;
	result.end.stats.device_count = 1;
	strcpy(result.end.stats.devices[0].name, "0000:05:00.0");
	result.end.stats.devices[0].backend = LEND_BACKEND_IOMMUFD;
	assert_int_equal(stats_write(fd, &result), 0);
	length = pread(fd, text, sizeof(text) - 1, 0);
	assert_true(length > 0);
	text[length] = '\0';
	assert_int_equal(strncmp(text, start, strlen(start)), 0);
	assert_non_null(strstr(text, "\"exits\": 9223372036854775807,\n"));
	assert_non_null(strstr(text, "\"flash\": 5,\n  \"flash_slots\": 6,\n"));
	assert_non_null(strstr(text, "\"port\": {\n    \"0x608\": 4,\n    \"0x70\": 3\n  }\n}\n"));
	assert_non_null(strstr(text, "\"name\": \"0000:05:00.0\",\n      \"backend\": \"iommufd\"\n"));
	assert_null(strstr(text, "before"));
	result = (struct keeper_result){.status = TOOL_FAILED};
	assert_int_equal(stats_write(fd, &result), 0);
	length = pread(fd, text, sizeof(text) - 1, 0);
	text[length] = '\0';
	assert_non_null(strstr(text, "\"end\": \"killed\",\n  \"status\": 1,\n"));
	assert_non_null(strstr(text, "\"port\": {}\n}\n"));
	close(fd);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(files_are_looked_at), CASE(socket_is_removed),
		CASE(devices_are_taken),   CASE(a_silent_server_is_not_waited_for),
		CASE(counters_as_json),    CASE(servers_are_connected_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
