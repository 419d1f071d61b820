/* SPDX-License-Identifier: MIT */
/* Doorbells in the ledger: they are out while their BAR answers, and no longer. */
#include <sys/eventfd.h>

#include "tests/unit/test_pci_ledger.h"

static int bell;

static void offer(struct world *world, unsigned bar, uint64_t offset)
{
	world->doorbells[world->doorbell_count].bar = bar;
	world->doorbells[world->doorbell_count++].at =
		(struct backend_doorbell){.offset = offset, .length = 4, .fd = bell};
}

/* A drive with two doorbells in BAR 0, behind its MSI-X table, and one in BAR 2. */
static struct world *make_bells(void)
{
	struct world *world = make();

	bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	world_bar(world, 2, 0, 0x1000);
	offer(world, 0, 0x1000);
	offer(world, 0, 0x1008);
	offer(world, 2, 0x10);
	return world;
}

static void end(struct world *world)
{
	world_close(world);
	world_free(world);
	close(bell);
}

/* Number of those that are out in BAR `bar`. */
static unsigned out_in(const struct world *world, unsigned bar)
{
	unsigned count = 0;

	for (unsigned i = 0; i < world->ioeventfd_count; i++)
		count += world->ioeventfds[i].bar == bar;
	return count;
}

static void place_second(struct world *world, uint32_t address)
{
	world_write(world, PCI_BASE_ADDRESS_2, 4, address);
}

static void they_follow_their_bar(void **state)
{
	struct world *world = start(make_bells());

	(void)state;
	place_second(world, 0xe1000000);
	assert_int_equal(out_in(world, 0), 2);
	assert_int_equal(out_in(world, 2), 1);
	assert_true(world->ioeventfds[0].any);
	/* A BAR that moves takes its own back before, and gets them at the new place. */
	world_clear(world);
	world_write(world, PCI_BASE_ADDRESS_0, 4, 0xe2000000);
	world_expect_order(world, "ioevent_remove 0 1000", "ioevent_remove 0 1008", "map 0 e2000000",
			   "commit", "ioevent_add 0 1000", "ioevent_add 0 1008", NULL);
	assert_int_equal(world_count(world, "ioevent_remove 2"), 0);
	/* What is turned off, too. */
	world_clear(world);
	world_write(world, PCI_COMMAND, 2, 0);
	world_expect_order(world, "ioevent_remove 0 1008", "ioevent_remove 2 10", "unmap 0", NULL);
	assert_int_equal(world->ioeventfd_count, 0);
	end(world);
}

static void they_go_at_a_stop(void **state)
{
	struct lend_reset_report report;
	struct world *world = start(make_bells());

	(void)state;
	assert_int_equal(out_in(world, 0), 2);
	lend_function_quiesce(world->function);
	assert_int_equal(world->ioeventfd_count, 0);
	assert_int_equal(lend_context_reset(world->context, &world->function, 1, &report, sizeof(report)), 0);
	world_start(world);
	assert_int_equal(out_in(world, 0), 2);
	tell(world->notify_fd[ERR]);
	world_run(world);
	assert_int_equal(world->ioeventfd_count, 0);
	end(world);
}

/* Where something else answers, a doorbell would take its writes. */
static void hidden_bars_have_none(void **state)
{
	struct world *world = make_bells();

	(void)state;
	world->hidden_bars = 1;
	start(world);
	assert_int_equal(world->ioeventfd_count, 0);
	world->hidden_bars = 0;
	lend_function_bars_shown(world->function);
	assert_int_equal(out_in(world, 0), 2);
	end(world);
}

/* A monitor that takes none: one line at the most, and the writes trap. */
static void the_monitor_cannot(void **state)
{
	struct world *world = make_bells();

	(void)state;
	world->no_host_ioeventfd_here = true;
	start(world);
	world_write(world, PCI_BASE_ADDRESS_0, 4, 0xe2000000);
	assert_int_equal(world->ioeventfd_count, 0);
	assert_int_equal(world->log_lines, 1);
	world_clear(world);
	lend_function_bar_write(world->function, 0, 0x1000, 4, 7);
	assert_int_equal(world_count(world, "bar_write 0 1000 4 7"), 1);
	end(world);
}

static void switched_off(void **state)
{
	struct world *world = make_bells();

	(void)state;
	world->function_config.no_ioeventfd = true;
	start(world);
	assert_int_equal(world->ioeventfd_count, 0);
	assert_int_equal(world_count(world, "doorbells"), 0);
	end(world);
}

/* 64 in all, whatever BARs they are in. */
static void the_limit(void **state)
{
	struct world *world = make_bells();

	(void)state;
	for (unsigned i = 0; i < 60; i++)
		offer(world, 0, 0x1010 + 8 * i);
	for (unsigned i = 0; i < 60; i++)
		offer(world, 2, 0x20 + 8 * i);
	start(world);
	place_second(world, 0xe1000000);
	assert_int_equal(out_in(world, 0), 62);
	assert_int_equal(out_in(world, 2), 2);
	end(world);
}

/* Each call fails once, from the question on: what was handed out is taken back (world_close() looks). */
static void every_call_fails_once(void **state)
{
	bool all = false;

	(void)state;
	for (unsigned n = 1; n < 200 && !all; n++) {
		struct world *world = make_bells();

		assert_int_equal(world_open(world), 0);
		world->fail_at = world->calls + n;
		world_start(world);
		place_second(world, 0xe1000000);
		world_write(world, PCI_BASE_ADDRESS_0, 4, 0xe2000000);
		all = world->calls < world->fail_at;
		world->fail_at = 0;
		end(world);
	}
	assert_true(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_follow_their_bar), cmocka_unit_test(they_go_at_a_stop),
		cmocka_unit_test(hidden_bars_have_none), cmocka_unit_test(the_monitor_cannot),
		cmocka_unit_test(switched_off),          cmocka_unit_test(the_limit),
		cmocka_unit_test(every_call_fails_once),
	};

	return cmocka_run_group_tests_name("pci_doorbells", tests, NULL, NULL);
}
