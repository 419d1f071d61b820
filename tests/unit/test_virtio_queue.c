/* SPDX-License-Identifier: MIT */
/* Virtqueues, split and packed, against a plain driver and against hostile ones. */
#include <stdlib.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/server_double.h"
#include "tool/serve/virtio/pieces.h"
#include "tool/serve/virtio/queue.h"

enum {
	SIZE = 16,
	RING = GUEST_BASE,
	TABLE = GUEST_BASE + 0x10000,
	BUFFERS = GUEST_BASE + 0x20000,
	ROOM = 64
};

/* All cases run on both kinds of rings, with and without event indexes. */
static const struct kind {
	bool packed, event_index;
} kinds[] = {{false, false}, {false, true}, {true, false}, {true, true}};

static struct vq vq;
static struct driver driver;
static struct iovec iov[ROOM];
static lend_iova_t iova[ROOM];
static const struct vq_room room = {.iov = iov, .iova = iova, .room = ROOM};

static void start_sized(const struct kind *kind, uint16_t size, bool indirect)
{
	struct vq_setup setup = {
		.size = size, .packed = kind->packed, .event_index = kind->event_index, .indirect = indirect};

	driver_start(&driver, RING, size, kind->packed, kind->event_index);
	setup.descriptors = driver.descriptors;
	setup.driver = driver.driver;
	setup.device = driver.device;
	assert_int_equal(vq_start(&vq, NULL, &setup), 0);
}

static void start(const struct kind *kind)
{
	memset(&server, 0, sizeof(server));
	start_sized(kind, SIZE, true);
}

#define EACH_KIND(kind) (const struct kind *kind = kinds; kind < kinds + 4; kind++)

static struct driver_buffer buffer(unsigned index, uint32_t length, bool write)
{
	return (struct driver_buffer){.address = BUFFERS + index * 0x1000u, .length = length, .write = write};
}

static unsigned add_one(void)
{
	struct driver_buffer one = buffer(0, 100, true);

	return driver_add(&driver, &one, 1, 1, 0);
}

static void buffers_in_their_order(void **state)
{
	const struct driver_buffer buffers[] = {buffer(0, 12, false), buffer(1, 0, false),
						buffer(2, 5, false), buffer(3, 7, true), buffer(4, 9, true)};
	/* Direct, all in a table, some of both. */
	const unsigned direct[] = {5, 0, 2};

	(void)state;
	for
		EACH_KIND(kind)
		{
			for (unsigned i = 0; i < 3; i++) {
				struct vq_chain chain;
				uint16_t id, used_id;
				uint32_t length;

				start(kind);
				assert_int_equal(vq_pop(&vq, &chain, &room), 0);
				id = driver_add(&driver, buffers, 5, direct[i], i ? TABLE : 0);
				assert_int_equal(vq_pop(&vq, &chain, &room), 1);
				assert_int_equal(chain.readable, 2);
				assert_int_equal(chain.writable, 2);
				assert_int_equal(chain.readable_bytes, 17);
				assert_int_equal(chain.writable_bytes, 16);
				assert_ptr_equal(iov[1].iov_base, driver_at(buffers[2].address));
				assert_int_equal(iov[2].iov_len, 7);
				assert_int_equal(iova[3], buffers[4].address);
				assert_int_equal(vq_pop(&vq, &chain, &(struct vq_room){0}), 0);
				vq_use(&vq, &chain, 16);
				assert_false(driver_used(&driver, &used_id, &length));
				(void)id;
			}
		}
}

/* Chains that belong together appear at once: the driver of a network card relies on it. */
static void used_chains_appear_at_once(void **state)
{
	(void)state;
	for
		EACH_KIND(kind)
		{
			struct vq_chain chains[3];
			uint16_t id;
			uint32_t length;

			start(kind);
			for (unsigned i = 0; i < 3; i++)
				add_one();
			for (unsigned i = 0; i < 3; i++) {
				assert_int_equal(vq_pop(&vq, &chains[i], &room), 1);
				vq_use(&vq, &chains[i], 10 + i);
				assert_false(driver_used(&driver, &id, &length));
			}
			vq_publish(&vq);
			for (unsigned i = 0; i < 3; i++) {
				assert_true(driver_used(&driver, &id, &length));
				assert_int_equal(id, chains[i].id);
				assert_int_equal(length, 10 + i);
			}
			assert_false(driver_used(&driver, &id, &length));
		}
}

static void chains_are_given_back(void **state)
{
	(void)state;
	for
		EACH_KIND(kind)
		{
			struct vq_chain chains[SIZE], again;

			start(kind);
			for (unsigned round = 0; round < 5; round++) {
				uint16_t id;
				uint32_t length;

				for (unsigned i = 0; i < SIZE - 3; i++)
					add_one();
				for (unsigned i = 0; i < SIZE - 3; i++)
					assert_int_equal(vq_pop(&vq, &chains[i], &room), 1);
				for (unsigned i = SIZE - 3; i-- > 0;)
					vq_unpop(&vq, &chains[i]);
				for (unsigned i = 0; i < SIZE - 3; i++) {
					assert_int_equal(vq_pop(&vq, &again, &room), 1);
					assert_memory_equal(&again, &chains[i], sizeof(again));
					vq_use(&vq, &again, 0);
					vq_publish(&vq);
					assert_true(driver_used(&driver, &id, &length));
					assert_int_equal(id, again.id);
				}
				assert_int_equal(vq_pop(&vq, &again, &room), 0);
			}
		}
}

/* Random chains, many times around the ring: what the driver wrote arrives, and its answer, too. */
static void many_rounds(void **state)
{
	(void)state;
	srand(12);
	for
		EACH_KIND(kind)
		{
			start(kind);
			for (unsigned round = 0; round < 3000; round++) {
				unsigned count = 1 + (unsigned)rand() % 6, added = 0;
				uint16_t ids[SIZE];

				if (round % 1000 == 0)
					server.border = (unsigned)rand() % 2 ? 64 : 0;
				while (driver.free >= count && rand() % 4) {
					struct driver_buffer buffers[6];
					bool table = rand() % 2;
					unsigned index = added * 6;

					for (unsigned i = 0; i < count; i++)
						buffers[i] = buffer(index + i, 4 + (unsigned)rand() % 200,
								    i * 2 >= count);
					driver_put32(buffers[0].address, round * 16 + added);
					ids[added] = driver_add(&driver, buffers, count, 0,
								table ? TABLE + added * 0x100u : 0);
					added++;
				}
				for (unsigned i = 0; i < added; i++) {
					struct vq_pieces pieces = {.vq = &vq, .iov = iov, .iova = iova};
					struct vq_chain chain;
					uint32_t value, length;
					uint16_t id;

					assert_int_equal(vq_pop(&vq, &chain, &room), 1);
					pieces.count = chain.readable + chain.writable;
					assert_int_equal(vq_copy_from(&pieces, 0, &value, 4), 4);
					if (chain.readable)
						assert_int_equal(value, round * 16 + i);
					vq_use(&vq, &chain, value);
					vq_publish(&vq);
					assert_true(driver_used(&driver, &id, &length));
					assert_int_equal(id, ids[i]);
					assert_int_equal(length, value);
				}
				assert_null(vq.broken);
			}
		}
}

/* The driver is told exactly when the chain that it asked for is among those used since. */
static void interrupts_as_asked(void **state)
{
	(void)state;
	for
		EACH_KIND(kind)
		{
			start(kind);
			for (unsigned round = 0; round < 200; round++) {
				unsigned count = 1 + round % 7, ahead = round % 9, how = round % 3;
				uint16_t id;
				uint32_t length;

				if (how == 2 && !kind->event_index)
					how = 0;
				if (how == 1 && kind->event_index && !kind->packed)
					how = 2; /* its flags mean nothing then */
				driver_asks(&driver, kind->event_index && !kind->packed ? 2 : (int)how,
					    ahead);
				for (unsigned i = 0; i < count; i++)
					add_one();
				for (unsigned i = 0; i < count; i++) {
					struct vq_chain chain;

					assert_int_equal(vq_pop(&vq, &chain, &room), 1);
					vq_use(&vq, &chain, 0);
				}
				vq_publish(&vq);
				if (kind->event_index && (how == 2 || !kind->packed))
					assert_int_equal(vq_wants_signal(&vq), ahead < count);
				else
					assert_int_equal(vq_wants_signal(&vq), how == 0);
				assert_false(vq_wants_signal(&vq));
				while (driver_used(&driver, &id, &length))
					;
			}
		}
}

static void notifications_as_asked(void **state)
{
	(void)state;
	for
		EACH_KIND(kind)
		{
			start(kind);
			for (unsigned round = 0; round < 100; round++) {
				struct vq_chain chain;
				uint16_t id;
				uint32_t length;

				assert_false(vq_listen(&vq));
				add_one();
				assert_true(driver_notifies(&driver, 1));
				assert_true(vq_listen(&vq));
				assert_int_equal(vq_pop(&vq, &chain, &room), 1);
				vq_ignore(&vq);
				add_one();
				assert_false(driver_notifies(&driver, 1));
				vq_use(&vq, &chain, 0);
				assert_int_equal(vq_pop(&vq, &chain, &room), 1);
				vq_use(&vq, &chain, 0);
				vq_publish(&vq);
				while (driver_used(&driver, &id, &length))
					;
			}
		}
}

/* A ring, and buffers, that lie in several pieces, or are reached by messages. */
static void memory_of_every_kind(void **state)
{
	const struct {
		uint32_t border;
		uint64_t from, to;
	} places[] = {
		{0x20, 0, 0},
		{0, RING, RING + 0x10000},
		{0, BUFFERS, BUFFERS + 0x10000},
		{0, GUEST_BASE, GUEST_BASE + GUEST_SIZE},
		{0x20, RING + 0x40, RING + 0x50},
	};
	const struct driver_buffer buffers[] = {buffer(0, 300, false), buffer(1, 500, true)};

	(void)state;
	for
		EACH_KIND(kind)
		{
			for (unsigned i = 0; i < 5; i++) {
				struct vq_pieces pieces = {.vq = &vq, .iov = iov, .iova = iova};
				struct vq_chain chain;
				uint8_t data[800];
				uint16_t id;
				uint32_t length;

				start(kind);
				server.border = places[i].border;
				server.remote_from = places[i].from;
				server.remote_to = places[i].to;
				for (unsigned round = 0; round < 2 * SIZE; round++) {
					memset(driver_at(BUFFERS), 0, 0x2000);
				memset(driver_at(buffers[0].address), (int)round + 1, 300);
					driver_add(&driver, buffers, 2, 0, round % 2 ? TABLE : 0);
					assert_int_equal(vq_pop(&vq, &chain, &room), 1);
					pieces.count = chain.readable + chain.writable;
					assert_int_equal(vq_copy_from(&pieces, 100, data, 200), 200);
					assert_int_equal(data[199], round + 1);
					assert_int_equal(vq_copy_to(&pieces, 790, "0123456789ab", 12), 10);
					assert_memory_equal((uint8_t *)driver_at(buffers[1].address) + 490,
							    "0123456789", 10);
					vq_use(&vq, &chain, 500);
					vq_publish(&vq);
					assert_true(driver_used(&driver, &id, &length));
					assert_int_equal(length, 500);
				}
			}
		}
}

/* Pointers that were valid are not used after the memory changed. */
static void forgotten_memory_is_looked_up(void **state)
{
	(void)state;
	for
		EACH_KIND(kind)
		{
			struct vq_chain chain;
			unsigned lookups;

			start(kind);
			assert_int_equal(vq_pop(&vq, &chain, &room), 0);
			lookups = server.lookups;
			assert_int_equal(vq_pop(&vq, &chain, &room), 0);
			assert_int_equal(server.lookups, lookups);
			server.remote_from = RING;
			server.remote_to = RING + 0x10000;
			vq_forget(&vq);
			add_one();
			assert_int_equal(vq_pop(&vq, &chain, &room), 1);
			assert_true(server.copies > 0);
		}
}

static void too_many_pieces_stay(void **state)
{
	const struct driver_buffer buffers[] = {buffer(0, 8, false), buffer(1, 8, false), buffer(2, 8, true)};

	(void)state;
	for
		EACH_KIND(kind)
		{
			struct vq_chain chain;
			struct vq_room small = {.iov = iov, .iova = iova, .room = 2};

			start(kind);
			driver_add(&driver, buffers, 3, 3, 0);
			assert_int_equal(vq_pop(&vq, &chain, &small), -ENOBUFS);
			assert_int_equal(vq_pop(&vq, &chain, &room), 1);
			assert_int_equal(chain.readable + chain.writable, 3);
		}
}

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
	for
		EACH_KIND(kind)
		{
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
	for
		EACH_KIND(kind)
		{
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
	for
		EACH_KIND(kind)
		{
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
		cmocka_unit_test(buffers_in_their_order),
		cmocka_unit_test(used_chains_appear_at_once),
		cmocka_unit_test(chains_are_given_back),
		cmocka_unit_test(many_rounds),
		cmocka_unit_test(interrupts_as_asked),
		cmocka_unit_test(notifications_as_asked),
		cmocka_unit_test(memory_of_every_kind),
		cmocka_unit_test(forgotten_memory_is_looked_up),
		cmocka_unit_test(too_many_pieces_stay),
		cmocka_unit_test(rings_that_cannot_be),
		cmocka_unit_test(bad_chains_break_the_queue),
		cmocka_unit_test(more_than_the_queue_has),
		cmocka_unit_test(nothing_beyond_all),
		cmocka_unit_test(rings_outside_of_memory),
		cmocka_unit_test(mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
