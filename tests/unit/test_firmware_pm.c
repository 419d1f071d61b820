/* SPDX-License-Identifier: MIT */
/* The power management block: its timer against a clock, the SCI, the power button, the way off. */
#include <stdlib.h>

#include "tests/unit/cmocka.h"
#include "vmm/firmware/pm.h"

enum { STS = 0, EN = 2, CNT = 4, TMR = 8, GPE0 = 0x20, SMI_EN = 0x30, POWER = 0x100, SECOND = 1000000000 };

struct stage {
	struct pm pm;
	uint64_t clock;
	unsigned offs, edges;
	bool high;
};

static uint64_t now(void *opaque)
{
	return ((struct stage *)opaque)->clock;
}

static void sci(void *opaque, bool high)
{
	struct stage *stage = opaque;

	assert_int_not_equal(pthread_mutex_trylock(&stage->pm.lock), 0);
	stage->high = high;
	stage->edges++;
}

static void off(void *opaque)
{
	struct stage *stage = opaque;

	assert_int_equal(pthread_mutex_trylock(&stage->pm.lock), 0);
	pthread_mutex_unlock(&stage->pm.lock);
	stage->offs++;
}

static int set_up(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	const struct pm_calls calls = {now, sci, off, stage};

	stage->clock = 5ULL * SECOND;
	pm_init(&stage->pm, &calls);
	*state = stage;
	return 0;
}

static int tear_down(void **state)
{
	struct stage *stage = *state;

	pm_free(&stage->pm);
	free(stage);
	return 0;
}

static uint64_t get(struct stage *stage, unsigned offset, unsigned length)
{
	uint64_t value = pm_ops.read(&stage->pm, offset, length);

	return length == 8 ? value : value & ((1ULL << 8 * length) - 1);
}

static void set(struct stage *stage, unsigned offset, unsigned length, uint64_t value)
{
	pm_ops.write(&stage->pm, offset, length, value);
}

static unsigned passed(struct stage *stage, uint64_t ns)
{
	uint64_t before = get(stage, TMR, 4);

	stage->clock += ns;
	return (unsigned)((get(stage, TMR, 4) - before) & 0xffffff);
}

static void the_timer_goes_with_the_clock(void **state)
{
	struct stage *stage = *state;

	assert_in_range(passed(stage, SECOND), PM_TIMER_HZ - 1, PM_TIMER_HZ + 1);
	assert_in_range(passed(stage, SECOND / 1000), 3579, 3580);
	assert_int_equal(passed(stage, 0), 0);
	stage->clock = 100ULL * 365 * 86400 * SECOND; /* no sum overflows */
	assert_in_range(passed(stage, SECOND), PM_TIMER_HZ - 1, PM_TIMER_HZ + 1);
}

static void the_timer_has_24_bits(void **state)
{
	struct stage *stage = *state;

	for (unsigned i = 0; i < 20; i++) {
		stage->clock += SECOND;
		assert_in_range(get(stage, TMR, 4), 0, 0xffffff);
	}
	/* The carry into bit 24 is lost, and the count goes on. */
	stage->clock = (0x1000000ULL * SECOND + PM_TIMER_HZ - 1) / PM_TIMER_HZ;
	assert_int_equal(get(stage, TMR, 4), 0);
	stage->clock -= 1000;
	assert_in_range(get(stage, TMR, 4), 0xfffff0, 0xffffff);
}

/* A vCPU that holds the lock, or one that died with it, delays no other's read. */
static void the_timer_is_read_without_the_lock(void **state)
{
	struct stage *stage = *state;

	pthread_mutex_lock(&stage->pm.lock);
	stage->clock += SECOND;
	assert_int_not_equal(pm_ops.read(&stage->pm, TMR, 4), 0);
	pthread_mutex_unlock(&stage->pm.lock);
}

static void parts_of_the_timer_are_read(void **state)
{
	struct stage *stage = *state;
	uint64_t whole = get(stage, TMR, 4);

	assert_int_equal(get(stage, TMR, 1), whole & 0xff);
	assert_int_equal(get(stage, TMR + 1, 1), whole >> 8 & 0xff);
	assert_int_equal(get(stage, TMR, 2), whole & 0xffff);
	assert_int_equal(get(stage, TMR, 8), 0xffffffff00000000 | whole);
	set(stage, TMR, 4, 0x1234);
	assert_int_equal(get(stage, TMR, 4), whole);
}

static void the_button_raises_the_sci_when_enabled(void **state)
{
	struct stage *stage = *state;

	pm_button(&stage->pm);
	assert_int_equal(get(stage, STS, 2), POWER);
	assert_false(stage->high);
	set(stage, EN, 2, POWER);
	assert_true(stage->high);
	pm_button(&stage->pm); /* it is down already */
	assert_int_equal(stage->edges, 1);
	set(stage, STS, 2, 0xffff & ~POWER); /* ones elsewhere clear nothing */
	assert_true(stage->high);
	set(stage, STS, 2, POWER);
	assert_false(stage->high);
	assert_int_equal(get(stage, STS, 2), 0);
	pm_button(&stage->pm);
	assert_true(stage->high);
	set(stage, EN, 2, 0);
	assert_false(stage->high);
	assert_int_equal(stage->edges, 4);
}

static void bytes_of_a_register_are_written_alone(void **state)
{
	struct stage *stage = *state;

	set(stage, EN, 2, 0xffff);
	assert_int_equal(get(stage, EN, 2), 0x521);
	set(stage, EN + 1, 1, 0x01);
	assert_int_equal(get(stage, EN, 2), 0x121);
	set(stage, EN, 1, 0);
	assert_int_equal(get(stage, EN, 2), 0x100);
	set(stage, STS, 4, 0x00210000); /* both registers in one access */
	assert_int_equal(get(stage, EN, 2), 0x21);
	assert_int_equal(get(stage, STS, 4), 0x00210000);
}

static void sleep_enable_switches_off_once(void **state)
{
	struct stage *stage = *state;

	assert_int_equal(get(stage, CNT, 2), 1);
	set(stage, CNT, 2, 0);
	assert_int_equal(get(stage, CNT, 2), 1); /* ACPI mode, always */
	set(stage, CNT, 2, 5 << 10 | 1);
	assert_int_equal(get(stage, CNT, 2), 5 << 10 | 1);
	assert_int_equal(stage->offs, 0);
	set(stage, CNT, 2, 0x2001); /* firmware: type 0 */
	assert_int_equal(stage->offs, 1);
	assert_int_equal(get(stage, CNT, 2), 1);
	set(stage, CNT, 2, 5 << 10 | 0x2001);
	assert_int_equal(stage->offs, 2);
	set(stage, CNT + 1, 1, 5 << 2 | 0x20); /* as a sleep control register */
	assert_int_equal(stage->offs, 3);
	set(stage, CNT, 1, 0x20); /* bit 5 of the lower byte is none */
	set(stage, CNT + 2, 1, 0x20);
	assert_int_equal(stage->offs, 3);
}

/* A level: its status comes back for as long as it is high. */
static void an_event_raises_the_sci_while_it_is_high(void **state)
{
	struct stage *stage = *state;

	stage->pm.events = 1 << 1;
	pm_event(&stage->pm, 1, true); /* waits for a system that listens */
	assert_false(stage->high);
	assert_int_equal(get(stage, GPE0, 4), 1 << 1);
	set(stage, GPE0 + 2, 1, 0xff);
	assert_int_equal(get(stage, GPE0 + 2, 2), 1 << 1); /* there is only this one */
	assert_true(stage->high);
	set(stage, GPE0, 1, 1 << 1);
	assert_true(stage->high);
	set(stage, GPE0 + 2, 1, 0); /* as a system does while it looks what happened */
	assert_false(stage->high);
	pm_event(&stage->pm, 1, false);
	assert_int_equal(get(stage, GPE0, 1), 1 << 1);
	set(stage, GPE0, 1, 1 << 1);
	assert_int_equal(get(stage, GPE0, 1), 0);
	set(stage, GPE0 + 2, 1, 1 << 1);
	assert_false(stage->high);
	pm_event(&stage->pm, 1, true);
	assert_true(stage->high);
	pm_reset(&stage->pm);
	assert_false(stage->high);
	assert_int_equal(get(stage, GPE0 + 2, 2), 0);
}

static void what_is_not_there_reads_as_it_should(void **state)
{
	struct stage *stage = *state;

	set(stage, GPE0, 4, UINT32_MAX);
	set(stage, SMI_EN, 4, UINT32_MAX);
	assert_int_equal(get(stage, GPE0, 4), 0);
	assert_int_equal(get(stage, SMI_EN, 4), 0);
	assert_int_equal(get(stage, 0x60, 4), 0xffffffff); /* a watchdog's driver gives up here */
	assert_int_equal(get(stage, PM_LENGTH - 1, 4), 0xffffffff);
	set(stage, PM_LENGTH - 1, 8, UINT64_MAX);
	assert_int_equal(get(stage, CNT, 4), 1);
	assert_int_equal(stage->offs, 0);
}

static void a_reset_lowers_the_sci(void **state)
{
	struct stage *stage = *state;
	uint64_t before;

	set(stage, EN, 2, POWER);
	set(stage, CNT, 2, 5 << 10);
	pm_button(&stage->pm);
	before = get(stage, TMR, 4);
	pm_reset(&stage->pm);
	assert_false(stage->high);
	assert_int_equal(get(stage, STS, 4), 0);
	assert_int_equal(get(stage, CNT, 2), 1);
	assert_int_equal(get(stage, TMR, 4), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_timer_goes_with_the_clock, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_timer_has_24_bits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_timer_is_read_without_the_lock, set_up, tear_down),
		cmocka_unit_test_setup_teardown(parts_of_the_timer_are_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_button_raises_the_sci_when_enabled, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bytes_of_a_register_are_written_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sleep_enable_switches_off_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_event_raises_the_sci_while_it_is_high, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_not_there_reads_as_it_should, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_reset_lowers_the_sci, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
