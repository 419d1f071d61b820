/* SPDX-License-Identifier: MIT */
/* A device behind a socket: what its server is asked for, and what becomes of it when that goes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/open_files.h"
#include "tests/unit/user_stage.h"

static void what_it_is(void **state)
{
	const struct lend_device_info *info;
	struct lend_region region;

	(void)state;
	open_device();
	info = lend_device_info(monitor.device);
	assert_int_equal(info->backend, LEND_BACKEND_USER);
	assert_int_equal(info->vendor, 0x1234);
	assert_int_equal(info->device, 0x5678);
	assert_true(info->can_reset);
	assert_false(info->is_mdev);
	assert_int_equal(info->bdf.bus, 0);
	assert_int_equal(info->config_size, 256);
	assert_int_equal(info->vectors[LEND_IRQ_MSIX], 32);
	/* The end of a server is told by it. */
	assert_int_equal(info->vectors[LEND_IRQ_ERR], 1);
	assert_int_equal(lend_device_region(monitor.device, 0, &region, sizeof(region)), 0);
	assert_int_equal(region.size, PEER_BYTES);
	assert_int_equal(region.area_count, 0);
	assert_int_equal(monitor.watch_count, 1);
	assert_int_equal(monitor.log_lines, 0);
}

static void accesses(void **state)
{
	uint8_t *bytes = monitor.peer.bytes;

	(void)state;
	open_function();
	assert_int_equal(monitor.peer.config[4], 6);
	bytes[0x10] = 0xab;
	assert_int_equal(lend_function_bar_read(monitor.function, 0, 0x10, 1), 0xab);
	lend_function_bar_write(monitor.function, 0, 0x18, 8, 0x1122334455667788);
	/* The write was posted: the read that follows finds it done. */
	assert_int_equal(lend_function_bar_read(monitor.function, 0, 0x18, 8), 0x1122334455667788);
	assert_int_equal(bytes[0x18], 0x88);
}

static bool note_flags(struct user_peer *peer, struct wire_reader *message)
{
	if (message->header.command == WIRE_REGION_WRITE)
		*(uint32_t *)peer->opaque = message->header.flags;
	return false;
}

/* The flags of a write's command to BAR 0 of a device that is described now. */
static uint32_t flags_of_write(uint32_t bar, uint16_t command)
{
	const struct lend_function_config plain = {.size = sizeof(plain)};
	uint32_t flags = ~0u, seen;

	monitor.peer.hook = note_flags;
	monitor.peer.opaque = &flags;
	open_device();
	assert_int_equal(lend_function_new(monitor.device, &plain, &monitor.function, &monitor.error), 0);
	lend_function_config_write(monitor.function, 0x10, 4, bar);
	lend_function_config_write(monitor.function, 4, 2, command);
	assert_int_equal(flags, 0); /* config space is waited for */
	flags = ~0u;
	lend_function_bar_write(monitor.function, 0, 0x18, 4, 1);
	lend_function_bar_read(monitor.function, 0, 0x18, 4);
	seen = flags;
	user_monitor_close(&monitor);
	return seen;
}

/* Memory without a part that is mapped: posted. With such a part, and of ports: waited for. */
static void posted_writes(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(flags_of_write(0xe0000000, 6), WIRE_NO_REPLY);

	fd = memory_file(PEER_BYTES);
	user_monitor_init(&monitor);
	monitor.peer.regions[2] = (struct peer_region){
		.size = 0x4000, .flags = WIRE_REGION_CAN_READ | WIRE_REGION_CAN_MAP, .fd = fd};
	assert_int_equal(flags_of_write(0xe0000000, 6), 0);
	close(fd);

	user_monitor_init(&monitor);
	monitor.peer.config[0x10] = 1;
	monitor.peer.regions[0].size = 256;
	memset(monitor.peer.config + 0x34, 0, 16);
	assert_int_equal(flags_of_write(0xc000, 1), 0);
	user_monitor_init(&monitor);
}

/* Areas are mapped, and the rest is not: pages of the MSI-X table, and what the server left out. */
static void mapped_parts(void **state)
{
	int fd = memory_file(PEER_BYTES + 0x1000);
	uint8_t *bytes = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0x1000);

	(void)state;
	user_monitor_init(&monitor); /* with the file */
	monitor.peer.regions[0].flags |= WIRE_REGION_CAN_MAP;
	monitor.peer.regions[0].fd = fd;
	monitor.peer.regions[0].offset = 0x1000;
	monitor.peer.regions[0].areas[0] = (struct wire_area){0x1000, 0x1000};
	monitor.peer.regions[0].areas[1] = (struct wire_area){0, 0x1000};
	monitor.peer.regions[0].areas[2] = (struct wire_area){0x2000, 0x1000};
	monitor.peer.regions[0].area_count = 3;
	open_device();
	assert_int_equal(lend_device_areas(monitor.device, 0, NULL, 0), 3);
	user_monitor_function(&monitor);
	assert_true(monitor.direct_count >= 1);
	assert_int_equal(monitor.direct[0].offset, 0);
	*(uint8_t *)monitor.direct[0].va = 0x5a;
	assert_int_equal(bytes[0], 0x5a);
	for (size_t i = 0; i < monitor.direct_count; i++)
		assert_true(monitor.direct[i].offset + monitor.direct[i].length <= 0x2000);
	munmap(bytes, 0x1000);
	user_monitor_close(&monitor);
	close(fd);
	user_monitor_init(&monitor);
}

static void reset(void **state)
{
	struct lend_reset_report report;

	(void)state;
	open_function();
	monitor.peer.config[4] = 0;
	assert_int_equal(lend_context_reset(monitor.context, &monitor.function, 1, &report, sizeof(report)),
			 0);
	assert_int_equal(report.ran, LEND_RESET_FUNCTION);
	assert_int_equal(monitor.peer.seen[WIRE_RESET], 1);
}

/* A server may have been used before: an FLR capability, which the kernel's own reset honours, is no excuse.
 */
static void reset_at_start(void **state)
{
	const struct lend_function_config plain = {.size = sizeof(plain)};
	struct lend_reset_report report;
	uint8_t *exp = monitor.peer.config + 0x60;

	(void)state;
	monitor.peer.config[0x51] = 0x60;
	memcpy(exp, (uint8_t[]){0x10, 0, 2, 0, 0, 0, 0, 0x10}, 8);
	open_device();
	assert_int_equal(lend_function_new(monitor.device, &plain, &monitor.function, &monitor.error), 0);
	assert_int_equal(lend_context_reset(monitor.context, &monitor.function, 1, &report, sizeof(report)),
			 0);
	assert_int_equal(monitor.peer.seen[WIRE_RESET], 1);
}

static void unmask(unsigned vector)
{
	lend_function_bar_write(monitor.function, 0, 0x2000 + 16 * vector, 4, 0xfee00000);
	lend_function_bar_write(monitor.function, 0, 0x2008 + 16 * vector, 4, vector);
	lend_function_bar_write(monitor.function, 0, 0x200c + 16 * vector, 4, 0);
}

/* A message takes as many descriptors as the server says, and of one kind alone. */
static void interrupts_are_split(void **state)
{
	unsigned fds = 0, more = 0;

	(void)state;
	monitor.peer.max_fds = 5;
	open_function();
	for (unsigned i = 0; i < 16; i++)
		if (i != 7)
			unmask(i);
	monitor.peer.irq_log_count = 0;
	lend_function_config_write(monitor.function, 0x52, 2, 0x8000);
	for (unsigned i = 0; i < monitor.peer.irq_log_count; i++) {
		assert_true(monitor.peer.irq_log[i].fds <= 5);
		fds += monitor.peer.irq_log[i].fds;
		more += monitor.peer.irq_log[i].what.index == LEND_IRQ_MSIX;
	}
	assert_int_equal(fds, 15);
	assert_true(more >= 4);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(monitor.peer.irq_fds[LEND_IRQ_MSIX][i] != 0, i != 7);
	lend_function_config_write(monitor.function, 0x52, 2, 0);
	assert_int_equal(monitor.peer.irq_fds[LEND_IRQ_MSIX][0], 0);
	assert_int_equal(monitor.log_lines, 0);
}

/* A server that can add a vector while others are on is asked for that one alone. */
static void a_vector_is_added_to_others(void **state)
{
	(void)state;
	open_function();
	lend_function_config_write(monitor.function, 0x52, 2, 0x8000);
	unmask(0);
	monitor.peer.irq_log_count = 0;
	unmask(5);
	assert_int_equal(monitor.peer.irq_log_count, 1);
	assert_int_equal(monitor.peer.irq_log[0].what.start, 5);
	assert_int_equal(monitor.peer.irq_log[0].what.count, 1);
	assert_int_equal(monitor.peer.irq_log[0].fds, 1);
}

/* Memory with a file is told with its descriptor, other memory without. */
static void memory_is_told(void **state)
{
	int fd = memory_file(0x10000);
	uint8_t *bytes = mmap(NULL, 0x10000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	static uint8_t plain[0x2000] __attribute__((aligned(4096)));
	const struct lend_range ranges[] = {
		{.iova = 0x10000, .length = 0x8000, .va = bytes + 0x4000, .fd = fd, .offset = 0x4000},
		{.iova = 0x40000, .length = 0x2000, .va = plain, .fd = -1, .kind = LEND_RANGE_ROM},
	};
	const struct lend_range bar = {
		.iova = 0x80000, .length = 0x1000, .va = plain, .fd = -1, .kind = LEND_RANGE_BAR};

	(void)state;
	open_device();
	assert_int_equal(lend_space_map(monitor.space, ranges, 2, &monitor.error), 0);
	assert_int_equal(monitor.peer.map_count, 2);
	assert_true(monitor.peer.maps[0].fd > 0);
	assert_int_equal(monitor.peer.maps[0].map.offset, 0x4000);
	assert_int_equal(monitor.peer.maps[0].map.address, 0x10000);
	assert_int_equal(monitor.peer.maps[0].map.size, 0x8000);
	assert_int_equal(monitor.peer.maps[0].map.flags, WIRE_DMA_READABLE | WIRE_DMA_WRITABLE);
	assert_int_equal(monitor.peer.maps[1].fd, -1);
	assert_int_equal(monitor.peer.maps[1].map.flags, WIRE_DMA_READABLE);
	/* A BAR of another device cannot be told. */
	assert_int_equal(lend_space_map(monitor.space, &bar, 1, &monitor.error), 0);
	assert_int_equal(monitor.peer.map_count, 2);
	assert_int_equal(lend_space_unmap(monitor.space, bar.iova, bar.length), 0);
	assert_int_equal(lend_space_unmap(monitor.space, 0x10000, 0x8000), 0);
	assert_int_equal(monitor.peer.map_count, 1);
	lend_device_close(monitor.device);
	monitor.device = NULL;
	assert_int_equal(monitor.peer.map_count, 0);
	munmap(bytes, 0x10000);
	close(fd);
}

static int unmap_error;

static bool refuse_unmap(struct user_peer *peer, struct wire_reader *message)
{
	if (message->header.command != WIRE_DMA_UNMAP)
		return false;
	user_peer_reply(peer, message, unmap_error, NULL, 0, NULL, 0);
	return true;
}

/* A server that keeps memory: it stays mapped. One that does not know it has none of it. */
static void memory_is_kept(void **state)
{
	static uint8_t plain[0x1000] __attribute__((aligned(4096)));
	const struct lend_range range = {.iova = 0x10000, .length = 0x1000, .va = plain, .fd = -1};

	(void)state;
	open_device();
	assert_int_equal(lend_space_map(monitor.space, &range, 1, &monitor.error), 0);
	unmap_error = EINVAL;
	monitor.peer.hook = refuse_unmap;
	assert_int_equal(lend_space_unmap(monitor.space, range.iova, range.length), -EINVAL);
	assert_int_equal(lend_space_mapped(monitor.space), 0x1000);
	unmap_error = ENOENT;
	assert_int_equal(lend_space_unmap(monitor.space, range.iova, range.length), 0);
	assert_int_equal(lend_space_mapped(monitor.space), 0);
	monitor.peer.hook = NULL;
}

/* Reads of a dead device are all ones, writes go nowhere, and the function has failed. */
static void the_server_goes(void **state)
{
	(void)state;
	open_function();
	user_peer_stop(&monitor.peer);
	/* Nobody accesses it: the loop sees it all the same. */
	user_monitor_await(&monitor, LEND_EVENT_ERROR);
	assert_true(lend_function_gone(monitor.function));
	assert_false(monitor.placed);
	assert_int_equal(monitor.events[LEND_EVENT_ERROR], 1);
	assert_int_equal(monitor.log_lines, 1);
	assert_non_null(strstr(monitor.last_log, "its server is gone"));
	assert_int_equal(lend_function_config_read(monitor.function, 0, 4), UINT32_MAX);
	assert_int_equal(lend_function_bar_read(monitor.function, 0, 0, 4), UINT32_MAX);
	lend_function_bar_write(monitor.function, 0, 0, 4, 1);
	lend_function_config_write(monitor.function, 4, 2, 6);
	user_monitor_loop(&monitor);
	assert_int_equal(monitor.log_lines, 1);
}

/* An access finds it first: it is answered, and nothing more is logged. */
static void the_server_goes_within_an_access(void **state)
{
	static uint8_t page[0x1000] __attribute__((aligned(4096)));
	const struct lend_range range = {.iova = 0x10000, .length = sizeof(page), .va = page, .fd = -1};
	struct lend_reset_report report;

	(void)state;
	open_function();
	monitor.peer.dies_at = monitor.peer.commands + 1;
	monitor.peer.cut = 7;
	assert_int_equal(lend_function_bar_read(monitor.function, 0, 0x10, 8), UINT64_MAX);
	assert_int_equal(lend_function_bar_read(monitor.function, 0, 0x10, 2), UINT16_MAX);
	lend_function_bar_write(monitor.function, 0, 0x10, 2, 1);
	assert_int_equal(monitor.log_lines, 1);
	user_monitor_await(&monitor, LEND_EVENT_ERROR);
	/* Memory still comes and goes, for the other devices. */
	assert_int_equal(lend_space_map(monitor.space, &range, 1, &monitor.error), 0);
	assert_int_equal(lend_space_unmap(monitor.space, range.iova, range.length), 0);
	assert_true(lend_context_reset(monitor.context, &monitor.function, 1, &report, sizeof(report)) < 0);
	assert_true(lend_function_gone(monitor.function));
	assert_int_equal(monitor.log_lines, 1);
}

/* Whichever message of its start the server dies at, the open fails with a sentence and leaves nothing. */
static void it_goes_at_each_message(void **state)
{
	unsigned messages;

	(void)state;
	open_device();
	messages = monitor.peer.commands;
	user_monitor_close(&monitor);
	for (unsigned i = 1; i <= messages; i++)
		for (unsigned cut = 0; cut <= 12; cut += 12) {
			user_monitor_init(&monitor);
			monitor.peer.dies_at = i;
			monitor.peer.cut = cut;
			monitor.peer.twin = i & 1;
			assert_true(user_monitor_open(&monitor) < 0);
			assert_true(strlen(monitor.error.text) > 0);
			user_monitor_close(&monitor);
		}
	user_monitor_init(&monitor);
}

static void contradictions(void **state)
{
	struct lend_device_config config = LEND_DEVICE_CONFIG_INIT;
	struct lend_device *device;

	(void)state;
	open_device();
	config.socket = "/nonexistent/socket";
	config.address = "05:00.0";
	assert_int_equal(lend_device_open_with(monitor.space, &config, &device, &monitor.error), -EINVAL);
	config.address = NULL;
	config.socket_fd = 1;
	assert_int_equal(lend_device_open_with(monitor.space, &config, &device, &monitor.error), -EINVAL);
	config.socket_fd = -1;
	config.backend = LEND_BACKEND_LEGACY;
	assert_int_equal(lend_device_open_with(monitor.space, &config, &device, &monitor.error), -EINVAL);
	config.backend = LEND_BACKEND_USER;
	config.socket = NULL;
	assert_int_equal(lend_device_open_with(monitor.space, &config, &device, &monitor.error), -EINVAL);
	config.socket_fd = 12345;
	assert_int_equal(lend_device_open_with(monitor.space, &config, &device, &monitor.error), -EBADF);
	config.socket_fd = STDERR_FILENO;
	assert_true(lend_device_open_with(monitor.space, &config, &device, &monitor.error) < 0);
	assert_int_equal(lend_device_move(monitor.device, monitor.space, &monitor.error), -EOPNOTSUPP);
}

/* The caller's, of which as much as there is room for. */
static void names(void **state)
{
	(void)state;
	monitor.name = "-disk debian.img";
	open_device();
	assert_string_equal(lend_device_info(monitor.device)->name, "-disk debian.img");
	user_monitor_close(&monitor);
	user_monitor_init(&monitor);
	monitor.name = "0123456789012345678901234567890123456789";
	open_device();
	assert_string_equal(lend_device_info(monitor.device)->name,
			    "012345678901234567890123456789012345678");
}

static void paths(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct lend_device_config config = LEND_DEVICE_CONFIG_INIT;
	struct lend_device *device;
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char path[200];

	(void)state;
	open_device();
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	config.socket = path;
	config.reply_ms = 50;
	assert_int_equal(lend_device_open_with(monitor.space, &config, &device, &monitor.error),
			 -ENAMETOOLONG);
	snprintf(path, sizeof(path), "/tmp/lend-test-%d.sock", getpid());
	unlink(path);
	assert_int_equal(lend_device_open_with(monitor.space, &config, &device, &monitor.error), -ENOENT);
	assert_non_null(strstr(monitor.error.text, "no server listens"));
	strcpy(address.sun_path, path);
	assert_int_equal(bind(listener, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(lend_device_open_with(monitor.space, &config, &device, &monitor.error),
			 -ECONNREFUSED);
	/* Somebody listens who never answers, and soon takes no client more. */
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(lend_device_open_with(monitor.space, &config, &device, &monitor.error), -ENOTCONN);
	assert_non_null(strstr(monitor.error.text, "did not answer VERSION within 0.0 s"));
	assert_int_equal(lend_device_open_with(monitor.space, &config, &device, &monitor.error), -EAGAIN);
	unlink(path);
	close(listener);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(what_it_is),
		test(accesses),
		test(posted_writes),
		test(mapped_parts),
		test(reset),
		test(reset_at_start),
		test(interrupts_are_split),
		test(a_vector_is_added_to_others),
		test(memory_is_told),
		test(memory_is_kept),
		test(the_server_goes),
		test(the_server_goes_within_an_access),
		test(it_goes_at_each_message),
		test(contradictions),
		test(names),
		test(paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
