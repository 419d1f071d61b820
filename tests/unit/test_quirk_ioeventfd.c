/* SPDX-License-Identifier: MIT */
/* NVIDIA's acknowledgements: learned, handed over, forgotten. */
#include <unistd.h>

#include "tests/unit/test_quirk.h"

enum { ACK = 0x88060, SMALL = 0x1860 };

static struct world *nvidia(void)
{
	struct world *world = device(0x10de, 0x11c0, 0x030000);

	world_vga(world);
	world_bar(world, 0, 0, 0x1000000);
	world_msi(world, PCI_MSI_FLAGS_64BIT, 1); /* at 0x60 */
	return world;
}

static void acknowledge(struct world *world, unsigned times, uint64_t value)
{
	for (unsigned i = 0; i < times; i++)
		bar_put(world, 0, ACK, 1, value);
}

/* The guest's write, as the hypervisor does it from now on. */
static void signal_it(struct world *world, unsigned which)
{
	uint64_t one = 1;

	assert_int_equal(write(world->ioeventfds[which].fd, &one, sizeof(one)), sizeof(one));
}

static void ten_in_a_row(void **state)
{
	struct world *world = run(nvidia(), 0);

	(void)state;
	acknowledge(world, 9, 0xff);
	assert_int_equal(world->ioeventfd_count, 0);
	acknowledge(world, 1, 0xfe); /* another one comes between */
	acknowledge(world, 9, 0xff);
	assert_int_equal(world->ioeventfd_count, 0);
	world_clear(world);
	acknowledge(world, 1, 0xff);
	assert_int_equal(world->ioeventfd_count, 1);
	world_expect_order(world, "ioeventfd 0 88060 1 ff x", "ioevent_add 0 88060 1 ff",
			   "bar_write 0 88060 1 ff", NULL);
	assert_int_equal(world->device_ioeventfds, 1);
	assert_int_equal(world->watch_count, 0);
	stop(world);
}

/* What is not the acknowledgement alone changes config space, and is never learned. */
static void nothing_else_is_learned(void **state)
{
	struct world *world = run(nvidia(), 0);

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		bar_put(world, 0, ACK, 4, 0xff);
		bar_put(world, 0, ACK + 2, 2, 1);
	}
	for (unsigned i = 0; i < 100; i++)
		bar_put(world, 0, ACK, 4, 0xff);
	for (unsigned i = 0; i < 100; i++)
		bar_put(world, 0, 0x88000 + PCI_INTERRUPT_LINE, 1, 5);
	for (unsigned i = 0; i < 100; i++) /* widths take turns */
		bar_put(world, 0, ACK, 1 + (i & 1), 0xff);
	assert_int_equal(world->ioeventfd_count, 0);
	stop(world);
}

static void ten_of_each_mirror(void **state)
{
	struct world *world = run(nvidia(), 0);

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		acknowledge(world, 10, i);
	assert_int_equal(world->ioeventfd_count, 10);
	for (unsigned i = 0; i < 10; i++)
		bar_put(world, 0, SMALL, 2, 0xffff);
	assert_int_equal(world->ioeventfd_count, 11);
	assert_int_equal(world->ioeventfds[10].length, 2);
	assert_int_equal(world->ioeventfds[10].offset, SMALL);
	stop(world);
}

/* VFIO cannot, or shall not: the loop writes. */
static void the_loop_writes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct world *world = nvidia();

		world->no_device_ioeventfd_here = !i;
		world->function_config.no_device_ioeventfd = i;
		run(world, 0);
		acknowledge(world, 10, 0x5a);
		assert_int_equal(world_count(world, "ioeventfd"), !i);
		assert_int_equal(world->device_ioeventfds, 0);
		assert_int_equal(world->watch_count, 1);
		world_clear(world);
		signal_it(world, 0);
		signal_it(world, 0);
		world_run(world);
		assert_int_equal(world_count(world, "bar_write 0 88060 1 5a"), 1);
		stop(world);
	}
}

/* What was signalled and not written yet is written when it ends. */
static void none_is_lost_at_the_end(void **state)
{
	struct world *world = nvidia();

	(void)state;
	run(world, 0);
	acknowledge(world, 10, 0x5a);
	signal_it(world, 0);
	world_clear(world);
	world_write(world, PCI_COMMAND, 2, 0);
	world_expect_order(world, "ioevent_remove 0 88060", "ioeventfd 0 88060 1 5a -",
			   "bar_write 0 88060 1 5a", "unmap 0", NULL);
	assert_int_equal(world->ioeventfd_count, 0);
	stop(world);
}

static void dropped_on_reset_and_on_a_move(void **state)
{
	struct world *world = run(nvidia(), 0);
	struct lend_reset_report report;

	(void)state;
	acknowledge(world, 10, 0xff);
	world_write(world, PCI_BASE_ADDRESS_0, 4, 0xd0000000); /* with decode on */
	assert_int_equal(world->ioeventfd_count, 0);
	assert_true(world->bars[0].placed);
	acknowledge(world, 9, 0xff);
	assert_int_equal(world->ioeventfd_count, 0);
	acknowledge(world, 1, 0xff);
	assert_int_equal(world->ioeventfd_count, 1);
	assert_int_equal(lend_context_reset(world->context, &world->function, 1, &report, sizeof(report)), 0);
	assert_int_equal(world->ioeventfd_count, 0);
	assert_int_equal(world->device_ioeventfds, 0);
	stop(world);
}

static void the_monitor_cannot(void **state)
{
	struct world *world = nvidia();

	(void)state;
	world->no_host_ioeventfd_here = true;
	run(world, 0);
	acknowledge(world, 100, 0xff);
	assert_int_equal(world_count(world, "ioevent_add"), 1); /* asked once */
	assert_int_equal(world_count(world, "bar_write 0 88060 1 ff"), 100);
	assert_int_equal(world->device_ioeventfds, 0);
	assert_int_equal(world->log_lines, 1);
	stop(world);
}

static void switched_off(void **state)
{
	struct world *world = nvidia();

	(void)state;
	world->function_config.no_ioeventfd = true;
	run(world, 0);
	acknowledge(world, 100, 0xff);
	assert_int_equal(world_count(world, "ioevent"), 0);
	stop(world);
}

/* Each of its calls fails once: nothing is left (world_close() looks), and the write went out. */
static void every_call_fails_once(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 4; n++) {
		struct world *world = run(nvidia(), 0);

		acknowledge(world, 9, 0xff);
		world->fail_at = world->calls + n;
		acknowledge(world, 1, 0xff);
		world->fail_at = 0;
		acknowledge(world, 10, 0xfe);
		stop(world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ten_in_a_row),
		cmocka_unit_test(nothing_else_is_learned),
		cmocka_unit_test(ten_of_each_mirror),
		cmocka_unit_test(the_loop_writes),
		cmocka_unit_test(none_is_lost_at_the_end),
		cmocka_unit_test(dropped_on_reset_and_on_a_move),
		cmocka_unit_test(the_monitor_cannot),
		cmocka_unit_test(switched_off),
		cmocka_unit_test(every_call_fails_once),
	};

	return cmocka_run_group_tests_name("quirk_ioeventfd", tests, NULL, NULL);
}
