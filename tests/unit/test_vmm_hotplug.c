/* SPDX-License-Identifier: MIT */
/* The chip of hotplug, driven as the AML drives it, and as a hostile guest may. */
#include <string.h>

#include "tests/unit/cmocka.h"
#include "vmm/pci/hotplug.h"

enum { PORTS = 1 << 1 | 1 << 3 };

static struct {
	unsigned ejected, refused, seen, slot, levels;
	uint32_t status;
	bool high;
} told;

static void on_ejected(void *opaque, unsigned slot)
{
	(void)opaque;
	told.ejected++;
	told.slot = slot;
}

static void on_refused(void *opaque, unsigned slot, uint32_t status)
{
	(void)opaque;
	told.refused++;
	told.slot = slot;
	told.status = status;
}

static void on_seen(void *opaque, unsigned slot)
{
	(void)opaque;
	told.seen++;
	told.slot = slot;
}

static void on_level(void *opaque, bool high)
{
	(void)opaque;
	assert_int_not_equal(high, told.high);
	told.high = high;
	told.levels++;
}

static const struct hotplug_calls calls = {
	.ejected = on_ejected, .refused = on_refused, .seen = on_seen, .level = on_level};

static void start(struct hotplug *hotplug, uint32_t present)
{
	memset(&told, 0, sizeof(told));
	hotplug_init(hotplug, &calls, PORTS, present);
}

static uint32_t get(struct hotplug *hotplug, unsigned reg)
{
	return (uint32_t)hotplug_ops.read(hotplug, reg, 4);
}

static void put(struct hotplug *hotplug, unsigned reg, uint32_t value)
{
	hotplug_ops.write(hotplug, reg, 4, value);
}

/* As the method of the AML does it. */
static uint32_t take(struct hotplug *hotplug, unsigned reg)
{
	uint32_t slots = get(hotplug, reg);

	put(hotplug, reg, slots);
	return slots;
}

static void events_wait_for_the_guest(void **state)
{
	struct hotplug hotplug;

	(void)state;
	start(&hotplug, 0);
	assert_false(told.high);
	hotplug_came(&hotplug, 1);
	hotplug_came(&hotplug, 3);
	assert_true(told.high);
	assert_int_equal(told.levels, 1);
	assert_int_equal(told.seen, 0);
	assert_int_equal(get(&hotplug, HOTPLUG_CHANGED), PORTS);
	/* Reading takes nothing: a guest may be interrupted between the two. */
	put(&hotplug, HOTPLUG_CHANGED, 1 << 1);
	assert_true(told.high);
	assert_int_equal(told.seen, 1);
	assert_int_equal(told.slot, 1);
	assert_int_equal(take(&hotplug, HOTPLUG_CHANGED), 1 << 3);
	assert_int_equal(told.seen, 2);
	assert_false(told.high);
	hotplug_free(&hotplug);
}

/* That the guest has seen a device is told once, also when it looks at it again for another reason. */
static void seen_once(void **state)
{
	struct hotplug hotplug;

	(void)state;
	start(&hotplug, 0);
	hotplug_came(&hotplug, 3);
	assert_int_equal(take(&hotplug, HOTPLUG_CHANGED), 1 << 3);
	assert_int_equal(told.seen, 1);
	hotplug_changed(&hotplug, 3);
	assert_int_equal(take(&hotplug, HOTPLUG_CHANGED), 1 << 3);
	assert_int_equal(told.seen, 1);
	hotplug_free(&hotplug);
}

static void a_device_goes_when_the_guest_lets_it(void **state)
{
	struct hotplug hotplug;

	(void)state;
	start(&hotplug, 1 << 3);
	hotplug_ask(&hotplug, 1); /* nothing is there */
	assert_false(told.high);
	for (unsigned i = 0; i < 2; i++) {
		hotplug_ask(&hotplug, 3); /* the second time the guest is asked again */
		assert_true(told.high);
		assert_int_equal(take(&hotplug, HOTPLUG_CHANGED), 0);
		assert_int_equal(take(&hotplug, HOTPLUG_ASKED), 1 << 3);
		assert_false(told.high);
	}
	put(&hotplug, HOTPLUG_EJECT, 1 << 3);
	put(&hotplug, HOTPLUG_EJECT, 1 << 3);
	assert_int_equal(told.ejected, 1);
	assert_int_equal(told.slot, 3);
	put(&hotplug, HOTPLUG_OUTCOME, 3u << 24 | 3 << 8);
	assert_int_equal(told.refused, 0);
	hotplug_free(&hotplug);
}

static void a_guest_may_refuse_once(void **state)
{
	struct hotplug hotplug;

	(void)state;
	start(&hotplug, PORTS);
	put(&hotplug, HOTPLUG_OUTCOME, 1u << 24 | 3 << 8 | 0x82); /* was not asked */
	assert_int_equal(told.refused, 0);
	hotplug_ask(&hotplug, 1);
	take(&hotplug, HOTPLUG_ASKED);
	put(&hotplug, HOTPLUG_OUTCOME, 1u << 24 | 0x103 << 8 | 0x84); /* is busy with it */
	put(&hotplug, HOTPLUG_OUTCOME, 1u << 24 | 0x200 << 8 | 0x82); /* another event */
	put(&hotplug, HOTPLUG_OUTCOME, 3u << 24 | 3 << 8 | 0x82);     /* another slot */
	assert_int_equal(told.refused, 0);
	put(&hotplug, HOTPLUG_OUTCOME, 1u << 24 | 3 << 8 | 0x82);
	put(&hotplug, HOTPLUG_OUTCOME, 1u << 24 | 3 << 8 | 0x82);
	assert_int_equal(told.refused, 1);
	assert_int_equal(told.slot, 1);
	assert_int_equal(told.status, 0x82);
	hotplug_ask(&hotplug, 1);
	put(&hotplug, HOTPLUG_OUTCOME, 1u << 24 | 0x103 << 8 | 0x01);
	assert_int_equal(told.refused, 2);
	hotplug_free(&hotplug);
}

static void surprise_takes_the_question_back(void **state)
{
	struct hotplug hotplug;

	(void)state;
	start(&hotplug, PORTS);
	hotplug_ask(&hotplug, 1);
	hotplug_gone(&hotplug, 1);
	assert_int_equal(take(&hotplug, HOTPLUG_ASKED), 0);
	assert_int_equal(take(&hotplug, HOTPLUG_CHANGED), 1 << 1);
	assert_int_equal(told.seen, 0);
	put(&hotplug, HOTPLUG_EJECT, 1 << 1);
	put(&hotplug, HOTPLUG_OUTCOME, 1u << 24 | 3 << 8 | 0x82);
	assert_int_equal(told.ejected + told.refused, 0);
	hotplug_gone(&hotplug, 1);
	assert_false(told.high);
	hotplug_free(&hotplug);
}

/* The guest looks, and is still asked for what is left. */
static void one_of_several_functions_goes(void **state)
{
	struct hotplug hotplug;

	(void)state;
	start(&hotplug, 1 << 1);
	hotplug_changed(&hotplug, 3); /* nothing is there */
	assert_false(told.high);
	hotplug_ask(&hotplug, 1);
	hotplug_changed(&hotplug, 1);
	assert_int_equal(take(&hotplug, HOTPLUG_CHANGED), 1 << 1);
	assert_int_equal(told.seen, 0);
	assert_int_equal(take(&hotplug, HOTPLUG_ASKED), 1 << 1);
	put(&hotplug, HOTPLUG_EJECT, 1 << 1);
	assert_int_equal(told.ejected, 1);
	hotplug_free(&hotplug);
}

static void a_reset_forgets_the_questions(void **state)
{
	struct hotplug hotplug;

	(void)state;
	start(&hotplug, 1 << 1);
	hotplug_came(&hotplug, 3);
	hotplug_ask(&hotplug, 1);
	hotplug_reset(&hotplug);
	assert_false(told.high);
	assert_int_equal(get(&hotplug, HOTPLUG_CHANGED), 0);
	assert_int_equal(get(&hotplug, HOTPLUG_ASKED), 0);
	/* Devices are still there. */
	put(&hotplug, HOTPLUG_EJECT, 1 << 3);
	put(&hotplug, HOTPLUG_EJECT, 1 << 1);
	assert_int_equal(told.ejected, 2);
	hotplug_free(&hotplug);
}

static void a_hostile_guest_gets_nowhere(void **state)
{
	struct hotplug hotplug;

	(void)state;
	start(&hotplug, PORTS);
	hotplug_came(&hotplug, 9); /* no port is there */
	hotplug_ask(&hotplug, 40);
	hotplug_gone(&hotplug, 0);
	assert_false(told.high);
	for (unsigned at = 0; at < HOTPLUG_LENGTH; at++)
		for (unsigned length = 1; length <= 8; length++) {
			hotplug_ops.read(&hotplug, at, length);
			hotplug_ops.write(&hotplug, at, length, UINT64_MAX);
		}
	for (unsigned i = 0; i < 100000; i++) {
		put(&hotplug, HOTPLUG_EJECT, UINT32_MAX);
		put(&hotplug, HOTPLUG_CHANGED, UINT32_MAX);
		put(&hotplug, HOTPLUG_OUTCOME, i * 0x01010101u);
	}
	assert_int_equal(told.ejected, 2);
	assert_int_equal(told.seen + told.refused + told.levels, 0);
	hotplug_free(&hotplug);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_wait_for_the_guest),
		cmocka_unit_test(seen_once),
		cmocka_unit_test(a_device_goes_when_the_guest_lets_it),
		cmocka_unit_test(a_guest_may_refuse_once),
		cmocka_unit_test(surprise_takes_the_question_back),
		cmocka_unit_test(one_of_several_functions_goes),
		cmocka_unit_test(a_reset_forgets_the_questions),
		cmocka_unit_test(a_hostile_guest_gets_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
