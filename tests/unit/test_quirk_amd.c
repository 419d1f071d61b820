/* SPDX-License-Identifier: MIT */
/* AMD's reset of Bonaire and Hawaii. */
#include "lib/le.h"
#include "lib/pci/rules/quirk.h"
#include "tests/unit/test_quirk.h"

enum { SMC_INDEX = 0x200, SMC_DATA = 0x204, MEMORY_SIZE = 0x5428 };

/* The fake has one value behind all of the controller's registers: a clock that runs, a program that does. */
static struct world *amd(uint32_t id, uint32_t smc)
{
	struct world *world = device(0x1002, id, 0x030000);

	world->can_reset = false;
	world_bar(world, 5, 0, 0x40000);
	le_store(world->bytes[5] + SMC_DATA, 4, smc);
	le_store(world->bytes[5] + MEMORY_SIZE, 4, 0x1000);
	assert_int_equal(world_open(world), 0);
	world_clear(world);
	return world;
}

static int reset(struct world *world)
{
	int ret;

	pthread_mutex_lock(&world->function->lock);
	ret = quirk_reset(world->function);
	pthread_mutex_unlock(&world->function->lock);
	return ret;
}

static void the_steps(void **state)
{
	static const uint32_t ids[] = {0x6649, 0x6650, 0x6651, 0x6658, 0x665c, 0x665d,
				       0x67a0, 0x67a1, 0x67a2, 0x67a8, 0x67a9, 0x67aa,
				       0x67b0, 0x67b1, 0x67b8, 0x67b9, 0x67ba, 0x67be};

	(void)state;
	for (unsigned i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		struct world *world = amd(ids[i], 0x20100);

		assert_int_equal(reset(world), 0);
		world_expect_order(
			world, "cfg_write 4 2 2", "bar_write 5 200 4 80000004", "bar_read 5 204 4",
			"bar_write 5 200 4 80000370", "bar_read 5 204 4", "cfg_write 7c 4 39d5e86b",
			"bar_read 5 5428 4", "bar_write 5 200 4 80000000", "bar_write 5 204 4 20101",
			"bar_write 5 200 4 80000004", "bar_write 5 204 4 20101", "cfg_write 4 2 0", NULL);
		stop(world);
	}
}

/* Its controller stands still, or has no program: nothing is written that starts a reset. */
static void the_controller_does_not_run(void **state)
{
	static const uint32_t values[] = {0x20101, 0x200fe, 0, UINT32_MAX};

	(void)state;
	for (unsigned i = 0; i < sizeof(values) / sizeof(*values); i++) {
		struct world *world = amd(0x67b0, values[i]);

		assert_int_equal(reset(world), -EOPNOTSUPP);
		assert_int_equal(world_count(world, "cfg_write 7c"), 0);
		assert_int_equal(world_get(world, PCI_COMMAND, 2), 0);
		stop(world);
	}
}

static void it_does_not_come_back(void **state)
{
	struct world *world = amd(0x67b0, 0x20100);

	(void)state;
	le_store(world->bytes[5] + MEMORY_SIZE, 4, UINT32_MAX);
	world->mute = true;
	assert_int_equal(reset(world), -ETIMEDOUT);
	world->mute = false;
	assert_int_equal(world_get(world, PCI_COMMAND, 2), 0);
	stop(world);
}

static void others_have_none(void **state)
{
	struct world *world = amd(0x67bf, 0x20100);

	(void)state;
	assert_int_equal(reset(world), -EOPNOTSUPP);
	assert_int_equal(world->line_count, 0);
	stop(world);
	world = amd(0x67b0, 0x20100);
	world->dead = true;
	assert_int_equal(reset(world), -EIO);
	stop(world);
}

/* The reset of the set takes it first, and says so. */
static void the_report_names_it(void **state)
{
	struct world *world = amd(0x67b0, 0x20100);
	struct lend_reset_report report;

	(void)state;
	assert_int_equal(lend_context_reset(world->context, &world->function, 1, &report, sizeof(report)), 0);
	assert_int_equal(report.ran, LEND_RESET_QUIRK);
	assert_true(report.checked);
	assert_int_equal(world_count(world, "reset"), 0);
	assert_int_equal(world_count(world, "bus_reset"), 0);
	stop(world);
	world = amd(0x67b0, 0x20100);
	world->device->info.can_reset = true; /* the kernel's way is taken, and not the quirk's */
	assert_int_equal(lend_context_reset(world->context, &world->function, 1, &report, sizeof(report)), 0);
	assert_int_not_equal(report.ran, LEND_RESET_QUIRK);
	assert_int_equal(world_count(world, "bar_write"), 0);
	stop(world);
}

/* A BAR that is too small is not read beyond its end: the fake takes that as a violation. */
static void a_bar_that_lies(void **state)
{
	struct world *world = device(0x1002, 0x67b0, 0x030000);

	(void)state;
	world->can_reset = false;
	world_bar(world, 5, 0, 0x1000);
	le_store(world->bytes[5] + SMC_DATA, 4, 0x20100);
	assert_int_equal(world_open(world), 0);
	world_clear(world);
	assert_int_equal(reset(world), -EOPNOTSUPP);
	assert_int_equal(world->line_count, 0);
	stop(world);
}

static void every_call_fails_once(void **state)
{
	unsigned n = 0, calls;

	(void)state;
	do {
		struct world *world = amd(0x67b0, 0x20100);

		calls = world->calls;
		world->fail_at = calls + ++n;
		reset(world);
		calls = world->calls - calls;
		world->fail_at = 0;
		stop(world);
	} while (n <= calls);
	assert_true(n > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_steps),
		cmocka_unit_test(the_controller_does_not_run),
		cmocka_unit_test(others_have_none),
		cmocka_unit_test(it_does_not_come_back),
		cmocka_unit_test(the_report_names_it),
		cmocka_unit_test(a_bar_that_lies),
		cmocka_unit_test(every_call_fails_once),
	};

	return cmocka_run_group_tests_name("quirk_amd", tests, NULL, NULL);
}
