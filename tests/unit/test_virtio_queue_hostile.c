/* SPDX-License-Identifier: MIT */
/* Virtqueues, split and packed, against hostile drivers. */
#include <stdlib.h>

#include "tests/unit/virtio_queue_stage.h"

static void rings_that_cannot_be(void **state)
{
	const struct vq_setup bad[] = {
		{.size = 0, .descriptors = RING, .driver = RING + 0x100, .device = RING + 0x200},
		{.size = 12, .descriptors = RING, .driver = RING + 0x100, .device = RING + 0x200},
		{.size = 16, .descriptors = RING + 8, .driver = RING + 0x100, .device = RING + 0x200},
		{.size = 16, .descriptors = RING, .driver = RING + 0x101, .device = RING + 0x200},
		{.size = 16, .descriptors = RING, .driver = RING + 0x100, .device = RING + 0x202},
		{.size = 16, .descriptors = RING, .driver = UINT64_MAX - 1, .device = RING + 0x200},
		{.size = 32769, .packed = true, .descriptors = RING, .driver = RING, .device = RING},
		{.size = 12, .packed = true, .descriptors = RING, .driver = RING + 0x102, .device = RING},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vq_chain chain;

		assert_int_equal(vq_start(&vq, NULL, &bad[i]), -EINVAL);
		assert_int_equal(vq_pop(&vq, &chain, &room), -EPROTO);
		assert_false(vq_listen(&vq));
	}
}

static const struct cell {
	const char *name;
	struct {
		uint64_t address;
		uint32_t length;
		uint16_t flags, next;
	} ring[4], table[3];
	unsigned table_count;
	bool plain; /* indirect descriptors are not negotiated */
} bad_chains[] = {
	{"outside of memory", {{GUEST_BASE + GUEST_SIZE, 1, 0, 0}}, {{0}}, 0, false},
	{"beyond the end", {{GUEST_BASE + GUEST_SIZE - 8, 9, 0, 0}}, {{0}}, 0, false},
	{"address wraps", {{UINT64_MAX - 3, 8, 0, 0}}, {{0}}, 0, false},
	{"lengths overflow", {{BUFFERS, 8, 1, 1}, {BUFFERS, UINT32_MAX, 0, 0}}, {{0}}, 0, false},
	{"read after write", {{BUFFERS, 8, 3, 1}, {BUFFERS, 8, 0, 0}}, {{0}}, 0, false},
	{"write to a ROM", {{GUEST_BASE + 0x1f0000, 8, 2, 0}}, {{0}}, 0, false},
	{"indirect and next", {{TABLE, 16, 5, 1}, {BUFFERS, 8, 0, 0}}, {{BUFFERS, 8, 0, 0}}, 1, false},
	{"indirect in indirect", {{TABLE, 16, 4, 0}}, {{TABLE, 16, 4, 0}}, 1, false},
	{"empty table", {{TABLE, 0, 4, 0}}, {{0}}, 0, false},
	{"part of a descriptor", {{TABLE, 24, 4, 0}}, {{BUFFERS, 8, 0, 0}}, 1, false},
	{"table outside", {{GUEST_BASE - 16, 16, 4, 0}}, {{0}}, 0, false},
	{"table wraps", {{UINT64_MAX - 15, 32, 4, 0}}, {{0}}, 0, false},
	{"table of 4 GiB", {{TABLE, 0xfffffff0, 4, 0}}, {{BUFFERS, 8, 1, 1}, {BUFFERS, 8, 1, 0}}, 2, false},
	{"not negotiated", {{TABLE, 16, 4, 0}}, {{BUFFERS, 8, 0, 0}}, 1, true},
	/* The rest means something in a split ring alone. */
	{"loop of one", {{BUFFERS, 8, 1, 0}}, {{0}}, 0, false},
	{"loop", {{BUFFERS, 8, 1, 1}, {BUFFERS, 8, 1, 2}, {BUFFERS, 8, 1, 1}}, {{0}}, 0, false},
	{"loop of empty ones", {{BUFFERS, 0, 1, 1}, {BUFFERS, 0, 1, 0}}, {{0}}, 0, false},
	{"next outside", {{BUFFERS, 8, 1, SIZE}}, {{0}}, 0, false},
	{"loop in a table", {{TABLE, 32, 4, 0}}, {{BUFFERS, 8, 1, 1}, {BUFFERS, 8, 1, 0}}, 2, false},
	{"next outside of a table", {{TABLE, 16, 4, 0}}, {{BUFFERS, 8, 1, 1}}, 1, false},
};

enum { SPLIT_ALONE = 14 };

static void put_bad(const struct cell *cell, const struct kind *kind)
{
	for (unsigned i = 0; i < 4; i++) {
		uint16_t flags = cell->ring[i].flags, next = cell->ring[i].next;

		driver_descriptor(driver.descriptors + 16 * i, cell->ring[i].address, cell->ring[i].length,
				  kind->packed ? 7 : flags, kind->packed ? (uint16_t)(flags | 1 << 7) : next);
	}
	for (unsigned i = 0; i < 3; i++)
		driver_descriptor(TABLE + 16 * i, cell->table[i].address, cell->table[i].length,
				  kind->packed ? 0 : cell->table[i].flags,
				  kind->packed ? cell->table[i].flags : cell->table[i].next);
	if (!kind->packed)
		driver_put16(driver.driver + 2, 1);
}

static void bad_chains_break_the_queue(void **state)
{
	(void)state;
	EACH_KIND (kind) {
		for (size_t i = 0; i < sizeof(bad_chains) / sizeof(bad_chains[0]); i++) {
			struct vq_chain chain;
			static uint8_t before[0x1000];

			if (kind->packed && i >= SPLIT_ALONE)
				continue;
			start(kind);
			server.readonly_from = GUEST_BASE + 0x1f0000;
			server.readonly_to = GUEST_BASE + GUEST_SIZE;
			start_sized(kind, SIZE, !bad_chains[i].plain);
			put_bad(&bad_chains[i], kind);
			memcpy(before, driver_at(RING), sizeof(before));
			if (vq_pop(&vq, &chain, &room) != -EPROTO || !vq.broken)
				fail_msg("%s, packed %d", bad_chains[i].name, kind->packed);
			/* From then on nothing of it is touched. */
			vq_use(&vq, &chain, 1);
			vq_publish(&vq);
			assert_false(vq_wants_signal(&vq));
			assert_false(vq_listen(&vq));
			vq_ignore(&vq);
			assert_int_equal(vq_pop(&vq, &chain, &room), -EPROTO);
			assert_memory_equal(before, driver_at(RING), sizeof(before));
		}
	}
}

/* A counter, a head, and a number of descriptors beyond what the ring has. */
static void more_than_the_queue_has(void **state)
{
	struct driver_buffer many[SIZE + 1];
	struct vq_chain chain;

	(void)state;
	start(&kinds[0]);
	driver_put16(driver.driver + 2, SIZE + 1);
	assert_int_equal(vq_pop(&vq, &chain, &room), -EPROTO);
	start(&kinds[0]);
	driver_put16(driver.driver + 2, 1);
	driver_put16(driver.driver + 4, SIZE);
	assert_int_equal(vq_pop(&vq, &chain, &room), -EPROTO);
	/* A packed chain without an end, and one that reaches into chains that are not used yet. */
	for (unsigned taken = 0; taken < 2; taken++) {
		start(&kinds[2]);
		for (unsigned i = 0; i < SIZE; i++)
			driver_descriptor(driver.descriptors + 16 * i, BUFFERS, 8, 0,
					  taken && !i ? 1 << 7 : 1 << 7 | 1);
		if (taken) {
			assert_int_equal(vq_pop(&vq, &chain, &room), 1);
			driver_descriptor(driver.descriptors, BUFFERS, 8, 0, 1 << 15);
		}
		assert_int_equal(vq_pop(&vq, &chain, &room), -EPROTO);
	}
	/* Tables: as many as the queue has are right, one more is not. */
	EACH_KIND (kind) {
		for (unsigned count = SIZE; count <= SIZE + 1; count++) {
			start(kind);
			for (unsigned i = 0; i < count; i++)
				many[i] = buffer(i, 8, false);
			driver_add(&driver, many, count, 0, TABLE);
			assert_int_equal(vq_pop(&vq, &chain, &room), count == SIZE ? 1 : -EPROTO);
		}
	}
}

/* All of a ring taken, and the bits say that there is more. */
static void nothing_beyond_all(void **state)
{
	struct vq_chain chain;

	(void)state;
	start(&kinds[2]);
	for (unsigned i = 0; i < SIZE; i++)
		add_one();
	for (unsigned i = 0; i < SIZE; i++)
		assert_int_equal(vq_pop(&vq, &chain, &room), 1);
	driver_put16(driver.descriptors + 14, 1 << 15);
	assert_int_equal(vq_pop(&vq, &chain, &room), 0);
}

static void rings_outside_of_memory(void **state)
{
	(void)state;
	EACH_KIND (kind) {
		for (unsigned part = 0; part < 3; part++) {
			struct vq_setup setup = {.size = SIZE, .packed = kind->packed};
			uint64_t *at[] = {&setup.descriptors, &setup.driver, &setup.device};
			struct vq_chain chain;

			start(kind);
			setup.descriptors = driver.descriptors;
			setup.driver = driver.driver;
			setup.device = driver.device;
			*at[part] = GUEST_BASE + GUEST_SIZE;
			add_one();
			assert_int_equal(vq_start(&vq, NULL, &setup), 0);
			if (vq_pop(&vq, &chain, &room) == 1)
				vq_use(&vq, &chain, 1);
			vq_publish(&vq);
			vq_wants_signal(&vq);
			vq_listen(&vq);
			assert_non_null(vq.broken);
		}
	}
}

/* Random bytes in a ring that was good. Each pop ends; the sanitizers watch. */
static void mutations(void **state)
{
	(void)state;
	srand(34);
	for (unsigned round = 0; round < 40000; round++) {
		const struct kind *kind = &kinds[round % 4];
		struct driver_buffer buffers[] = {buffer(0, 100, false), buffer(1, 100, true)};
		struct vq_chain chain;

		start(kind);
		server.border = round % 3 ? 0 : 48;
		for (unsigned i = 0; i < 4; i++)
			driver_add(&driver, buffers, 2, i % 2, i > 1 ? TABLE + i * 0x100 : 0);
		for (unsigned i = 0; i < 1 + round % 6; i++) {
			uint64_t at = rand() % 4 ? RING + (unsigned)rand() % 0x120
						 : TABLE + (unsigned)rand() % 0x340;

			*(uint8_t *)driver_at(at) = (uint8_t)rand();
		}
		for (unsigned i = 0; i < 8 && vq_pop(&vq, &chain, &room) == 1; i++) {
			struct vq_pieces pieces = {.vq = &vq,
						   .iov = iov,
						   .iova = iova,
						   .count = chain.readable + chain.writable};
			uint8_t data[256];

			assert_true(pieces.count <= ROOM);
			vq_copy_from(&pieces, 0, data, sizeof(data));
			vq_use(&vq, &chain, chain.writable_bytes);
			vq_publish(&vq);
			vq_wants_signal(&vq);
			vq_listen(&vq);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rings_that_cannot_be),    cmocka_unit_test(bad_chains_break_the_queue),
		cmocka_unit_test(more_than_the_queue_has), cmocka_unit_test(nothing_beyond_all),
		cmocka_unit_test(rings_outside_of_memory), cmocka_unit_test(mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
