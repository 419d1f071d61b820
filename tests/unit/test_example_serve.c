/* SPDX-License-Identifier: MIT */
/* The example of a device: a client reads it, maps memory, and gets its interrupt. */
int example_main(int argc, char **argv);
#define main example_main
#include "examples/serve-counter.c"
#undef main

#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/wire_peer.h"

/* The example has no word that it listens: its socket is there when it does. */
static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strcpy(address.sun_path, path);
	for (unsigned waited = 0; waited < 1000; waited++) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		if (!connect(fd, (const struct sockaddr *)&address, sizeof(address)))
			return fd;
		close(fd);
		usleep(10000);
	}
	return -1;
}

static void a_device_in_a_hundred_lines(void **state)
{
	char path[] = "/tmp/lend-test-example-XXXXXX", *argv[] = {"serve-counter", path, NULL};
	int memory, event = eventfd(0, 0);
	struct wire_peer peer;
	uint32_t copied = 0;
	uint64_t signals = 0;
	pid_t pid;

	(void)state;
	close(mkstemp(path));
	unlink(path);
	pid = fork();
	if (!pid)
		_exit(example_main(2, argv));
	peer_begin(&peer, connect_to(path));
	memory = memfd_create("lend-test", 0);
	assert_int_equal(ftruncate(memory, 0x1000), 0);
	assert_int_equal(peer_version(&peer, 0, 2, wire_peer_text), 0);
	assert_int_equal(peer_read32(&peer, LEND_REGION_CONFIG, 0), 0x1e4d1234);
	assert_int_equal(peer_read32(&peer, 0, COUNTER), 0);
	assert_int_equal(peer_read32(&peer, 0, COUNTER), 1);
	assert_int_equal(peer_map(&peer, 0x1000, 0x1000, 3, memory, 0), 0);
	assert_int_equal(
		peer_set_irqs(&peer, LEND_IRQ_MSIX, WIRE_IRQS_EVENTFD | WIRE_IRQS_TRIGGER, 0, 1, &event, 1),
		0);
	assert_int_equal(peer_write32(&peer, 0, ADDRESS, 0x1010), 0);
	assert_int_equal(peer_write32(&peer, 0, COPY, 1), 0);
	assert_int_equal(read(event, &signals, sizeof(signals)), sizeof(signals));
	assert_int_equal(pread(memory, &copied, sizeof(copied), 0x10), sizeof(copied));
	assert_true(signals == 1 && copied == 2);
	peer_end(&peer);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	unlink(path);
	close(memory);
	close(event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_device_in_a_hundred_lines)};

	return cmocka_run_group_tests_name("example_serve", tests, NULL, NULL);
}
