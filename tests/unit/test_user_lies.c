/* SPDX-License-Identifier: MIT */
/* Servers that describe themselves wrongly: nothing is mapped or read that is not there. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/open_files.h"
#include "tests/unit/user_peer.h"

static struct user_monitor monitor;
static int file;

static int setup(void **state)
{
	(void)state;
	file = memory_file(PEER_BYTES);
	user_monitor_init(&monitor);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	user_monitor_close(&monitor);
	close(file);
	return 0;
}

static void again(void)
{
	user_monitor_close(&monitor);
	user_monitor_init(&monitor);
}

static void counts(void **state)
{
	static const struct {
		uint32_t regions, irqs, flags;
		bool works;
	} rows[] = {
		{9, 5, 3, true},   {8, 3, 3, true},           {100, 50, 2, true},        {7, 5, 3, false},
		{9, 2, 3, false},  {UINT32_MAX, 5, 3, false}, {9, UINT32_MAX, 3, false}, {101, 5, 3, false},
		{9, 51, 3, false}, {9, 5, 1, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		again();
		monitor.peer.region_count = rows[i].regions;
		monitor.peer.irq_count = rows[i].irqs;
		monitor.peer.info_flags = rows[i].flags;
		assert_int_equal(user_monitor_open(&monitor), rows[i].works ? 0 : -EPROTO);
		if (rows[i].works)
			assert_int_equal(lend_device_info(monitor.device)->can_reset, rows[i].flags & 1);
		else
			assert_true(strlen(monitor.error.text) > 0);
	}
}

/* The reply to region 0 is these bytes. */
static struct {
	struct wire_region_info info;
	uint8_t rest[256];
	unsigned length; /* of `rest` */
	unsigned fds;
} lie;

static bool lie_of_region(struct user_peer *peer, struct wire_reader *message)
{
	struct wire_region_info asked;
	uint8_t reply[sizeof(lie.info) + sizeof(lie.rest)];
	int fds[3] = {file, file, file};

	if (message->header.command != WIRE_GET_REGION_INFO)
		return false;
	memcpy(&asked, message->payload, sizeof(asked));
	if (asked.index)
		return false;
	memcpy(reply, &lie.info, sizeof(lie.info));
	memcpy(reply + sizeof(lie.info), lie.rest, sizeof(lie.rest));
	if (asked.argsz < sizeof(lie.info) + lie.length) {
		user_peer_reply(peer, message, 0, reply, sizeof(lie.info), NULL, 0);
		return true;
	}
	user_peer_reply(peer, message, 0, reply, sizeof(lie.info) + lie.length, fds, lie.fds);
	return true;
}

static void sparse_at(unsigned at, unsigned id, uint32_t next, uint32_t count)
{
	struct wire_cap cap = {(uint16_t)id, 1, next};
	struct wire_sparse sparse = {count, 0};

	memcpy(lie.rest + at - sizeof(lie.info), &cap, sizeof(cap));
	memcpy(lie.rest + at - sizeof(lie.info) + sizeof(cap), &sparse, sizeof(sparse));
}

static void area_at(unsigned at, uint64_t offset, uint64_t size)
{
	struct wire_area area = {offset, size};

	memcpy(lie.rest + at - sizeof(lie.info), &area, sizeof(area));
}

static void begin(uint32_t cap_offset, unsigned length)
{
	again();
	memset(&lie, 0, sizeof(lie));
	lie.info = (struct wire_region_info){
		.argsz = (uint32_t)(sizeof(lie.info) + length),
		.flags =
			WIRE_REGION_CAN_READ | WIRE_REGION_CAN_WRITE | WIRE_REGION_CAN_MAP | WIRE_REGION_CAPS,
		.cap_offset = cap_offset,
		.size = PEER_BYTES,
	};
	lie.length = length;
	lie.fds = 1;
	monitor.peer.hook = lie_of_region;
}

static size_t areas(void)
{
	int ret = user_monitor_open(&monitor);

	if (ret)
		fail_msg("%d: %s", ret, monitor.error.text);
	return lend_device_areas(monitor.device, 0, NULL, 0);
}

static void chains(void **state)
{
	static const uint32_t bad_offsets[] = {4, 31, 33, 60, 64, 1000, UINT32_MAX, 0x80000000};

	(void)state;
	/* The right one, to see that the wrong ones are what is refused. */
	begin(32, 32);
	sparse_at(32, WIRE_CAP_SPARSE, 0, 1);
	area_at(48, 0, 0x1000);
	assert_int_equal(areas(), 1);
	assert_int_equal(monitor.log_lines, 0);
	for (size_t i = 0; i < sizeof(bad_offsets) / sizeof(*bad_offsets); i++) {
		begin(bad_offsets[i], 32);
		sparse_at(32, WIRE_CAP_SPARSE, 0, 1);
		area_at(48, 0, 0x1000);
		assert_int_equal(areas(), 0);
		assert_int_equal(monitor.log_lines, 1);
	}
	/* A chain that goes back, and one that goes on beyond the end. */
	begin(40, 40);
	sparse_at(40, 9, 40, 0);
	assert_int_equal(areas(), 0);
	begin(40, 40);
	sparse_at(40, 9, 32, 0);
	assert_int_equal(areas(), 0);
	begin(32, 40);
	sparse_at(32, 9, 1 << 30, 0);
	assert_int_equal(areas(), 0);
	/* A second capability, behind one that is not known. */
	begin(32, 64);
	sparse_at(32, 9, 48, 0);
	sparse_at(48, WIRE_CAP_SPARSE, 0, 1);
	area_at(64, 0x1000, 0x1000);
	assert_int_equal(areas(), 1);
	/* More areas than there are bytes for. */
	for (unsigned i = 0; i < 3; i++) {
		static const uint32_t many[] = {2, UINT32_MAX, 0x10000001};

		begin(32, 32);
		sparse_at(32, WIRE_CAP_SPARSE, 0, many[i]);
		area_at(48, 0, 0x1000);
		assert_int_equal(areas(), 0);
	}
}

static void wrong_areas(void **state)
{
	static const struct {
		uint64_t base, offset, size;
	} rows[] = {
		{0, 0, PEER_BYTES + 0x1000}, /* beyond the region */
		{0, PEER_BYTES, 0x1000},
		{0, UINT64_MAX - 0xfff, 0x1000},
		{0, 0x1000, UINT64_MAX - 0xfff},
		{0, 0x800, 0x1000}, /* no whole pages */
		{0, 0, 0x800},
		{0x800, 0, 0x1000},
		{0x1000, 0x3000, 0x1000}, /* beyond the file */
		{UINT64_MAX - 0xfff, 0x1000, 0x1000},
		{INT64_MAX - 0xfff, 0x1000, 0x1000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		begin(32, 32);
		lie.info.offset = rows[i].base;
		sparse_at(32, WIRE_CAP_SPARSE, 0, 1);
		area_at(48, rows[i].offset, rows[i].size);
		assert_int_equal(areas(), 0);
		assert_int_equal(monitor.log_lines, 1);
	}
	begin(32, 48);
	sparse_at(32, WIRE_CAP_SPARSE, 0, 2);
	area_at(48, 0, 0x2000);
	area_at(64, 0x1000, 0x1000);
	assert_int_equal(areas(), 0); /* they overlap */
	begin(32, 48);
	sparse_at(32, WIRE_CAP_SPARSE, 0, 2);
	area_at(48, 0, 0x1000);
	area_at(64, 0x1000, 0x1000);
	assert_int_equal(areas(), 2);
	user_monitor_function(&monitor);
}

static void wrong_descriptors(void **state)
{
	(void)state;
	for (unsigned fds = 0; fds <= 3; fds++) {
		begin(32, 32);
		sparse_at(32, WIRE_CAP_SPARSE, 0, 1);
		area_at(48, 0, 0x1000);
		lie.fds = fds;
		assert_int_equal(areas(), fds == 1);
	}
	/* A descriptor without the flag, and without a list: the whole region. */
	begin(0, 0);
	lie.info.flags &= ~(uint32_t)(WIRE_REGION_CAN_MAP | WIRE_REGION_CAPS);
	assert_int_equal(areas(), 0);
	begin(0, 0);
	lie.info.flags &= ~(uint32_t)WIRE_REGION_CAPS;
	assert_int_equal(areas(), 1);
	/* A server that wants ever more room. */
	begin(32, 32);
	lie.info.argsz = UINT32_MAX;
	assert_int_equal(areas(), 0);
	begin(32, 32);
	lie.info.argsz = 65536;
	sparse_at(32, WIRE_CAP_SPARSE, 0, 1);
	area_at(48, 0, 0x1000);
	assert_int_equal(areas(), 1);
}

/* What is no file of memory: the map fails, and each access goes to the server. */
static void descriptor_that_cannot_be_mapped(void **state)
{
	int pair[2], kept = file;

	(void)state;
	assert_int_equal(pipe(pair), 0);
	monitor.fds_before += 2;
	file = pair[0];
	begin(0, 0);
	lie.info.flags &= ~(uint32_t)WIRE_REGION_CAPS;
	user_monitor_open(&monitor);
	user_monitor_function(&monitor);
	assert_int_equal(monitor.direct_count, 0);
	monitor.peer.bytes[0] = 9;
	assert_int_equal(lend_function_bar_read(monitor.function, 0, 0, 1), 9);
	again();
	close(pair[0]);
	close(pair[1]);
	monitor.fds_before -= 2;
	file = kept;
}

/* Makes the eventfds that it gets block those who read or write them, empty or full. */
static bool make_them_block(struct user_peer *peer, struct wire_reader *message)
{
	(void)peer;
	for (unsigned i = 0; message->header.command == WIRE_SET_IRQS && i < message->fd_count; i++) {
		uint64_t most = UINT64_MAX - 1;

		if (i & 1)
			assert_int_equal(write(message->fds[i], &most, sizeof(most)), sizeof(most));
		assert_int_equal(fcntl(message->fds[i], F_SETFL, 0), 0);
	}
	return false;
}

static void eventfds_that_block(void **state)
{
	(void)state;
	monitor.peer.hook = make_them_block;
	assert_int_equal(user_monitor_open(&monitor), 0);
	user_monitor_function(&monitor);
	alarm(300);
	for (unsigned i = 0; i < 4; i++) {
		lend_function_bar_write(monitor.function, 0, 0x2000 + 16 * i, 8, 0xfee00000);
		lend_function_bar_write(monitor.function, 0, 0x2008 + 16 * i, 8, i);
	}
	lend_function_config_write(monitor.function, 0x52, 2, 0x8000);
	for (unsigned i = 0; i < 4; i++) {
		lend_function_bar_write(monitor.function, 0, 0x200c + 16 * i, 4, 1);
		lend_function_bar_read(monitor.function, 0, 0x3000, 8);
		lend_function_bar_write(monitor.function, 0, 0x200c + 16 * i, 4, 0);
	}
	lend_function_config_write(monitor.function, 0x52, 2, 0);
	/* And that of the error, when the server goes. */
	user_peer_stop(&monitor.peer);
	user_monitor_await(&monitor, LEND_EVENT_ERROR);
	alarm(0);
}

/* The payload of the reply to VERSION. */
static const char *version_text;
static struct wire_version version_numbers;
static unsigned version_fds;
static size_t version_cut;

static bool lie_of_version(struct user_peer *peer, struct wire_reader *message)
{
	char reply[512];
	int fds[2] = {file, file};
	size_t length = strlen(version_text) + 1;

	if (message->header.command != WIRE_VERSION)
		return false;
	memcpy(reply, &version_numbers, sizeof(version_numbers));
	memcpy(reply + sizeof(version_numbers), version_text, length);
	user_peer_reply(peer, message, 0, reply, sizeof(version_numbers) + length - version_cut, fds,
			version_fds);
	return true;
}

static int open_with(unsigned major, unsigned minor, const char *text, unsigned fds, size_t cut)
{
	again();
	version_numbers = (struct wire_version){(uint16_t)major, (uint16_t)minor};
	version_text = text;
	version_fds = fds;
	version_cut = cut;
	monitor.peer.hook = lie_of_version;
	return user_monitor_open(&monitor);
}

static void versions(void **state)
{
	static const struct {
		unsigned major, minor;
		const char *text;
		unsigned fds;
		size_t cut;
		bool works;
	} rows[] = {
		{0, 0, "{\"capabilities\":{}}", 0, 0, true},
		{0, 2, "{}", 0, 0, true},
		{0, 1, "", 0, 1, true}, /* no text at all */
		{0, 2, "{\"capabilities\":{\"twin_socket\":{\"supported\":false}}}", 0, 0, true},
		{0, 2, "{\"capabilities\":{\"new\":[1,{}]},\"other\":3}", 0, 0, true},
		{1, 0, "{}", 0, 0, false},
		{0, 3, "{}", 0, 0, false},
		{0, 2, "{}", 0, 1, false},
		{0, 2, "nonsense", 0, 0, false},
		{0, 2, "{\"capabilities\":\"x\"}", 0, 0, false},
		{0, 2, "{\"capabilities\":{\"max_msg_fds\":-1}}", 0, 0, false},
		{0, 2, "{\"capabilities\":{\"max_data_xfer_size\":0}}", 0, 0, false},
		{0, 2, "{\"capabilities\":{\"twin_socket\":{\"supported\":true}}}", 1, 0, false},
		{0, 2, "{\"capabilities\":{\"twin_socket\":{\"supported\":true,\"fd_index\":0}}}", 0, 0,
		 false},
		{0, 2, "{\"capabilities\":{\"twin_socket\":{\"supported\":true,\"fd_index\":5}}}", 1, 0,
		 false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int ret = open_with(rows[i].major, rows[i].minor, rows[i].text, rows[i].fds, rows[i].cut);

		if (ret != (rows[i].works ? 0 : -EPROTO))
			fail_msg("row %zu: %d, %s", i, ret, monitor.error.text);
	}
	/* A twin that is no socket ends the session at once. */
	assert_true(open_with(0, 2,
			      "{\"capabilities\":{\"twin_socket\":{\"supported\":true,\"fd_index\":0}}}", 1,
			      0) < 0);
	/* Small limits are kept to. */
	assert_int_equal(
		open_with(0, 2, "{\"capabilities\":{\"max_msg_fds\":0,\"max_data_xfer_size\":16}}", 0, 0), 0);
	assert_int_equal(lend_device_info(monitor.device)->vendor, 0x1234);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(counts),
		test(chains),
		test(wrong_areas),
		test(wrong_descriptors),
		test(descriptor_that_cannot_be_mapped),
		test(eventfds_that_block),
		test(versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
