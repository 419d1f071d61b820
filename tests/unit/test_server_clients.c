/* SPDX-License-Identifier: MIT */
/* Clients come and go: one at a time, killed, within a message; and where a server listens. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/rounds.h"
#include "tests/unit/server_stage.h"

static bool memory_is_short;

/* In place of libc's: what is not watched yet needs memory. */
int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
	if (memory_is_short && operation == EPOLL_CTL_ADD) {
		errno = ENOMEM;
		return -1;
	}
	return (int)syscall(SYS_epoll_ctl, epoll, operation, fd, event);
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	connect(fd, (const struct sockaddr *)&address, sizeof(address));
	return fd;
}

/* Does what a client does, for ever. */
static void be_a_client(int fd, int memory)
{
	struct wire_peer peer;

	peer_begin(&peer, fd);
	peer_version(&peer, 0, 2, wire_peer_text);
	for (uint64_t i = 0;; i++) {
		const uint64_t at = i % 64 << 12;

		peer_map(&peer, at, 0x1000, 3, memory, 0);
		peer_set_irqs(&peer, LEND_IRQ_MSIX, WIRE_IRQS_EVENTFD | WIRE_IRQS_TRIGGER, i % 8, 1, &memory,
			      1);
		peer_write32(&peer, STAGE_REGISTERS, 0, (uint32_t)i);
		if (i % 2)
			peer_unmap(&peer, at, 0x1000, 0);
	}
}

static void a_client_that_is_killed(void **state)
{
	struct server_stage *stage = *state;
	const unsigned times = rounds(100, 10000);
	char path[64];
	unsigned fds;

	snprintf(path, sizeof(path), "/tmp/lend-test-server-%d", getpid());
	peer_end(&stage->peer);
	stage_work(stage);
	fds = open_fds();
	for (unsigned i = 0; i < times; i++) {
		unsigned lost = stage->lost;
		pid_t pid = fork();

		if (!pid)
			be_a_client(connect_to(path), stage->memory);
		for (unsigned j = 0; j < 3 + i % 100; j++) {
			struct pollfd ready = {lend_server_fd(stage->server), POLLIN, 0};

			assert_int_equal(poll(&ready, 1, 60000), 1);
			lend_server_work(stage->server);
		}
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		stage_work(stage);
		assert_in_range(stage->lost, lost, lost + 1);
		assert_int_equal(stage->maps, stage->unmaps);
		assert_int_equal(open_fds(), fds);
	}
	assert_true(stage->lost > times / 5 * 4 && stage->maps > times);
	stage_connect(stage);
	assert_int_equal(peer_version(&stage->peer, 0, 0, NULL), 0);
}

/* The first half of a message, and then nothing: at each byte of it. */
static void a_client_that_goes_within_a_message(void **state)
{
	struct server_stage *stage = *state;
	struct {
		struct wire_header header;
		struct wire_dma_map map;
	} map = {{1, WIRE_DMA_MAP, sizeof(map), 0, 0}, {32, 3, 0, 0x10000, 0x1000}};
	unsigned fds = open_fds();

	for (size_t length = 0; length <= sizeof(map); length++) {
		unsigned lost = stage->lost;

		assert_int_equal(peer_map(&stage->peer, 0, 0x1000, 3, stage->memory, 0), 0);
		if (length)
			peer_raw(&stage->peer, &map, length, &stage->memory, 1);
		stage_work(stage);
		stage_connect(stage);
		stage_work(stage);
		assert_int_equal(stage->lost, lost + 1);
		assert_int_equal(stage->maps, stage->unmaps);
		assert_int_equal(peer_version(&stage->peer, 0, 0, wire_peer_text), 0);
		assert_int_equal(open_fds(), fds);
	}
}

/* The next one waits in the queue, and is served when the first one is gone. */
static void one_client_at_a_time(void **state)
{
	struct server_stage *stage = *state;
	struct wire_peer first = stage->peer;
	struct wire_version version = {0, 0};

	stage->peer.fd = -1;
	stage->peer.reader = (struct wire_reader){0};
	stage_connect(stage);
	peer_send(&stage->peer, WIRE_VERSION, 0, &version, sizeof(version), NULL, 0);
	stage_work(stage);
	assert_int_equal(recv(stage->peer.fd, &version, sizeof(version), MSG_DONTWAIT), -1);
	assert_int_equal(peer_read32(&first, LEND_REGION_CONFIG, 0), 0x56781234);
	peer_end(&first);
	assert_int_equal(peer_reply(&stage->peer, WIRE_VERSION, 0), 0);
	stage_is_in_step(stage, open_fds());
}

static void connected_socket_has_one_client(void **state)
{
	struct server_stage *stage = *state;
	struct lend_server *server;
	struct lend_error error;
	struct epoll_event none = {0};
	struct wire_peer peer;
	int pair[2];

	assert_int_equal(lend_server_new(stage->context, &stage->device, &server, &error), 0);
	assert_int_equal(lend_server_take(server, stage->memory, &error), -ENOTSOCK);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	assert_int_equal(lend_server_take(server, pair[0], &error), -EINVAL);
	close(pair[0]);
	close(pair[1]);
	pair[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(lend_server_take(server, pair[0], &error), -ENOTCONN);
	close(pair[0]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	/* What cannot be waited for stays the caller's, as what is no such socket does. */
	assert_int_equal(epoll_ctl(lend_server_fd(server), EPOLL_CTL_ADD, pair[0], &none), 0);
	assert_int_equal(lend_server_take(server, pair[0], &error), -EEXIST);
	assert_non_null(strstr(error.text, "cannot be waited for"));
	assert_int_equal(epoll_ctl(lend_server_fd(server), EPOLL_CTL_DEL, pair[0], NULL), 0);
	assert_int_equal(lend_server_take(server, pair[0], &error), 0);
	assert_int_equal(lend_server_listen(server, "/tmp/lend-test-none", &error), -EINVAL);
	peer_begin(&peer, pair[1]);
	assert_int_equal(lend_server_work(server), 0);
	peer_end(&peer);
	assert_int_equal(lend_server_work(server), -ESHUTDOWN);
	assert_int_equal(lend_server_work(server), -ESHUTDOWN);
	lend_server_free(server);
}

/* A socket is left alone where it is somebody's, and where that cannot be told. */
static void in_use_and_unknown(struct lend_server *server, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct lend_error error;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool root = !geteuid();

	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(lend_server_listen(server, path, &error), -EADDRINUSE);
	close(fd);
	/* An old one of another user. */
	assert_int_equal(chmod(path, 0), 0);
	assert_int_equal(root ? seteuid(65534) : 0, 0);
	assert_int_equal(lend_server_listen(server, path, &error), -EACCES);
	assert_int_equal(root ? seteuid(0) : 0, 0);
	assert_non_null(strstr(error.text, "cannot be told"));
	assert_int_equal(unlink(path), 0);
}

static void sockets_at_a_path(void **state)
{
	struct server_stage *stage = *state;
	char path[64], longer[200];
	struct lend_server *server;
	struct lend_error error;
	FILE *file;

	snprintf(path, sizeof(path), "/tmp/lend-test-server-%d", getpid());
	assert_int_equal(lend_server_new(stage->context, &stage->device, &server, &error), 0);
	assert_int_equal(lend_server_listen(server, path, &error), -EADDRINUSE);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	assert_int_equal(lend_server_listen(server, longer, &error), -ENAMETOOLONG);
	snprintf(path, sizeof(path), "/tmp/lend-test-server-b-%d", getpid());
	file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(lend_server_listen(server, path, &error), -EEXIST);
	unlink(path);
	in_use_and_unknown(server, path);
	/* One that was left behind by a server that died. */
	assert_int_equal(lend_server_listen(server, path, &error), 0);
	file = NULL;
	snprintf(longer, sizeof(longer), "%s.old", path);
	assert_int_equal(rename(path, longer), 0);
	lend_server_free(server);
	assert_int_equal(rename(longer, path), 0);
	assert_int_equal(lend_server_new(stage->context, &stage->device, &server, &error), 0);
	assert_int_equal(lend_server_listen(server, path, &error), 0);
	lend_server_free(server);
	assert_int_not_equal(access(path, F_OK), 0);
}

/* The client waits, and the server is not woken by it for ever. It is served when there is room. */
static void a_client_without_a_descriptor(void **state)
{
	struct server_stage *stage = *state;
	struct pollfd ready = {.fd = lend_server_fd(stage->server), .events = POLLIN};
	struct timespec began, woken;
	struct rlimit before, now;
	char path[64];
	int fd, probe;

	snprintf(path, sizeof(path), "/tmp/lend-test-server-%d", getpid());
	peer_end(&stage->peer);
	stage_work(stage);
	fd = connect_to(path);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	now = before;
	probe = dup(fd);
	close(probe);
	now.rlim_cur = (rlim_t)probe; /* the lowest that is free */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	assert_int_equal(poll(&ready, 1, 0), 1);
	clock_gettime(CLOCK_MONOTONIC, &began);
	lend_server_work(stage->server);
	assert_int_equal(poll(&ready, 1, 60000), 1);
	clock_gettime(CLOCK_MONOTONIC, &woken);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_true((woken.tv_sec - began.tv_sec) * 1000 + (woken.tv_nsec - began.tv_nsec) / 1000000 > 400);
	stage_take(stage, fd);
	assert_int_equal(peer_version(&stage->peer, 0, 2, wire_peer_text), 0);
	stage_is_in_step(stage, open_fds());
}

/* The end of a session leaves nothing to be done that can fail: the next client is heard. */
static void a_client_goes_when_memory_is_short(void **state)
{
	struct server_stage *stage = *state;
	struct pollfd ready = {.fd = lend_server_fd(stage->server), .events = POLLIN};
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/tmp/lend-test-server-%d", getpid());
	peer_end(&stage->peer);
	memory_is_short = true;
	stage_work(stage);
	memory_is_short = false;
	fd = connect_to(path);
	assert_int_equal(poll(&ready, 1, 10000), 1);
	stage_take(stage, fd);
	assert_int_equal(peer_version(&stage->peer, 0, 2, wire_peer_text), 0);
	stage_is_in_step(stage, open_fds());
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_client_that_goes_within_a_message),
		CASE(a_client_that_is_killed),
		CASE(one_client_at_a_time),
		CASE(connected_socket_has_one_client),
		CASE(sockets_at_a_path),
		CASE(a_client_without_a_descriptor),
		CASE(a_client_goes_when_memory_is_short),
	};

	return cmocka_run_group_tests_name("server_clients", tests, NULL, NULL);
}
