/* SPDX-License-Identifier: MIT */
/* The ports by which a guest powers off, resets the machine, or says that it has panicked. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "vmm/power.h"
#include "vmm/x86/layout.h"

enum { NOTHING = -1, S5 = 0x20 | SLEEP_TYPE_S5 << 2 };

static int asked;

static void request(void *opaque, enum power_request what)
{
	(void)opaque;
	asked = (int)what;
}

static struct power power = {.irq = -1, .request = request};

static int after_write(const struct bus_ops *ops, uint64_t offset, uint64_t value)
{
	asked = NOTHING;
	ops->write(&power, offset, 1, value);
	return asked;
}

static void sleep_and_reset(void **state)
{
	const uint64_t sleep = PORT_SLEEP_CONTROL - PORT_POWER, reset = PORT_RESET - PORT_POWER;

	(void)state;
	assert_int_equal(after_write(&power_ops, sleep, S5), POWER_OFF);
	assert_int_equal(after_write(&power_ops, sleep, S5 & ~0x20), NOTHING);
	assert_int_equal(after_write(&power_ops, sleep, 0x20 | (SLEEP_TYPE_S5 ^ 1) << 2), NOTHING);
	assert_int_equal(after_write(&power_ops, reset, S5), S5 == RESET_VALUE ? POWER_RESET : NOTHING);
	assert_int_equal(after_write(&power_ops, reset, RESET_VALUE), POWER_RESET);
	assert_int_equal(after_write(&power_ops, reset, RESET_VALUE ^ 1), NOTHING);
	assert_int_equal(after_write(&power_ops, sleep, RESET_VALUE), NOTHING);
	assert_int_equal(power_ops.read(&power, sleep, 1), 0);
	assert_int_equal(power_ops.read(&power, sleep, 4), UINT64_MAX);
}

/* It reads as the events that are understood: a panic, and not what only a crash kernel tells. */
static void panics(void **state)
{
	(void)state;
	assert_int_equal(pvpanic_ops.read(&power, 0, 1), 1);
	assert_int_equal(after_write(&pvpanic_ops, 0, 1), POWER_PANIC);
	assert_int_equal(after_write(&pvpanic_ops, 0, 2), NOTHING);
	assert_int_equal(after_write(&pvpanic_ops, 0, 3), POWER_PANIC);
}

static void resets_of_a_pc(void **state)
{
	static const struct {
		uint16_t port;
		uint8_t reads, resets, harmless;
	} rows[] = {
		{PORT_KEYBOARD, 0, 0xfe, 0xff},
		{PORT_SYSTEM, 2, 3, 2},
		{PORT_RESET_CONTROL, 0, 6, 2},
	};
	static struct bus ports;
	uint64_t value;

	(void)state;
	bus_init(&ports);
	assert_int_equal(power_add_reset_ports(&power, &ports), 0);
	for (unsigned i = 0; i < 3; i++) {
		value = UINT64_MAX;
		assert_int_equal(bus_read(&ports, rows[i].port, 1, &value), 0);
		assert_int_equal(value, rows[i].reads);
		asked = NOTHING;
		bus_write(&ports, rows[i].port, 1, rows[i].harmless);
		assert_int_equal(asked, NOTHING);
		bus_write(&ports, rows[i].port, 1, rows[i].resets);
		assert_int_equal(asked, POWER_RESET);
	}
}

static void the_button_is_an_event(void **state)
{
	uint64_t count = 0;

	(void)state;
	power.irq = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	power_button(&power);
	power_button(&power);
	assert_int_equal(read(power.irq, &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, 2);
	close(power.irq);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sleep_and_reset),
		cmocka_unit_test(panics),
		cmocka_unit_test(resets_of_a_pc),
		cmocka_unit_test(the_button_is_an_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
