/* SPDX-License-Identifier: MIT */
/* Our client and our server (lend/server.h) with each other: a device of software, as a guest uses it. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lend/server.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/user_peer.h"

/* BAR 0 has registers, BAR 2 is memory of which a half is mapped. */
enum {
	BAR_SIZE = 0x4000,
	TABLE = 0x2000,
	PENDING = 0x3000,
	FROM = 0,
	TO = 8,
	COPY = 16,
	RAISE = 20,
	LINE = 24
};

static struct {
	struct lend_context *context;
	struct lend_server *server;
	pthread_t thread;
	int wake, memory;
	char path[64];
	uint8_t bytes[32]; /* the registers */
	bool copy;
	int copied; /* result of the copy that was made last */
	unsigned resets, lost, maps, unmaps;
} served;

static struct user_monitor monitor;

static int server_read(void *dev, unsigned region, uint64_t offset, void *data, unsigned length)
{
	(void)dev;
	memset(data, 0, length);
	if (!region && offset + length <= sizeof(served.bytes))
		memcpy(data, served.bytes + offset, length);
	if (region == 2 && pread(served.memory, data, length, (off_t)offset) < 0)
		return -EIO;
	return (int)length;
}

static int server_write(void *dev, unsigned region, uint64_t offset, const void *data, unsigned length)
{
	uint32_t value = 0;

	(void)dev;
	memcpy(&value, data, length < 4 ? length : 4);
	if (!region && offset + length <= sizeof(served.bytes))
		memcpy(served.bytes + offset, data, length);
	if (region)
		return (int)length;
	served.copy |= offset == COPY;
	if (offset == RAISE)
		lend_server_signal(served.server, value);
	if (offset == LINE)
		lend_server_line(served.server, value);
	return (int)length;
}

static int server_reset(void *dev, enum lend_server_why why)
{
	(void)dev;
	served.resets += why == LEND_SERVER_ASKED;
	served.lost += why == LEND_SERVER_LOST;
	memset(served.bytes, 0, sizeof(served.bytes));
	return 0;
}

static int server_map(void *dev, const struct lend_domain_map *map)
{
	(void)dev, (void)map;
	served.maps++;
	return 0;
}

static void server_unmap(void *dev, lend_iova_t iova, uint64_t length)
{
	(void)dev, (void)iova, (void)length;
	served.unmaps++;
}

/* Copies as many bytes as COPY says, outside of any slot. */
static void work(void)
{
	uint8_t data[4096];
	uint64_t from, to;
	uint32_t length;

	if (!served.copy)
		return;
	served.copy = false;
	memcpy(&from, served.bytes + FROM, 8);
	memcpy(&to, served.bytes + TO, 8);
	memcpy(&length, served.bytes + COPY, 4);
	served.copied = lend_server_read_memory(served.server, from, data, length);
	if (!served.copied)
		served.copied = lend_server_write_memory(served.server, to, data, length);
	lend_server_signal(served.server, 1);
}

static void *serve(void *opaque)
{
	for (;;) {
		struct pollfd polls[2] = {{.fd = lend_server_fd(served.server), .events = POLLIN},
					  {.fd = served.wake, .events = POLLIN}};

		poll(polls, 2, -1);
		if (polls[1].revents)
			return opaque;
		lend_server_work(served.server);
		work();
	}
}

static int setup(void **state)
{
	static const struct lend_server_ops ops = {.size = sizeof(ops),
						   .read = server_read,
						   .write = server_write,
						   .reset = server_reset,
						   .map = server_map,
						   .unmap = server_unmap};
	static const struct lend_area half = {0, BAR_SIZE / 2};
	static const struct lend_server_config config = {.vendor = 0x1af4,
							 .device = 0x1234,
							 .class_code = 0xff0000,
							 .intx = true,
							 .express = true,
							 .msix = 4,
							 .msix_table = TABLE,
							 .msix_pending = PENDING};
	struct lend_server_device device = {
		.size = sizeof(device),
		.regions = {[0] = {.size = BAR_SIZE, .readable = true, .writable = true},
			    [2] = {.size = BAR_SIZE,
				   .readable = true,
				   .writable = true,
				   .areas = &half,
				   .area_count = 1}},
		.config = &config,
		.ops = &ops,
	};

	(void)state;
	memset(&served, 0, sizeof(served));
	served.memory = memfd_create("test", MFD_CLOEXEC);
	assert_int_equal(ftruncate(served.memory, BAR_SIZE), 0);
	device.regions[2].fd = served.memory;
	served.wake = eventfd(0, EFD_CLOEXEC);
	snprintf(served.path, sizeof(served.path), "/tmp/lend-test-server-%d", getpid());
	assert_int_equal(lend_context_new(NULL, &served.context), 0);
	assert_int_equal(lend_server_new(served.context, &device, &served.server, NULL), 0);
	assert_int_equal(lend_server_listen(served.server, served.path, NULL), 0);
	assert_int_equal(pthread_create(&served.thread, NULL, serve, NULL), 0);
	user_monitor_init(&monitor);
	monitor.path = served.path;
	return 0;
}

static void stop(void)
{
	assert_int_equal(write(served.wake, &(uint64_t){1}, 8), 8);
	pthread_join(served.thread, NULL);
	lend_server_free(served.server);
	served.server = NULL;
}

static int teardown(void **state)
{
	(void)state;
	if (served.server)
		stop();
	monitor.fds_before = 0;
	lend_function_free(monitor.function);
	lend_device_close(monitor.device);
	lend_space_free(monitor.space);
	lend_context_free(monitor.context);
	lend_context_free(served.context);
	close(served.wake);
	close(served.memory);
	return 0;
}

static void place(void)
{
	lend_function_config_write(monitor.function, 0x10, 4, 0xe0000000);
	lend_function_config_write(monitor.function, 0x18, 4, 0xe0010000);
	lend_function_config_write(monitor.function, 4, 2, 6);
}

static void open_it(void)
{
	const struct lend_function_config plain = {.size = sizeof(plain)};
	int ret = user_monitor_open(&monitor);

	if (ret)
		fail_msg("%d: %s", ret, monitor.error.text);
	assert_int_equal(lend_function_new(monitor.device, &plain, &monitor.function, &monitor.error), 0);
	place();
}

/* As before each boot of a guest; the line is on from then on. */
static void reset(void)
{
	struct lend_reset_report report;

	assert_int_equal(lend_context_reset(monitor.context, &monitor.function, 1, &report, sizeof(report)),
			 0);
	assert_true(report.checked);
	place();
}

static void close_it(void)
{
	lend_function_free(monitor.function);
	monitor.function = NULL;
	lend_device_close(monitor.device);
	monitor.device = NULL;
}

static unsigned cap_of(uint8_t id)
{
	unsigned at = lend_function_config_read(monitor.function, 0x34, 1);

	while (at && lend_function_config_read(monitor.function, at, 1) != id)
		at = lend_function_config_read(monitor.function, at + 1, 1);
	return at;
}

/* Waits for an eventfd: whether it was signalled. */
static bool rings(int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	uint64_t count;

	return poll(&ready, 1, 60000) == 1 && read(fd, &count, sizeof(count)) == sizeof(count);
}

static void registers_and_memory(void **state)
{
	uint8_t byte = 0;

	(void)state;
	open_it();
	assert_int_equal(lend_device_info(monitor.device)->vendor, 0x1af4);
	assert_int_equal(lend_device_info(monitor.device)->config_size, 4096);
	assert_int_equal(lend_device_info(monitor.device)->vectors[LEND_IRQ_MSIX], 4);
	lend_function_bar_write(monitor.function, 0, FROM, 8, 0x123456789abcdef0);
	assert_int_equal(lend_function_bar_read(monitor.function, 0, FROM, 8), 0x123456789abcdef0);
	assert_int_equal(monitor.direct_count, 1); /* of BAR 2, which was placed last */
	assert_int_equal(monitor.direct[0].length, BAR_SIZE / 2);
	*(uint8_t *)monitor.direct[0].va = 0x77;
	assert_int_equal(pread(served.memory, &byte, 1, 0), 1);
	assert_int_equal(byte, 0x77);
	assert_int_equal(lend_function_bar_read(monitor.function, 2, 0, 1), 0x77);
	assert_int_equal(monitor.log_lines, 0);
}

static void vector_on(unsigned vector)
{
	lend_function_bar_write(monitor.function, 0, TABLE + 16 * vector, 8, 0xfee00000);
	lend_function_bar_write(monitor.function, 0, TABLE + 16 * vector + 8, 8, vector);
}

static void copy(uint64_t from, uint64_t to, uint32_t length)
{
	struct pollfd ready = {.fd = monitor.attached[1], .events = POLLIN};
	uint64_t count;

	lend_function_bar_write(monitor.function, 0, FROM, 8, from);
	lend_function_bar_write(monitor.function, 0, TO, 8, to);
	lend_function_bar_write(monitor.function, 0, COPY, 4, length);
	/* The loop answers the server's messages meanwhile. */
	while (poll(&ready, 1, 1) <= 0)
		user_monitor_loop(&monitor);
	assert_int_equal(read(ready.fd, &count, sizeof(count)), sizeof(count));
}

/* DMA to memory with a file, and by messages to memory without; a message interrupt at the end of each. */
static void dma_and_messages(void **state)
{
	static uint8_t plain[0x1000] __attribute__((aligned(4096)));
	int fd = memfd_create("guest", MFD_CLOEXEC);
	uint8_t *bytes;
	struct lend_range ranges[2] = {
		{.iova = 0x100000, .length = 0x10000, .fd = fd},
		{.iova = 0x200000, .length = sizeof(plain), .va = plain, .fd = -1},
	};

	(void)state;
	assert_int_equal(ftruncate(fd, 0x10000), 0);
	bytes = mmap(NULL, 0x10000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ranges[0].va = bytes;
	open_it();
	assert_int_equal(lend_space_map(monitor.space, ranges, 2, &monitor.error), 0);
	assert_int_equal(served.maps, 2);
	lend_function_config_write(monitor.function, cap_of(0x11) + 2, 2, 0x8000);
	vector_on(0);
	vector_on(1);
	lend_function_bar_write(monitor.function, 0, RAISE, 4, 0);
	assert_true(rings(monitor.attached[0]));
	memset(bytes, 0x11, 0x1000);
	copy(0x100000, 0x102000, 0x1000);
	assert_int_equal(served.copied, 0);
	assert_int_equal(bytes[0x2fff], 0x11);
	copy(0x100000, 0x200000, 0x800);
	assert_int_equal(served.copied, 0);
	assert_int_equal(plain[0x7ff], 0x11);
	plain[0] = 0x22;
	copy(0x200000, 0x103000, 0x10);
	assert_int_equal(bytes[0x3000], 0x22);
	copy(0x300000, 0x103000, 0x10);
	assert_true(served.copied < 0);
	assert_int_equal(lend_space_unmap(monitor.space, 0x200000, sizeof(plain)), 0);
	copy(0x200000, 0x103000, 0x10);
	assert_true(served.copied < 0);
	assert_int_equal(monitor.log_lines, 0);
	close_it();
	lend_space_free(monitor.space);
	monitor.space = NULL;
	munmap(bytes, 0x10000);
	close(fd);
}

/* The line is masked when it rings, and rings again at the end of interrupt while it is up. */
static void the_line(void **state)
{
	(void)state;
	open_it();
	reset();
	assert_true(monitor.line > 0);
	lend_function_bar_write(monitor.function, 0, LINE, 4, 1);
	assert_true(rings(monitor.line));
	assert_int_equal(write(monitor.resample, &(uint64_t){1}, 8), 8);
	assert_true(rings(monitor.line));
	lend_function_bar_write(monitor.function, 0, LINE, 4, 0);
	assert_int_equal(lend_function_bar_read(monitor.function, 0, LINE, 4), 0);
	assert_int_equal(monitor.log_lines, 0);
}

static void reset_and_again(void **state)
{
	struct lend_reset_report report;

	(void)state;
	open_it();
	lend_function_bar_write(monitor.function, 0, FROM, 4, 5);
	assert_int_equal(lend_context_reset(monitor.context, &monitor.function, 1, &report, sizeof(report)),
			 0);
	assert_true(report.checked);
	assert_int_equal(served.resets, 1);
	assert_int_equal(served.bytes[0], 0);
	close_it();
	/* The next client. */
	open_it();
	assert_int_equal(lend_function_bar_read(monitor.function, 0, FROM, 4), 0);
	assert_int_equal(served.lost, 1);
}

static void the_server_goes(void **state)
{
	(void)state;
	open_it();
	stop();
	user_monitor_await(&monitor, LEND_EVENT_ERROR);
	assert_int_equal(lend_function_bar_read(monitor.function, 0, FROM, 4), UINT32_MAX);
	assert_int_equal(monitor.log_lines, 1);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(registers_and_memory), test(dma_and_messages), test(the_line),
		test(reset_and_again),      test(the_server_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
