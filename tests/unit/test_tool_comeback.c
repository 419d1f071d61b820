/* SPDX-License-Identifier: MIT */
/* The keeper looks for servers that are gone, and hands connections to the machine. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "tool/clean.c"
#include "tool/run/comeback.c"
#include "tool/run/control.c"
#include "tool/run/socket.c"
#include "tool/say.c"

static struct run_device devices[2];
static struct comeback comeback;
static int control[2]; /* the keeper's end, and the machine's */
static int listener;

static int setup(void **state)
{
	(void)state;
	memset(devices, 0, sizeof(devices));
	for (int i = 0; i < 2; i++) {
		devices[i].user = true;
		snprintf(devices[i].socket, sizeof(devices[i].socket), "/tmp/lend-test-back-%d-%d", getpid(),
			 i);
	}
	devices[1].reconnect_s = 5;
	comeback = (struct comeback){.devices = devices, .count = 2};
	assert_int_equal(control_pair(control), 0);
	listener = -1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(control[0]);
	close(control[1]);
	if (listener >= 0)
		close(listener);
	unlink(devices[1].socket);
	return 0;
}

static void listen_again(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strcpy(address.sun_path, devices[1].socket);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 1), 0);
}

static void expect(int ret, enum control_type type, int *server)
{
	struct control_message message;
	struct control_extras extras;

	assert_int_equal(control_receive_extras(control[1], &message, &extras), ret);
	*server = extras.fd_count == 1 ? extras.fds[0] : -1;
	if (ret == 1) {
		assert_int_equal(message.type, type);
		assert_int_equal(message.value, 1);
	}
}

static void a_server_that_returns(void **state)
{
	int server, client;
	char byte;

	(void)state;
	assert_int_equal(comeback_wait(&comeback, 1000), -1);
	comeback_lost(&comeback, 1, 1000);
	assert_int_equal(comeback_wait(&comeback, 1000), 0);
	comeback_tick(&comeback, 1000, control[0]);
	expect(-EAGAIN, CONTROL_SERVER, &server);
	/* Once a second. */
	assert_int_equal(comeback_wait(&comeback, 1200), 800);
	listen_again();
	comeback_tick(&comeback, 1200, control[0]);
	expect(-EAGAIN, CONTROL_SERVER, &server);
	comeback_tick(&comeback, 2000, control[0]);
	expect(1, CONTROL_SERVER, &server);
	assert_true(fcntl(server, F_GETFD) & FD_CLOEXEC);
	client = accept(listener, NULL, NULL);
	assert_int_equal(write(client, "x", 1), 1);
	assert_int_equal(read(server, &byte, 1), 1);
	close(server);
	close(client);
	/* The machine tries it, and says then what came of it. */
	assert_int_equal(comeback_wait(&comeback, 3000), -1);
	comeback_lost(&comeback, 1, 3000);
	assert_int_equal(comeback_wait(&comeback, 3000), 1000);
	comeback_found(&comeback, 1);
	assert_int_equal(comeback_wait(&comeback, 9000), -1);
}

static void a_server_that_does_not(void **state)
{
	int server;

	(void)state;
	comeback_lost(&comeback, 1, 1000);
	for (uint64_t now = 1000; now < 6000; now += 1000) {
		comeback_tick(&comeback, now, control[0]);
		comeback_lost(&comeback, 1, now); /* a machine that repeats itself gets no longer wait */
		expect(-EAGAIN, CONTROL_NONE, &server);
	}
	comeback_tick(&comeback, 6000, control[0]);
	expect(1, CONTROL_NONE, &server);
	assert_int_equal(server, -1);
	assert_int_equal(comeback_wait(&comeback, 6000), -1);
}

/* It takes each connection, and fails the session: that has an end, too. */
static void a_server_that_is_of_no_use(void **state)
{
	int server;

	(void)state;
	listen_again();
	comeback_lost(&comeback, 1, 1000);
	for (uint64_t now = 1000; now <= 6000; now += 1000) {
		comeback_tick(&comeback, now, control[0]);
		expect(1, CONTROL_SERVER, &server);
		close(accept(listener, NULL, NULL));
		close(server);
		comeback_lost(&comeback, 1, now);
		assert_int_equal(comeback_wait(&comeback, now), 1000);
	}
	comeback_tick(&comeback, 7000, control[0]);
	expect(1, CONTROL_NONE, &server);
	assert_int_equal(comeback_wait(&comeback, 7000), -1);
}

/* It is the device, and ends as soon as that goes on. */
static void a_server_that_goes_at_once(void **state)
{
	int server;

	(void)state;
	listen_again();
	comeback_lost(&comeback, 1, 1000);
	comeback_tick(&comeback, 1000, control[0]);
	expect(1, CONTROL_SERVER, &server);
	close(server);
	comeback_found(&comeback, 1);
	comeback_lost(&comeback, 1, 1010);
	assert_int_equal(comeback_wait(&comeback, 1010), 990);
	comeback_found(&comeback, 1);
	comeback_lost(&comeback, 1, 5000);
	assert_int_equal(comeback_wait(&comeback, 5000), 0);
}

/* A machine can say what it wants: nothing is looked for that the user did not ask for. */
static void what_was_not_asked_for(void **state)
{
	(void)state;
	comeback_lost(&comeback, 0, 1000);
	comeback_lost(&comeback, 2, 1000);
	comeback_lost(&comeback, UINT32_MAX, 1000);
	comeback_found(&comeback, UINT32_MAX);
	assert_int_equal(comeback_wait(&comeback, 1000), -1);
}

/* A descriptor with a message that has none is the receiver's; the keeper takes none at all. */
static void descriptors_of_messages(void **state)
{
	struct control_message message;
	struct control_extras extras;
	int server;

	(void)state;
	assert_int_equal(control_send_server(control[0], VMM_DEVICES_MAX, 2), 0);
	assert_int_equal(control_receive_extras(control[1], &message, &extras), -EPROTO);
	assert_int_equal(extras.fd_count, 1);
	server = extras.fds[0];
	control_close_extras(&extras);
	assert_int_equal(extras.fd_count, 0);
	assert_int_equal(control_send_server(control[1], 1, 2), 0);
	assert_int_equal(control_receive(control[0], &message), 1);
	assert_int_equal(dup(2), server); /* nothing came */
	close(server);
	assert_int_equal(control_send_device(control[1], CONTROL_LOST, 1), 0);
	assert_int_equal(control_receive(control[0], &message), 1);
	assert_int_equal(message.type, CONTROL_LOST);
	assert_int_equal(message.value, 1);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(a_server_that_returns),      test(a_server_that_does_not),
		test(a_server_that_is_of_no_use), test(a_server_that_goes_at_once),
		test(what_was_not_asked_for),     test(descriptors_of_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
