/* SPDX-License-Identifier: MIT */
/* Regions from a raw client: what is told of them, and accesses. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/server_stage.h"

static int ask_info(struct server_stage *stage, uint32_t index, uint32_t argsz, struct wire_region_info *out)
{
	struct wire_region_info info = {.argsz = argsz, .index = index};
	int ret = peer_ask(&stage->peer, WIRE_GET_REGION_INFO, &info, sizeof(info));

	if (!ret)
		memcpy(out, stage->peer.reader.payload, sizeof(*out));
	return ret;
}

static void info_of_regions(void **state)
{
	struct server_stage *stage = *state;
	unsigned fds = open_fds();
	struct wire_region_info info;

	assert_int_equal(ask_info(stage, 0, 31, &info), -EINVAL);
	assert_int_equal(ask_info(stage, 0, 32, &info), 0);
	assert_true(info.size == 4096 && info.flags == 3 && info.argsz == 32 && !info.cap_offset);
	for (uint32_t i = 0; i < LEND_REGION_COUNT; i++)
		assert_int_equal(ask_info(stage, i, 64, &info), 0);
	assert_true(info.index == LEND_REGION_VGA && !info.size && !info.flags);
	assert_int_equal(ask_info(stage, LEND_REGION_CONFIG, 32, &info), 0);
	assert_true(info.size == 4096 && info.flags == 3);
	assert_int_equal(ask_info(stage, LEND_REGION_ROM, 32, &info), 0);
	assert_true(info.size == STAGE_ROM_SIZE && info.flags == WIRE_REGION_CAN_READ);
	assert_int_equal(ask_info(stage, LEND_REGION_COUNT, 64, &info), -EINVAL);
	assert_int_equal(ask_info(stage, UINT32_MAX, 64, &info), -EINVAL);
	stage_is_in_step(stage, fds);
}

static void areas_come_with_the_descriptor(void **state)
{
	const uint32_t need = 32 + 8 + 8 + 2 * 16;
	struct server_stage *stage = *state;
	unsigned fds = open_fds();
	struct wire_region_info info;

	for (uint32_t argsz = 32; argsz < need; argsz += need - 33) {
		assert_int_equal(ask_info(stage, STAGE_MAPPED, argsz, &info), 0);
		assert_true(info.argsz == need && info.flags == 7 && !info.cap_offset);
		assert_int_equal(wire_payload(&stage->peer.reader), 32);
		assert_int_equal(stage->peer.reader.fd_count, 0);
	}
	for (unsigned i = 0; i < 3; i++) {
		struct {
			struct wire_cap cap;
			struct wire_sparse sparse;
			struct wire_area areas[2];
		} sparse;

		assert_int_equal(ask_info(stage, STAGE_MAPPED, need + i * 100, &info), 0);
		assert_true(info.argsz == need && info.flags == 15 && info.cap_offset == 32);
		assert_int_equal(wire_payload(&stage->peer.reader), need);
		assert_int_equal(stage->peer.reader.fd_count, 1);
		memcpy(&sparse, stage->peer.reader.payload + 32, sizeof(sparse));
		assert_true(sparse.cap.id == WIRE_CAP_SPARSE && sparse.cap.version == 1 && !sparse.cap.next);
		assert_true(sparse.sparse.count == 2 && sparse.areas[1].offset == 0x8000 &&
			    sparse.areas[1].size == 0x4000);
	}
	stage_is_in_step(stage, fds);
	/* A client that takes no descriptor is told of none. */
	stage_connect(stage);
	assert_int_equal(peer_version(&stage->peer, 0, 0, "{\"capabilities\":{\"max_msg_fds\":0}}"), 0);
	assert_int_equal(ask_info(stage, STAGE_MAPPED, 4096, &info), 0);
	assert_true(info.argsz == 32 && info.flags == 3 && !stage->peer.reader.fd_count);
}

static void doorbells_of_a_region(void **state)
{
	struct server_stage *stage = *state;
	struct lend_server_doorbell bells[20] = {{.offset = 8, .length = 4, .match = true, .data = 5}};
	struct wire_region_io_fds ask = {.argsz = 16, .index = STAGE_REGISTERS};
	struct wire_io_fd entry;
	unsigned fds;

	for (unsigned i = 0; i < 20; i++) {
		bells[i].fd = eventfd(0, EFD_NONBLOCK);
		bells[i].offset = 8 * i;
	}
	bells[2].fd = (close(bells[2].fd), bells[1].fd);
	stage->device.regions[STAGE_REGISTERS].doorbells = bells;
	stage->device.regions[STAGE_REGISTERS].doorbell_count = 20;
	stage_serve(stage);
	assert_int_equal(peer_version(&stage->peer, 0, 0, wire_peer_text), 0);
	fds = open_fds();
	assert_int_equal(peer_ask(&stage->peer, WIRE_GET_REGION_IO_FDS, &ask, sizeof(ask)), 0);
	memcpy(&ask, stage->peer.reader.payload, sizeof(ask));
	/* Sixteen descriptors, of which one is there twice. */
	assert_true(ask.count == 17 && ask.argsz == 16 + 17 * 40 && !stage->peer.reader.fd_count);
	ask.count = 0;
	assert_int_equal(peer_ask(&stage->peer, WIRE_GET_REGION_IO_FDS, &ask, sizeof(ask)), 0);
	assert_int_equal(wire_payload(&stage->peer.reader), 16 + 17 * 40);
	assert_int_equal(stage->peer.reader.fd_count, 16);
	memcpy(&entry, stage->peer.reader.payload + 16, sizeof(entry));
	assert_true(entry.offset == 0 && entry.size == 4 && entry.flags == WIRE_IO_FD_DATAMATCH &&
		    entry.datamatch == 5 && entry.fd_index == 0);
	memcpy(&entry, stage->peer.reader.payload + 16 + 2 * 40, sizeof(entry));
	assert_true(entry.offset == 16 && entry.fd_index == 1 && !entry.flags);
	stage_is_in_step(stage, fds);
	ask.argsz = 15;
	assert_int_equal(peer_ask(&stage->peer, WIRE_GET_REGION_IO_FDS, &ask, sizeof(ask)), -EINVAL);
	ask = (struct wire_region_io_fds){.argsz = 16, .index = LEND_REGION_COUNT};
	assert_int_equal(peer_ask(&stage->peer, WIRE_GET_REGION_IO_FDS, &ask, sizeof(ask)), -EINVAL);
	ask.index = LEND_REGION_VGA;
	assert_int_equal(peer_ask(&stage->peer, WIRE_GET_REGION_IO_FDS, &ask, sizeof(ask)), 0);
	for (unsigned i = 0; i < 20; i++)
		if (i != 2)
			close(bells[i].fd);
}

/* A client may ignore them, and write: the device hears of that as of any write. */
static void doorbells_and_plain_writes(void **state)
{
	struct server_stage *stage = *state;
	struct lend_server_doorbell bell = {
		.offset = 8, .length = 4, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	unsigned writes;
	eventfd_t count;

	stage->device.regions[STAGE_REGISTERS].doorbells = &bell;
	stage->device.regions[STAGE_REGISTERS].doorbell_count = 1;
	stage_serve(stage);
	assert_int_equal(peer_version(&stage->peer, 0, 0, wire_peer_text), 0);
	writes = stage->writes;
	assert_int_equal(peer_write32(&stage->peer, STAGE_REGISTERS, 8, 7), 0);
	assert_int_equal(stage->writes, writes + 1);
	assert_int_equal(eventfd_read(bell.fd, &count), -1);
	close(bell.fd);
}

static void accesses_that_make_no_sense(void **state)
{
	static const struct {
		uint64_t offset;
		uint32_t region, count;
	} rows[] = {
		{UINT64_MAX, 0, 1},
		{UINT64_MAX, 0, 4},
		{4096, 0, 1},
		{4094, 0, 4},
		{0, LEND_REGION_VGA, 1},
		{0, LEND_REGION_COUNT, 4},
		{0, UINT32_MAX, 4},
		{0, 3, 0},
		{0, STAGE_MAPPED, 0x10001},
		{0, STAGE_REGISTERS, UINT32_MAX},
		{STAGE_ROM_SIZE - 1, LEND_REGION_ROM, 2},
		{4095, LEND_REGION_CONFIG, 2},
	};
	struct server_stage *stage = *state;
	struct __attribute__((packed)) {
		struct wire_region_access access;
		uint8_t data[8];
	} write = {{0, STAGE_REGISTERS, 4}, {0}};
	uint8_t data[8];

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wire_region_access access = {rows[i].offset, rows[i].region, rows[i].count};

		assert_int_equal(peer_ask(&stage->peer, WIRE_REGION_READ, &access, sizeof(access)), -EINVAL);
	}
	assert_int_equal(stage->reads + stage->writes, 0);
	/* The payload is not what the count says. */
	assert_int_equal(peer_ask(&stage->peer, WIRE_REGION_WRITE, &write, 16 + 3), -EINVAL);
	assert_int_equal(peer_ask(&stage->peer, WIRE_REGION_WRITE, &write, 16 + 8), -EINVAL);
	write.access.count = UINT32_MAX;
	assert_int_equal(peer_ask(&stage->peer, WIRE_REGION_WRITE, &write, 16 + 4), -EINVAL);
	/* A ROM is not written. */
	assert_int_equal(peer_write(&stage->peer, LEND_REGION_ROM, 0, data, 4), -EINVAL);
	assert_int_equal(peer_read(&stage->peer, STAGE_REGISTERS, 0, data, 0), 0);
	assert_int_equal(peer_read(&stage->peer, STAGE_REGISTERS, 4096, data, 0), 0);
	assert_int_equal(peer_write(&stage->peer, STAGE_REGISTERS, 0, data, 0), 0);
	assert_int_equal(stage->reads + stage->writes, 0);
	stage_is_in_step(stage, open_fds());
}

static int fail_write(struct server_stage *stage, unsigned region, uint64_t offset)
{
	(void)stage, (void)region;
	return offset == 0x80 ? -EIO : 0;
}

static void accesses_reach_the_device(void **state)
{
	struct server_stage *stage = *state;
	uint64_t value = 0x1122334455667788, got = 0;

	for (uint32_t count = 1; count <= 8; count++) {
		assert_int_equal(peer_write(&stage->peer, STAGE_REGISTERS, 0x10, &value, count), (int)count);
		assert_int_equal(peer_read(&stage->peer, STAGE_REGISTERS, 0x10, &got, count), (int)count);
		assert_memory_equal(&got, &value, count);
	}
	assert_int_equal(peer_write32(&stage->peer, STAGE_PORTS, 4, 9), 0);
	assert_int_equal(stage->bytes[STAGE_PORTS][4], 9);
	/* What can be mapped can be read and written by messages, too. */
	assert_int_equal(peer_write32(&stage->peer, STAGE_MAPPED, 0x8000, 77), 0);
	assert_int_equal(pread(stage->memory, &got, 4, 0x8000), 4);
	assert_int_equal((uint32_t)got, 77);
	stage->on_write = fail_write;
	assert_int_equal(peer_write32(&stage->peer, STAGE_REGISTERS, 0x80, 1), -EIO);
	assert_int_equal(peer_write32(&stage->peer, STAGE_REGISTERS, 0x84, 1), 0);
}

static void the_largest_access(void **state)
{
	struct server_stage *stage = *state;
	struct wire_region_access access = {0, STAGE_MAPPED, WIRE_DATA_MAX};
	int large = memory_file(2 << 20);

	close(stage->memory);
	stage->memory = large;
	stage->device.regions[STAGE_MAPPED].size = 2 << 20;
	stage->device.regions[STAGE_MAPPED].fd = large;
	stage_serve(stage);
	assert_int_equal(peer_version(&stage->peer, 0, 0, wire_peer_text), 0);
	assert_int_equal(pwrite(large, "end", 3, WIRE_DATA_MAX - 3), 3);
	assert_int_equal(peer_ask(&stage->peer, WIRE_REGION_READ, &access, sizeof(access)), 0);
	assert_int_equal(wire_payload(&stage->peer.reader), sizeof(access) + WIRE_DATA_MAX);
	assert_memory_equal(stage->peer.reader.payload + wire_payload(&stage->peer.reader) - 3, "end", 3);
	access.count++;
	assert_int_equal(peer_ask(&stage->peer, WIRE_REGION_READ, &access, sizeof(access)), -EINVAL);
	stage_is_in_step(stage, open_fds());
}

static void many_writes_in_a_message(void **state)
{
	struct server_stage *stage = *state;
	struct __attribute__((packed)) {
		uint64_t count;
		struct wire_one_write writes[3];
	} multi = {3, {{0, 0, 4, {1}}, {0, LEND_REGION_VGA, 4, {2}}, {4, 0, 4, {3}}}};
	uint64_t done;

	assert_int_equal(peer_ask(&stage->peer, WIRE_REGION_WRITE_MULTI, &multi, sizeof(multi)), 0);
	assert_int_equal(wire_payload(&stage->peer.reader), 8);
	memcpy(&done, stage->peer.reader.payload, 8);
	assert_int_equal(done, 2);
	assert_true(stage->bytes[0][0] == 1 && stage->bytes[0][4] == 3);
	multi.count = 4;
	assert_int_equal(peer_ask(&stage->peer, WIRE_REGION_WRITE_MULTI, &multi, sizeof(multi)), -EINVAL);
	multi.count = UINT64_MAX / 24 + 4;
	assert_int_equal(peer_ask(&stage->peer, WIRE_REGION_WRITE_MULTI, &multi, sizeof(multi)), -EINVAL);
	multi.count = 1;
	multi.writes[0].count = 9;
	assert_int_equal(peer_ask(&stage->peer, WIRE_REGION_WRITE_MULTI, &multi, 8 + 24), 0);
	memcpy(&done, stage->peer.reader.payload, 8);
	assert_int_equal(done, 0);
	/* A client that did not say so. */
	stage_connect(stage);
	assert_int_equal(peer_version(&stage->peer, 0, 0, NULL), 0);
	assert_int_equal(peer_ask(&stage->peer, WIRE_REGION_WRITE_MULTI, &multi, 8 + 24), -EINVAL);
	stage_is_in_step(stage, open_fds());
}

/* Descriptions that contradict themselves are refused, with a sentence. */
static void descriptions_that_make_no_sense(void **state)
{
	static const struct lend_area odd[] = {{0, 0x800}}, outside[] = {{0x10000, 0x1000}},
				      twice[] = {{0, 0x2000}, {0x1000, 0x1000}};
	static const struct lend_server_capability large = {.id = 9, .length = 200};
	struct server_stage *stage = *state;
	const struct lend_server_device good = stage->device;
	const struct lend_server_config good_config = stage->config;
	struct lend_server *server;
	struct lend_error error;

#define REFUSED(change)                                                                                      \
	do {                                                                                                 \
		error.text[0] = 0;                                                                           \
		stage->device = good;                                                                        \
		stage->config = good_config;                                                                 \
		change;                                                                                      \
		assert_int_equal(lend_server_new(stage->context, &stage->device, &server, &error), -EINVAL); \
		assert_true(error.text[0]);                                                                  \
	} while (0)
	REFUSED(stage->device.size = 4);
	REFUSED(stage->device.ops = NULL);
	REFUSED(stage->device.regions[0].size = 4097);
	REFUSED(stage->device.regions[STAGE_PORTS].size = 512);
	REFUSED(stage->device.regions[3].size = 4096);
	REFUSED(stage->config.bars[0] = 8);
	REFUSED(stage->device.regions[STAGE_MAPPED].areas = odd);
	REFUSED(stage->device.regions[STAGE_MAPPED].areas = outside);
	REFUSED(stage->device.regions[STAGE_MAPPED].areas = twice);
	REFUSED(stage->device.regions[STAGE_MAPPED].offset = 0x8000);
	REFUSED(stage->config.msi = 3);
	REFUSED(stage->config.msix = 2049);
	REFUSED(stage->config.msix_bar = 3);
	REFUSED(stage->config.msix_pending = 64);
	REFUSED(stage->config.msix_table = 4);
	REFUSED(stage->config.msix_table = 4096);
	REFUSED(stage->config.msix_bar = STAGE_MAPPED);
	REFUSED(stage->config.capabilities = &large);
	REFUSED(stage->device.config = NULL);
	stage->device = good;
	stage->config = good_config;
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)
	const struct CMUnitTest tests[] = {
		CASE(info_of_regions),
		CASE(areas_come_with_the_descriptor),
		CASE(doorbells_of_a_region),
		CASE(doorbells_and_plain_writes),
		CASE(accesses_that_make_no_sense),
		CASE(accesses_reach_the_device),
		CASE(the_largest_access),
		CASE(many_writes_in_a_message),
		CASE(descriptions_that_make_no_sense),
	};

	return cmocka_run_group_tests_name("server_regions", tests, NULL, NULL);
}
