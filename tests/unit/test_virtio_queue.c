/* SPDX-License-Identifier: MIT */
/* Virtqueues, split and packed, against a plain driver. */
#include <stdlib.h>

#include "tests/unit/virtio_queue_stage.h"

static void buffers_in_their_order(void **state)
{
	const struct driver_buffer buffers[] = {buffer(0, 12, false), buffer(1, 0, false),
						buffer(2, 5, false), buffer(3, 7, true), buffer(4, 9, true)};
	/* Direct, all in a table, some of both. */
	const unsigned direct[] = {5, 0, 2};

	(void)state;
	EACH_KIND (kind) {
		for (unsigned i = 0; i < 3; i++) {
			struct vq_chain chain;
			uint16_t id;
			uint32_t length;

			start(kind);
			assert_int_equal(vq_pop(&vq, &chain, &room), 0);
			driver_add(&driver, buffers, 5, direct[i], i ? TABLE : 0);
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
			assert_false(driver_used(&driver, &id, &length));
		}
	}
}

/* Chains that belong together appear at once: the driver of a network card relies on it. */
static void used_chains_appear_at_once(void **state)
{
	(void)state;
	EACH_KIND (kind) {
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
	EACH_KIND (kind) {
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
	EACH_KIND (kind) {
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
					buffers[i] =
						buffer(index + i, 4 + (unsigned)rand() % 200, i * 2 >= count);
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
	EACH_KIND (kind) {
		start(kind);
		for (unsigned round = 0; round < 200; round++) {
			unsigned count = 1 + round % 7, ahead = round % 9, how = round % 3;
			uint16_t id;
			uint32_t length;

			if (how == 2 && !kind->event_index)
				how = 0;
			if (how == 1 && kind->event_index && !kind->packed)
				how = 2; /* its flags mean nothing then */
			driver_asks(&driver, kind->event_index && !kind->packed ? 2 : (int)how, ahead);
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
	EACH_KIND (kind) {
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
	EACH_KIND (kind) {
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
	EACH_KIND (kind) {
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
	EACH_KIND (kind) {
		struct vq_chain chain;
		struct vq_room small = {.iov = iov, .iova = iova, .room = 2};

		start(kind);
		driver_add(&driver, buffers, 3, 3, 0);
		assert_int_equal(vq_pop(&vq, &chain, &small), -ENOBUFS);
		assert_int_equal(vq_pop(&vq, &chain, &room), 1);
		assert_int_equal(chain.readable + chain.writable, 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buffers_in_their_order), cmocka_unit_test(used_chains_appear_at_once),
		cmocka_unit_test(chains_are_given_back),  cmocka_unit_test(many_rounds),
		cmocka_unit_test(interrupts_as_asked),    cmocka_unit_test(notifications_as_asked),
		cmocka_unit_test(memory_of_every_kind),   cmocka_unit_test(forgotten_memory_is_looked_up),
		cmocka_unit_test(too_many_pieces_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
