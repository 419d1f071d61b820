/* SPDX-License-Identifier: MIT */
/*
 * One region read of 4 bytes through the library's client and its server, each in a
 * process of its own, to a bare request and reply of the same sizes over a Unix socket
 * between two processes: medians of turns that alternate.
 *
 *   round-trip [TURNS] [READS A TURN]
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/turns.h"
#include "lend/context.h"
#include "lend/host_ops.h"
#include "lend/server.h"
#include "lend/space.h"
#include "lib/open/device.h"

/* Bytes of a read's messages: header and request, and the data after them. */
enum { REQUEST = 32, REPLY = 36, TURNS_MAX = 1001 };

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "round-trip: %s\n", what);
	exit(1);
}

static int answer(void *dev, unsigned region, uint64_t offset, void *data, unsigned length)
{
	(void)dev, (void)region, (void)offset;
	memset(data, 1, length);
	return (int)length;
}

static const struct lend_server_ops ops = {.size = sizeof(ops), .read = answer};
static const struct lend_server_config config = {.vendor = 0x1234, .device = 1, .class_code = 0xff0000};

static void serve(int socket)
{
	const struct lend_server_device device = {.size = sizeof(device),
						  .regions = {{.size = 4096, .readable = true}},
						  .config = &config,
						  .ops = &ops};
	struct lend_context *context;
	struct lend_server *server;

	if (lend_context_new(NULL, &context) || lend_server_new(context, &device, &server, NULL) ||
	    lend_server_take(server, socket, NULL))
		fail("cannot serve");
	for (;;) {
		struct pollfd ready = {.fd = lend_server_fd(server), .events = POLLIN};

		poll(&ready, 1, -1);
		if (lend_server_work(server))
			exit(0);
	}
}

/* What any server does at the least: it waits, reads a request, and writes the reply. */
static void echo(int socket)
{
	char bytes[REPLY] = {0};

	for (;;) {
		struct pollfd ready = {.fd = socket, .events = POLLIN};

		poll(&ready, 1, -1);
		if (recv(socket, bytes, REQUEST, 0) != REQUEST)
			exit(0);
		if (send(socket, bytes, REPLY, MSG_NOSIGNAL) != REPLY)
			exit(0);
	}
}

static int start(void (*other)(int socket))
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		fail("no sockets");
	if (!fork()) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		other(pair[1]);
	}
	close(pair[1]);
	return pair[0];
}

static struct lend_device *open_device(int socket)
{
	static const struct lend_host_ops none = {.size = sizeof(none)};
	struct lend_device_config from = LEND_DEVICE_CONFIG_INIT;
	struct lend_context *context;
	struct lend_space *space;
	struct lend_device *device;
	struct lend_error error = {"out of memory"};

	from.socket_fd = socket;
	if (lend_context_new(NULL, &context) || lend_space_new(context, &none, NULL, &space) ||
	    lend_device_open_with(space, &from, &device, &error))
		fail(error.text);
	return device;
}

static double bare_turn(int socket, unsigned reads)
{
	char bytes[REPLY] = {0};
	double from = now();

	for (unsigned i = 0; i < reads; i++) {
		struct pollfd ready = {.fd = socket, .events = POLLIN};

		if (send(socket, bytes, REQUEST, MSG_NOSIGNAL) != REQUEST || poll(&ready, 1, -1) != 1 ||
		    recv(socket, bytes, REPLY, 0) != REPLY)
			fail("the bare peer is gone");
	}
	return (now() - from) / reads;
}

static double library_turn(struct lend_device *device, unsigned reads)
{
	double from = now();
	uint32_t value;

	for (unsigned i = 0; i < reads; i++)
		if (device_read(device, 0, 0, &value, sizeof(value)))
			fail("the server is gone");
	return (now() - from) / reads;
}

int main(int argc, char **argv)
{
	unsigned turns = argc > 1 ? (unsigned)atoi(argv[1]) : 21;
	unsigned reads = argc > 2 ? (unsigned)atoi(argv[2]) : 20000;
	static double bare[TURNS_MAX], library[TURNS_MAX];
	int peer = start(echo);
	struct lend_device *device = open_device(start(serve));

	if (!turns || turns > TURNS_MAX || !reads)
		fail("usage: round-trip [TURNS] [READS A TURN]");
	for (unsigned i = 0; i < turns; i++) {
		bare[i] = bare_turn(peer, reads);
		library[i] = library_turn(device, reads);
	}
	printf("bare %.2f us, library %.2f us: ratio %.2f\n", median(bare, turns), median(library, turns),
	       median(library, turns) / median(bare, turns));
	return 0;
}
