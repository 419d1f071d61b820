/* SPDX-License-Identifier: MIT */
/*
 * A client that is killed at and inside each of its messages: the whole of a session is
 * sent up to each byte of it, with the descriptors of its messages. Windows, eventfds and
 * descriptors are gone then, the device was told, and the next client is served.
 */
#include <string.h>

#include "tests/unit/rounds.h"
#include "tests/unit/server_stage.h"

enum { MESSAGES = 13, MESSAGE_MAX = 256 };

struct message {
	uint8_t bytes[MESSAGE_MAX];
	size_t length;
	int fds[2];
	unsigned fd_count;
};

static struct message messages[MESSAGES];
static unsigned count;

static void add(unsigned command, const void *payload, size_t length, const void *more, size_t more_length,
		int fd)
{
	struct message *message = &messages[count++];
	struct wire_header header = {.id = (uint16_t)count, .command = (uint16_t)command};

	message->length = sizeof(header) + length + more_length;
	assert_true(count <= MESSAGES && message->length <= MESSAGE_MAX);
	header.size = (uint32_t)message->length;
	memcpy(message->bytes, &header, sizeof(header));
	memcpy(message->bytes + sizeof(header), payload, length);
	memcpy(message->bytes + sizeof(header) + length, more ? more : "", more_length);
	message->fds[0] = fd;
	message->fd_count = fd >= 0;
}

#define ADD(command, struct_, fd) add(command, struct_, sizeof(*(struct_)), NULL, 0, fd)

static void write_session(struct server_stage *stage)
{
	const struct wire_version version = {0, 2};
	const struct wire_dma_map map = {32, 3, 0, 0x10000, 0x1000}, other = {32, 3, 0, 0x20000, 0x1000};
	const struct wire_dma_unmap unmap = {24, 0, 0x10000, 0x1000};
	const struct wire_info info = {.argsz = sizeof(info)};
	const struct wire_region_info region = {.argsz = 512, .index = STAGE_MAPPED};
	const struct wire_region_io_fds fds = {.argsz = 512, .index = STAGE_REGISTERS};
	const struct wire_irq_info irq = {.argsz = sizeof(irq), .index = LEND_IRQ_MSIX};
	const struct wire_set_irqs set = {sizeof(set), WIRE_IRQS_EVENTFD | WIRE_IRQS_TRIGGER, LEND_IRQ_MSIX,
					  0, 1};
	const struct wire_region_access access = {0, STAGE_REGISTERS, 4};
	const uint32_t value = 7;

	count = 0;
	add(WIRE_VERSION, &version, sizeof(version), wire_peer_text, strlen(wire_peer_text) + 1, -1);
	ADD(WIRE_GET_INFO, &info, -1);
	ADD(WIRE_GET_REGION_INFO, &region, -1);
	ADD(WIRE_GET_REGION_IO_FDS, &fds, -1);
	ADD(WIRE_GET_IRQ_INFO, &irq, -1);
	ADD(WIRE_DMA_MAP, &map, stage->memory);
	ADD(WIRE_DMA_MAP, &other, -1);
	ADD(WIRE_SET_IRQS, &set, stage->memory);
	ADD(WIRE_REGION_READ, &access, -1);
	add(WIRE_REGION_WRITE, &access, sizeof(access), &value, sizeof(value), -1);
	ADD(WIRE_DMA_UNMAP, &unmap, -1);
	add(WIRE_RESET, &version, 0, NULL, 0, -1);
	ADD(WIRE_GET_INFO, &info, -1);
}

/* The client's last message is the `last`-th, and `cut` bytes of it. */
static void be_killed_at(struct server_stage *stage, unsigned last, size_t cut)
{
	unsigned lost;

	stage_connect(stage);
	lost = stage->lost;
	for (unsigned i = 0; i <= last; i++) {
		const struct message *message = &messages[i];
		size_t length = i == last ? cut : message->length;

		if (length)
			peer_raw(&stage->peer, message->bytes, length, message->fds, message->fd_count);
	}
	/* Some of them die before the server has looked. */
	if ((last + cut) % 2)
		stage_work(stage);
	peer_end(&stage->peer);
	stage_work(stage);
	assert_in_range(stage->lost, lost, lost + 1);
	assert_int_equal(stage->maps, stage->unmaps);
}

static void at_and_inside_each_message(void **state)
{
	struct server_stage *stage = *state;
	const unsigned least = rounds(1, 10000);
	unsigned deaths = 0, fds = open_fds();

	write_session(stage);
	do {
		for (unsigned i = 0; i < count; i++) {
			for (size_t cut = 0; cut <= messages[i].length; cut++, deaths++)
				be_killed_at(stage, i, cut);
			stage_connect(stage);
			assert_int_equal(peer_version(&stage->peer, 0, 2, wire_peer_text), 0);
			stage_is_in_step(stage, fds);
		}
	} while (deaths < least);
	assert_true(deaths > 500 && stage->maps > 200);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)
	const struct CMUnitTest tests[] = {
		CASE(at_and_inside_each_message),
	};

	return cmocka_run_group_tests_name("server_deaths", tests, NULL, NULL);
}
