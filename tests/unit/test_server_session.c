/* SPDX-License-Identifier: MIT */
/* A session of vfio-user from a raw client: version, order of messages, and what breaks it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/server_stage.h"

static const char *reply_text(const struct wire_peer *peer)
{
	size_t length = wire_payload(&peer->reader);

	assert_true(length > sizeof(struct wire_version));
	assert_int_equal(peer->reader.payload[length - 1], 0);
	return (const char *)peer->reader.payload + sizeof(struct wire_version);
}

static void version_is_the_lower_one(void **state)
{
	static const struct {
		unsigned minor, expected;
		const char *text;
	} rows[] = {{0, 0, NULL},           {1, 1, NULL},           {2, 2, NULL},
		    {99, 2, NULL},          {0, 0, wire_peer_text}, {1, 1, wire_peer_text},
		    {2, 2, wire_peer_text}, {99, 2, wire_peer_text}};
	struct server_stage *stage = *state;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wire_version version;

		assert_int_equal(peer_version(&stage->peer, 0, rows[i].minor, rows[i].text), 0);
		memcpy(&version, stage->peer.reader.payload, sizeof(version));
		assert_int_equal(version.major, 0);
		assert_int_equal(version.minor, rows[i].expected);
		assert_non_null(strstr(reply_text(&stage->peer), "\"max_msg_fds\":16"));
		assert_true(lend_server_connected(stage->server));
		stage_connect(stage);
	}
}

static void version_reply_is_no_longer_than_the_request(void **state)
{
	static const char *const texts[] = {
		wire_peer_text,
		"{}",
		"{\"capabilities\":{}}",
		"{\"capabilities\":{\"max_msg_fds\":1}}",
		"{\"capabilities\":{\"write_multiple\":true}}",
		"{\"capabilities\":{\"max_msg_fds\":16,\"write_multiple\":true}}"};
	struct server_stage *stage = *state;

	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(peer_version(&stage->peer, 0, 0, texts[i]), 0);
		assert_true(strlen(reply_text(&stage->peer)) <= strlen(texts[i]));
		stage_is_in_step(stage, open_fds());
		stage_connect(stage);
	}
}

static void another_version_is_refused(void **state)
{
	struct server_stage *stage = *state;
	struct wire_version version = {0, 0};
	uint8_t payload[64] = {16};

	assert_int_equal(peer_version(&stage->peer, 1, 0, wire_peer_text), -EINVAL);
	stage_is_closed(stage);
	stage_connect(stage);
	assert_int_equal(peer_ask(&stage->peer, WIRE_GET_INFO, payload, 16), -EINVAL);
	stage_is_closed(stage);
	stage_connect(stage);
	assert_int_equal(
		peer_ask_with(&stage->peer, WIRE_VERSION, &version, sizeof(version), &stage->memory, 1),
		-EINVAL);
	stage_is_closed(stage);
	/* A second one. */
	assert_int_equal(peer_version(&stage->peer, 0, 0, wire_peer_text), -EINVAL);
	stage_is_closed(stage);
}

static void capabilities_that_make_no_sense(void **state)
{
	static const char *const texts[] = {
		"{\"capabilities\":",
		"no JSON",
		"[]",
		"{\"capabilities\":\"x\"}",
		"{\"capabilities\":{\"max_msg_fds\":-1}}",
		"{\"capabilities\":{\"max_msg_fds\":\"8\"}}",
		"{\"capabilities\":{\"max_data_xfer_size\":0}}",
		"{\"capabilities\":{\"max_data_xfer_size\":9223372036854775808}}",
		"{\"capabilities\":{\"twin_socket\":true}}",
	};
	struct server_stage *stage = *state;
	char *deep = malloc(100001);
	uint8_t no_nul[] = {0, 0, 0, 0, '{', '}'};
	struct wire_header header = {.command = WIRE_VERSION, .size = 16 + 4 + 100000};

	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(peer_version(&stage->peer, 0, 0, texts[i]), -EINVAL);
		stage_is_closed(stage);
		stage_connect(stage);
	}
	assert_int_equal(peer_ask(&stage->peer, WIRE_VERSION, no_nul, sizeof(no_nul)), -EINVAL);
	stage_is_closed(stage);
	stage_connect(stage);
	assert_non_null(deep);
	memset(deep, '[', 100000);
	peer_raw(&stage->peer, &header, sizeof(header), NULL, 0);
	peer_raw(&stage->peer, deep, 2000, NULL, 0);
	assert_int_equal(peer_reply(&stage->peer, WIRE_VERSION, 0), -EINVAL);
	stage_is_closed(stage);
	stage_connect(stage);
	deep[3000] = 0;
	assert_int_equal(peer_version(&stage->peer, 0, 0, deep), -EINVAL);
	stage_is_closed(stage);
	free(deep);
}

static void messages_byte_by_byte_and_ten_at_once(void **state)
{
	struct server_stage *stage = *state;
	struct {
		struct wire_header header;
		struct wire_region_access access;
	} one = {{7, WIRE_REGION_READ, sizeof(one), 0, 0}, {0, LEND_REGION_CONFIG, 2}}, ten[10];

	for (size_t i = 0; i < sizeof(one); i++) {
		peer_raw(&stage->peer, (uint8_t *)&one + i, 1, NULL, 0);
		stage_work(stage);
	}
	assert_int_equal(peer_reply(&stage->peer, WIRE_REGION_READ, 7), 0);
	for (uint16_t i = 0; i < 10; i++) {
		ten[i] = one;
		ten[i].header.id = i;
		ten[i].access.count = i + 1u;
	}
	peer_raw(&stage->peer, ten, sizeof(ten), NULL, 0);
	for (uint16_t i = 0; i < 10; i++) {
		assert_int_equal(peer_reply(&stage->peer, WIRE_REGION_READ, i), 0);
		assert_int_equal(wire_payload(&stage->peer.reader), sizeof(one.access) + i + 1);
	}
}

static void sizes_that_end_the_session(void **state)
{
	static const uint32_t sizes[] = {0, 15, WIRE_MESSAGE_MAX + 1, UINT32_MAX};
	struct server_stage *stage = *state;
	struct wire_header header = {.command = WIRE_GET_INFO};

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		header.size = sizes[i];
		peer_raw(&stage->peer, &header, sizeof(header), NULL, 0);
		assert_int_equal(peer_reply(&stage->peer, WIRE_GET_INFO, 0), -EINVAL);
		stage_is_closed(stage);
	}
	/* No payload, where one is due. */
	for (unsigned command = 2; command < 19; command++)
		if (command != WIRE_RESET)
			assert_int_equal(peer_ask(&stage->peer, command, NULL, 0), -EINVAL);
	stage_is_in_step(stage, open_fds());
}

static void rust_vmm_143_types_that_are_no_command(void **state)
{
	struct server_stage *stage = *state;
	uint8_t info[16] = {16};
	unsigned fds = open_fds();
	uint16_t id;

	for (uint32_t type = 2; type < 16; type++) {
		id = peer_send(&stage->peer, WIRE_GET_INFO, type, info, sizeof(info), &stage->memory, 1);
		assert_int_equal(peer_reply(&stage->peer, WIRE_GET_INFO, id), -EINVAL);
	}
	for (uint32_t bit = 0x40; bit; bit <<= 1) {
		id = peer_send(&stage->peer, WIRE_GET_INFO, bit, info, sizeof(info), NULL, 0);
		assert_int_equal(peer_reply(&stage->peer, WIRE_GET_INFO, id), -EINVAL);
	}
	/* A reply that nobody asked for is dropped. */
	peer_send(&stage->peer, WIRE_DMA_READ, WIRE_REPLY, info, sizeof(info), &stage->memory, 1);
	stage_is_in_step(stage, fds);
}

static void unknown_commands_are_drained(void **state)
{
	static const unsigned commands[] = {0, 14, 16, 17, 18, 19, 0xffff};
	struct server_stage *stage = *state;
	unsigned fds = open_fds();
	const int given[3] = {stage->memory, stage->memory, stage->memory};
	uint8_t payload[300] = {0};

	for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		assert_int_equal(peer_ask_with(&stage->peer, commands[i], payload, sizeof(payload), given, 3),
				 -EINVAL);
		stage_is_in_step(stage, fds);
	}
}

static void rust_vmm_141_no_reply_is_none(void **state)
{
	struct server_stage *stage = *state;
	struct __attribute__((packed)) {
		struct wire_region_access access;
		uint32_t value;
	} write = {{0x10, STAGE_REGISTERS, 4}, 0x11223344}, bad = {{0x10, LEND_REGION_VGA, 4}, 1};

	peer_send(&stage->peer, WIRE_REGION_WRITE, WIRE_NO_REPLY, &write, sizeof(write), NULL, 0);
	peer_send(&stage->peer, WIRE_REGION_WRITE, WIRE_NO_REPLY, &bad, sizeof(bad), NULL, 0);
	peer_send(&stage->peer, 0xffff, WIRE_NO_REPLY, &bad, sizeof(bad), NULL, 0);
	assert_int_equal(peer_read32(&stage->peer, STAGE_REGISTERS, 0x10), 0x11223344);
}

/* More than fits into a call of lend_server_work(), and more than its replies fit into the socket. */
static void a_thousand_commands_in_order(void **state)
{
	struct server_stage *stage = *state;
	struct {
		struct wire_header header;
		union {
			struct wire_region_access access;
			struct wire_info info;
		};
	} all[1000];

	for (unsigned i = 0; i < 1000; i++) {
		all[i].header = (struct wire_header){5, WIRE_REGION_READ, sizeof(all[0]), 0, 0};
		all[i].access = (struct wire_region_access){0, STAGE_REGISTERS, 64};
		if (i % 2) {
			all[i].header.command = WIRE_GET_INFO;
			all[i].info = (struct wire_info){.argsz = 16};
		}
	}
	assert_true(peer_raw(&stage->peer, all, sizeof(all), NULL, 0));
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(peer_reply(&stage->peer, i % 2 ? WIRE_GET_INFO : WIRE_REGION_READ, 5), 0);
	stage_is_in_step(stage, open_fds());
}

/* A client that never reads: the server keeps one reply, and reads no further. */
static void a_client_that_reads_no_replies(void **state)
{
	struct server_stage *stage = *state;
	struct wire_region_access access = {0, STAGE_REGISTERS, 4096};
	unsigned reads, sent = 0;

	stage->peer.pump = NULL;
	for (; sent < 2000; sent++) {
		struct {
			struct wire_header header;
			struct wire_region_access access;
		} one = {{0, WIRE_REGION_READ, sizeof(one), 0, 0}, access};

		if (send(stage->peer.fd, &one, sizeof(one), MSG_DONTWAIT) != sizeof(one))
			break;
		stage_work(stage);
	}
	reads = stage->reads;
	assert_true(reads < sent && reads < 200);
	stage_work(stage);
	assert_int_equal(stage->reads, reads);
	stage->peer.pump = (void (*)(void *))stage_work;
	for (unsigned i = 0; i < sent; i++)
		assert_int_equal(peer_reply(&stage->peer, WIRE_REGION_READ, 0), 0);
	assert_int_equal(stage->reads, sent);
	stage->peer.id = 9;
	stage_is_in_step(stage, open_fds());
}

static void info_and_its_argsz(void **state)
{
	static const struct {
		uint32_t argsz;
		int expected;
	} rows[] = {{0, -EINVAL}, {15, -EINVAL}, {16, 0}, {32, 0}};
	struct server_stage *stage = *state;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wire_info info = {.argsz = rows[i].argsz};
		struct wire_irq_info irq = {.argsz = rows[i].argsz, .index = LEND_IRQ_MSIX};

		assert_int_equal(peer_ask(&stage->peer, WIRE_GET_INFO, &info, sizeof(info)),
				 rows[i].expected);
		assert_int_equal(peer_ask(&stage->peer, WIRE_GET_IRQ_INFO, &irq, sizeof(irq)),
				 rows[i].expected);
		if (rows[i].expected)
			continue;
		memcpy(&irq, stage->peer.reader.payload, sizeof(irq));
		assert_int_equal(irq.count, STAGE_VECTORS);
		assert_int_equal(peer_ask(&stage->peer, WIRE_GET_INFO, &info, sizeof(info)), 0);
		memcpy(&info, stage->peer.reader.payload, sizeof(info));
		assert_int_equal(info.argsz, 16);
		assert_int_equal(info.flags, WIRE_INFO_PCI | WIRE_INFO_RESET);
		assert_true(info.regions == LEND_REGION_COUNT && info.irqs == LEND_IRQ_COUNT);
	}
}

static void reset_is_the_devices(void **state)
{
	struct server_stage *stage = *state;

	assert_int_equal(peer_write(&stage->peer, LEND_REGION_CONFIG, 4, "\6", 2), 2);
	assert_int_equal(peer_map(&stage->peer, 0, 0x1000, 3, stage->memory, 0), 0);
	assert_int_equal(peer_ask(&stage->peer, WIRE_RESET, NULL, 0), 0);
	assert_true(stage->resets == 1 && !stage->lost && !stage->unmaps);
	assert_int_equal(peer_read32(&stage->peer, LEND_REGION_CONFIG, 4) & 0xffff, 0);
	stage->device.cannot_reset = true;
	stage_serve(stage);
	assert_int_equal(peer_version(&stage->peer, 0, 0, wire_peer_text), 0);
	assert_int_equal(peer_ask(&stage->peer, WIRE_RESET, NULL, 0), -EOPNOTSUPP);
}

static unsigned writes_at_reset;

static int note_writes(struct server_stage *stage, enum lend_server_why why)
{
	(void)why;
	writes_at_reset = stage->writes;
	return 0;
}

/* Writes without a reply come before the reset; after its reply nothing of before is signalled. */
static void reset_comes_after_posted_writes(void **state)
{
	struct server_stage *stage = *state;
	struct __attribute__((packed)) {
		struct wire_region_access access;
		uint32_t value;
	} write = {{0x10, STAGE_REGISTERS, 4}, 1};
	int event = eventfd(0, EFD_NONBLOCK);

	stage->on_reset = note_writes;
	assert_int_equal(peer_set_irqs(&stage->peer, LEND_IRQ_MSIX, WIRE_IRQS_EVENTFD | WIRE_IRQS_TRIGGER, 0,
				       1, &event, 1),
			 0);
	lend_server_signal(stage->server, 5);
	lend_server_line(stage->server, true);
	for (unsigned i = 0; i < 100; i++)
		peer_send(&stage->peer, WIRE_REGION_WRITE, WIRE_NO_REPLY, &write, sizeof(write), NULL, 0);
	assert_int_equal(peer_ask(&stage->peer, WIRE_RESET, NULL, 0), 0);
	assert_int_equal(writes_at_reset, 100);
	assert_int_equal(peer_read32(&stage->peer, STAGE_MSIX, STAGE_PENDING), 0);
	/* The eventfds stay. */
	lend_server_signal(stage->server, 0);
	assert_int_equal(stage_signals(event), 1);
	close(event);
}

static void features_are_not_known(void **state)
{
	static const uint32_t flags[] = {0x30001, 0x10001, 0x20002, 0x70001, 0x20006, 0x10008, 0};
	struct server_stage *stage = *state;
	struct {
		struct wire_feature feature;
		uint64_t data[4];
	} ask = {{sizeof(ask), 0}, {UINT64_MAX, 1ull << 63, 0, 0}};

	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		ask.feature.flags = flags[i];
		assert_int_equal(peer_ask(&stage->peer, WIRE_FEATURE, &ask, sizeof(ask)), -EINVAL);
		assert_int_equal(peer_ask(&stage->peer, WIRE_FEATURE, &ask, sizeof(ask.feature)), -EINVAL);
	}
	assert_int_equal(peer_ask(&stage->peer, WIRE_MIG_DATA_READ, &ask, 8), -EINVAL);
	assert_int_equal(peer_ask(&stage->peer, WIRE_MIG_DATA_WRITE, &ask, sizeof(ask)), -EINVAL);
	stage_is_in_step(stage, open_fds());
}

int main(void)
{
#define SILENT(name) cmocka_unit_test_setup_teardown(name, stage_setup_silent, stage_teardown)
#define CASE(name)   cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)
	const struct CMUnitTest tests[] = {
		SILENT(version_is_the_lower_one),
		SILENT(version_reply_is_no_longer_than_the_request),
		SILENT(another_version_is_refused),
		SILENT(capabilities_that_make_no_sense),
		CASE(messages_byte_by_byte_and_ten_at_once),
		CASE(sizes_that_end_the_session),
		CASE(rust_vmm_143_types_that_are_no_command),
		CASE(unknown_commands_are_drained),
		CASE(rust_vmm_141_no_reply_is_none),
		CASE(a_thousand_commands_in_order),
		CASE(a_client_that_reads_no_replies),
		CASE(info_and_its_argsz),
		CASE(reset_is_the_devices),
		CASE(reset_comes_after_posted_writes),
		CASE(features_are_not_known),
	};

	return cmocka_run_group_tests_name("server_session", tests, NULL, NULL);
}
