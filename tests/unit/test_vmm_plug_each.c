/* SPDX-License-Identifier: MIT */
/*
 * A plug that fails at each call of the host and at each allocation in turn leaves nothing; and a
 * device that comes and goes for ever leaves nothing either (plug_stage.h).
 */
#include <malloc.h>
#include <poll.h>

#include "tests/unit/failing_allocations.h"
#include "tests/unit/plug_stage.h"

/* Whether the device came. A plug that began ends in exactly one event. */
static bool plug_in(void)
{
	int ret;

	counting = true;
	ret = add(0);
	plugs_serve(&stage.vmm);
	plugs_serve(&stage.vmm);
	counting = false;
	if (!ret && !strcmp(stage.events, "plugged 0, "))
		return true;
	assert_string_equal(stage.events, ret ? "" : "failed 0, ");
	assert_true(strlen(stage.text) > 10);
	return false;
}

/* The guest uses it as far as what fails lets it, and it is taken away again. */
static void come_and_go(void)
{
	stage.events[0] = '\0';
	if (plug_in()) {
		use(PORT_A);
		plugs_serve(&stage.vmm);
		stage.events[0] = '\0';
		assert_int_equal(take_away(0, true), 0);
		plugs_serve(&stage.vmm);
		expect_events("deleted 0, ");
		chip_write(HOTPLUG_CHANGED, 1 << PORT_A);
	}
	expect_nothing_left();
}

static void each_call_to_the_device_and_the_iommu(void **state)
{
	unsigned calls;

	(void)state;
	stage.world->calls = 0;
	come_and_go();
	calls = stage.world->calls;
	assert_true(calls > 15);
	for (unsigned n = 1; n <= calls; n++) {
		stage.world->calls = 0;
		stage.world->fail_at = n;
		come_and_go();
	}
	stage.world->fail_at = 0;
	print_message("%u calls failed in turn\n", calls);
}

static void each_call_to_kvm(void **state)
{
	unsigned calls;

	(void)state;
	stage.calls = 0;
	come_and_go();
	calls = stage.calls;
	assert_true(calls > 4);
	for (unsigned n = 1; n <= calls; n++) {
		stage.calls = 0;
		stage.fail_at = n;
		come_and_go();
	}
	print_message("%u calls failed in turn\n", calls);
}

static void each_allocation(void **state)
{
	unsigned count;

	(void)state;
	come_and_go(); /* what is kept for ever is there */
	allocations = 0;
	come_and_go();
	count = allocations;
	assert_true(count > 3);
	for (unsigned n = 1; n <= count; n++) {
		allocations = 0;
		fails_at = n;
		come_and_go();
	}
	fails_at = 0;
	print_message("%u allocations failed in turn\n", count);
}

static void openvmm_3855_for_ever(void **state)
{
	size_t memory = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		stage.world->calls = stage.world->fail_at = 0;
		come_and_go();
		if (i == 2)
			memory = mallinfo2().uordblks;
	}
	/* A sanitizer's own memory is not told. */
	assert_true(mallinfo2().uordblks <= memory);
}

/* As the loop does: it looks when it is asked to. */
static void serve_until_told(void)
{
	struct pollfd asked = {.fd = stage.wakes, .events = POLLIN};
	eventfd_t count;

	while (!stage.events[0]) {
		assert_int_equal(poll(&asked, 1, 60000), 1);
		assert_int_equal(eventfd_read(stage.wakes, &count), 0);
		plugs_serve(&stage.vmm);
	}
}

/* With the thread: the loop is asked to look when the worker is done. */
static void by_the_worker(void **state)
{
	struct lend_error error;

	(void)state;
	assert_int_equal(plugs_start(&stage.vmm, &error), 0);
	assert_int_equal(add(0), 0);
	serve_until_told();
	expect_events("plugged 0, ");
	use(PORT_A);
	plugs_serve(&stage.vmm);
	expect_events("ready 0, ");
	assert_int_equal(take_away(0, true), 0);
	serve_until_told();
	expect_events("deleted 0, ");
	assert_int_equal(add(0), 0); /* the machine ends while it is opened */
}

#define each(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		each(each_call_to_the_device_and_the_iommu),
		each(each_call_to_kvm),
		each(each_allocation),
		each(openvmm_3855_for_ever),
		each(by_the_worker),
	};

	return cmocka_run_group_tests_name("vmm_plug_each", tests, NULL, NULL);
}
