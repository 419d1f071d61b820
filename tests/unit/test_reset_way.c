/* SPDX-License-Identifier: MIT */
/* The order of the ways to reset a device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/reset_way.h"

#define O RESET_WAY_OWN
#define F RESET_WAY_FUNCTION
#define B RESET_WAY_BUS
#define P RESET_WAY_POWER

static const struct {
	struct reset_facts facts;
	unsigned count;
	enum reset_way ways[RESET_WAY_COUNT];
} cases[] = {
	{{0}, 0, {O}},
	{{.own = true}, 1, {O}},
	{{.own = true, .bus = true}, 2, {O, B}},
	/* The kernel's way is used and not the quirk's, and a broken one brings the quirk's not back. */
	{{.own = true, .kernel_can = true}, 1, {F}},
	{{.own = true, .kernel_can = true, .methods = "flr bus", .broken = 1u << RESET_FLR}, 0, {O}},
	{{.kernel_can = true, .bus = true}, 2, {F, B}},
	{{.kernel_can = true, .methods = "flr bus", .broken = 1u << RESET_FLR, .bus = true}, 1, {B}},
	{{.kernel_can = true, .power = true, .bus = true}, 2, {B, P}},
	{{.kernel_can = true, .power = true}, 1, {P}},
	{{.kernel_can = true, .power = true, .methods = "flr bus", .broken = 1u << RESET_FLR}, 0, {O}},
	{{.power = true, .bus = true}, 1, {B}},
};

static void order(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		enum reset_way ways[RESET_WAY_COUNT];

		assert_int_equal(reset_ways(&cases[i].facts, ways), cases[i].count);
		for (unsigned k = 0; k < cases[i].count; k++)
			assert_int_equal(ways[k], cases[i].ways[k]);
	}
}

static void first_method(void **state)
{
	(void)state;
	assert_true(reset_is_first("pm", "pm"));
	assert_true(reset_is_first("flr bus", "flr"));
	assert_false(reset_is_first("flr bus", "bus"));
	assert_false(reset_is_first("pm_x bus", "pm"));
	assert_false(reset_is_first("", "pm"));
}

static void own_ways(void **state)
{
	(void)state;
	assert_true(reset_is_own(0x1002, 0x6649));
	assert_true(reset_is_own(0x1002, 0x67be));
	assert_false(reset_is_own(0x1002, 0x1234));
	assert_false(reset_is_own(0x8086, 0x6649));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order),
		cmocka_unit_test(first_method),
		cmocka_unit_test(own_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
