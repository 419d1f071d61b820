/* SPDX-License-Identifier: MIT */
/* A client whose messages have bytes that are wrong: a fixed seed, so that each run is the same. */
#include <stdlib.h>
#include <string.h>

#include "lib/wire/protocol.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/server_hostile.h"
#include "tests/unit/wire_peer.h"

enum { ROUNDS = 20000, LONGEST = 256, MESSAGES = 6 };

static uint64_t state_of_chance = 0x9e3779b97f4a7c15;

static uint32_t chance(void)
{
	state_of_chance ^= state_of_chance << 13;
	state_of_chance ^= state_of_chance >> 7;
	state_of_chance ^= state_of_chance << 17;
	return (uint32_t)(state_of_chance >> 16);
}

/* Numbers that are likelier to be an edge than others. */
static uint64_t odd_number(void)
{
	static const uint64_t numbers[] = {0,      1,       2,          4,         7,          8,
					   15,     16,      31,         32,        0xfff,      0x1000,
					   0x1001, 0x3fff,  0x4000,     0x10000,   0xffff,     0x7fff,
					   0x8000, 1 << 20, UINT32_MAX, INT32_MAX, UINT64_MAX, 1ull << 63};

	return numbers[chance() % (sizeof(numbers) / sizeof(numbers[0]))];
}

/* Accesses, maps and interrupts more often than what says little or ends the session. */
static uint16_t one_command(void)
{
	static const uint8_t often[] = {
		WIRE_DMA_MAP,     WIRE_DMA_MAP,     WIRE_DMA_UNMAP,    WIRE_SET_IRQS,     WIRE_SET_IRQS,
		WIRE_REGION_READ, WIRE_REGION_READ, WIRE_REGION_WRITE, WIRE_REGION_WRITE, WIRE_REGION_WRITE};

	return chance() % 8 ? often[chance() % sizeof(often)] : (uint16_t)(1 + chance() % 18);
}

/* A message that is right but for some of its numbers. */
static size_t put_message(uint8_t *out)
{
	uint64_t words[16];
	struct wire_header header = {.id = (uint16_t)chance(), .command = one_command()};
	size_t length = chance() % 64;
	bool right = chance() % 4;

	for (unsigned i = 0; i < 16; i++)
		words[i] = chance() % 2 ? odd_number()
					: (uint64_t)(chance() % 64) | (uint64_t)(chance() % 9) << 32;
	if (right && header.command == WIRE_SET_IRQS) {
		const struct wire_set_irqs set = {20 + chance() % 8, 1u << chance() % 3 | 8u << chance() % 3,
						  chance() % 5, chance() % 17, chance() % 17};

		length = sizeof(set);
		memcpy(words, &set, sizeof(set));
	} else if (right && (header.command == WIRE_REGION_READ || header.command == WIRE_REGION_WRITE)) {
		const struct wire_region_access access = {chance() % (chance() % 4 ? 30 : 4100), chance() % 9,
							  1 + chance() % 40};

		length = sizeof(access) + (header.command == WIRE_REGION_WRITE ? access.count : 0);
		memcpy(words, &access, sizeof(access));
	} else if (right && header.command == WIRE_DMA_MAP) {
		const struct wire_dma_map map = {32, chance() % 16, chance() % 4 << 12,
						 (uint64_t)(chance() % 32) << 12,
						 (uint64_t)(1 + chance() % 4) << 12};

		length = sizeof(map);
		memcpy(words, &map, sizeof(map));
	} else if (right) {
		/* argsz, flags, index: most others begin so. */
		const uint32_t begin[] = {16 + chance() % 200, chance() % 4, chance() % 10};

		memcpy(words, begin, sizeof(begin));
		length = 40;
	}
	header.size = (uint32_t)(chance() % 50 ? sizeof(header) + length : odd_number());
	header.flags = chance() % 8 ? 0 : chance() % 64;
	memcpy(out, &header, sizeof(header));
	memcpy(out + sizeof(header), words, length);
	return sizeof(header) + length;
}

static void messages_with_wrong_bytes(void **state)
{
	struct hostile *hostile = hostile_new();
	unsigned fds;

	(void)state;
	fds = open_fds();
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint8_t bytes[1 + MESSAGES * LONGEST];
		size_t size = 1;

		bytes[0] = (uint8_t)(chance() | (chance() % 8 ? 1 : 0));
		for (unsigned j = 0; j < MESSAGES; j++)
			size += put_message(bytes + size);
		if (chance() % 2)
			bytes[1 + chance() % (size - 1)] ^= (uint8_t)(1u << chance() % 8);
		if (!(chance() % 4))
			size = 1 + chance() % (size - 1);
		hostile_bytes(hostile, bytes, size);
	}
	assert_int_equal(open_fds(), fds);
	/* Enough of them are right for the device to see accesses. */
	assert_true(hostile_accesses(hostile) > ROUNDS / 4);
	hostile_free(hostile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(messages_with_wrong_bytes)};

	return cmocka_run_group_tests_name("server_mutations", tests, NULL, NULL);
}
