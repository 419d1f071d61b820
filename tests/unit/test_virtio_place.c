/* SPDX-License-Identifier: MIT */
/*
 * A virtqueue whose process dies between any two accesses to the ring: the next one goes on
 * at its place, and each chain is used once, in order.
 */
#include "tests/unit/virtio_queue_stage.h"

#include "tests/unit/step_of_death.h"

enum { CHAINS = 60, DIRECT_MAX = 4 };

static struct vq_journal journal;
static unsigned added, seen; /* chains that the driver made available, and got back */

static struct vq_setup setup_of(const struct kind *kind)
{
	return (struct vq_setup){.size = SIZE,
				 .packed = kind->packed,
				 .event_index = kind->event_index,
				 .indirect = true,
				 .descriptors = driver.descriptors,
				 .driver = driver.driver,
				 .device = driver.device};
}

static void begin_process(const struct kind *kind, bool again)
{
	const struct vq_setup setup = setup_of(kind);

	assert_int_equal(vq_start(&vq, NULL, &setup), 0);
	if (again)
		vq_recover(&vq, &journal);
	else
		vq_keep(&vq, &journal);
}

/* The driver takes what was used, and fills the ring up: chains of 1 to 3 descriptors, some in a table. */
static void drive(void)
{
	uint32_t length;
	uint16_t id;

	while (driver_used(&driver, &id, &length)) {
		assert_int_equal(length, 100 + seen);
		seen++;
	}
	while (added < CHAINS && driver.free > DIRECT_MAX) {
		struct driver_buffer buffers[3];
		const unsigned count = 1 + added % 3;

		for (unsigned i = 0; i < count; i++)
			buffers[i] = buffer(i, 100 + added, true);
		if (added % 5 == 4)
			driver_add(&driver, buffers, count, 0, TABLE + added % SIZE * 64);
		else
			driver_add(&driver, buffers, count, count, 0);
		added++;
	}
}

/* The device takes some more than it uses, and shows one, two or three at once. */
static void work(void)
{
	struct vq_chain chains[5];
	unsigned count = 0, use = 1 + seen % 3;

	while (count < 5 && vq_pop(&vq, &chains[count], &room) == 1)
		count++;
	for (unsigned i = 0; i < count && i < use; i++)
		vq_use(&vq, &chains[i], chains[i].writable_bytes / chains[i].writable);
	vq_publish(&vq);
	while (count > use)
		vq_unpop(&vq, &chains[--count]);
	assert_null(vq.broken);
}

/* Whether it died. If not, the driver has all chains back. */
static bool run_until_death(const struct kind *kind, unsigned steps)
{
	memset(&journal, 0, sizeof(journal));
	start(kind);
	added = seen = 0;
	begin_process(kind, false);
	die_at(steps);
	if (setjmp(death))
		return true;
	for (unsigned turn = 0; seen < CHAINS; turn++) {
		assert_true(turn < 4 * CHAINS);
		drive();
		work();
	}
	return false;
}

static void at_each_step(void **state)
{
	(void)state;
	EACH_KIND (kind) {
		unsigned deaths = 0;

		for (unsigned steps = 1; run_until_death(kind, steps); steps++) {
			deaths++;
			die_at(0);
			begin_process(kind, true);
			assert_null(vq.broken);
			for (unsigned turn = 0; seen < CHAINS; turn++) {
				assert_true(turn < 4 * CHAINS);
				drive();
				work();
			}
		}
		/* Several accesses for each chain. */
		assert_true(deaths > 3 * CHAINS);
	}
}

static bool recover_until_death(const struct kind *kind, unsigned steps)
{
	die_at(steps);
	if (setjmp(death))
		return true;
	begin_process(kind, true);
	return false;
}

/* It dies again while it finds its place. */
static void at_the_place(void **state)
{
	(void)state;
	EACH_KIND (kind) {
		for (unsigned first = 1; run_until_death(kind, first); first++) {
			for (unsigned again = 1; recover_until_death(kind, again); again++)
				;
			die_at(0);
			for (unsigned turn = 0; seen < CHAINS; turn++) {
				assert_true(turn < 4 * CHAINS);
				drive();
				work();
			}
		}
	}
}

static void a_place_that_cannot_be(void **state)
{
	static const struct vq_mark marks[] = {
		{.at = SIZE, .slots = 1},
		{.first = 0x7fff, .slots = 1},
		{.slots = 0},
		{.slots = SIZE + 1},
	};
	struct vq_chain chain;

	(void)state;
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		start(&kinds[2]);
		add_one();
		journal = (struct vq_journal){.latest = 1, .marks[0] = marks[i]};
		begin_process(&kinds[2], true);
		assert_non_null(vq.broken);
		assert_int_equal(vq_pop(&vq, &chain, &room), -EPROTO);
	}
	/* The counter of a split ring is the driver's memory: it is judged where it is used. */
	start(&kinds[0]);
	driver_put16(driver.device + 2, 0x7000);
	begin_process(&kinds[0], true);
	assert_int_equal(vq_pop(&vq, &chain, &room), -EPROTO);
}

/* A queue that is set up anew has no place. */
static void a_new_queue(void **state)
{
	struct vq_chain chain;

	(void)state;
	journal = (struct vq_journal){.latest = 2, .marks[1] = {.at = 5, .slots = 1}};
	start(&kinds[2]);
	begin_process(&kinds[2], false);
	begin_process(&kinds[2], true);
	add_one();
	assert_int_equal(vq_pop(&vq, &chain, &room), 1);
	assert_int_equal(vq.next, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_each_step),
		cmocka_unit_test(at_the_place),
		cmocka_unit_test(a_place_that_cannot_be),
		cmocka_unit_test(a_new_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
