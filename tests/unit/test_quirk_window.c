/* SPDX-License-Identifier: MIT */
/* The table of windows: who answers, where accesses are split, what is cut out of a BAR. */
#include <stdio.h>
#include <string.h>

#include "lib/pci/bars/window.h"
#include "lib/pci/function.h"
#include "tests/unit/test_quirk.h"

/* What the windows were asked: "r0 10+4 " is a read of window 0 at 0x10, 4 bytes. */
static char asked[256];

static int note(char what, const struct window *window, uint64_t offset, unsigned length)
{
	size_t used = strlen(asked);

	snprintf(asked + used, sizeof(asked) - used, "%c%u %llx+%u ", what, window->number,
		 (unsigned long long)offset, length);
	assert_true(offset >= window->offset && offset + length <= window->offset + window->length);
	return window->number == 9 ? -EIO : 0;
}

static int on_read(struct lend_function *function, const struct window *window, uint64_t offset,
		   uint8_t *bytes, unsigned length)
{
	(void)function;
	memset(bytes, (int)(0x10 + window->number), length);
	return note('r', window, offset, length);
}

static int on_write(struct lend_function *function, const struct window *window, uint64_t offset,
		    const uint8_t *bytes, unsigned length)
{
	(void)function, (void)bytes;
	return note('w', window, offset, length);
}

static struct window window(unsigned number, uint64_t offset, uint64_t length)
{
	return (struct window){.region = 0,
			       .offset = offset,
			       .length = length,
			       .read = on_read,
			       .write = on_write,
			       .number = number};
}

/* BAR 0 of 64 KiB, and windows that are added late: nothing is mapped any more when accesses come. */
static struct world *bar(void)
{
	struct world *world = world_new();

	world_bar(world, 0, 0, 0x10000);
	world->function_config.no_mmap = true;
	memset(world->bytes[0], 0x77, sizeof(world->bytes[0]));
	run(world, 0);
	asked[0] = '\0';
	return world;
}

static void xsa_112_split_at_each_end(void **state)
{
	struct world *world = bar();
	struct window small = window(1, 0x102, 2), next = window(2, 0x105, 1),
		      behind = window(3, 0x106, 0x10);

	(void)state;
	assert_int_equal(window_add(world->function, &small), 0);
	assert_int_equal(window_add(world->function, &next), 0);
	assert_int_equal(window_add(world->function, &behind), 0);
	assert_int_equal(bar_get(world, 0, 0x100, 8), UINT64_C(0x1313127711117777));
	assert_string_equal(asked, "r1 102+2 r2 105+1 r3 106+2 ");
	world_expect_order(world, "bar_read 0 100 2", "bar_read 0 104 1", NULL);
	asked[0] = '\0';
	bar_put(world, 0, 0x103, 4, 0);
	assert_string_equal(asked, "w1 103+1 w2 105+1 w3 106+1 ");
	assert_true(recorded(world, "bar_write 0 104 1 0"));
	stop(world);
}

/* The first that was added answers where two lie over each other. */
static void the_first_wins(void **state)
{
	struct world *world = bar();
	struct window inner = window(1, 0x104, 2), outer = window(2, 0x100, 0x10);

	(void)state;
	assert_int_equal(window_add(world->function, &inner), 0);
	assert_int_equal(window_add(world->function, &outer), 0);
	assert_int_equal(bar_get(world, 0, 0x100, 8), UINT64_C(0x1212111112121212));
	assert_string_equal(asked, "r2 100+4 r1 104+2 r2 106+2 ");
	stop(world);
}

static void what_only_traps_hides_nobody(void **state)
{
	struct world *world = bar();
	struct window trap = {.region = 0, .offset = 0, .length = 0x10000}, real = window(1, 0x200, 4);

	(void)state;
	assert_int_equal(window_add(world->function, &trap), 0);
	assert_int_equal(window_add(world->function, &real), 0);
	assert_int_equal(bar_get(world, 0, 0x200, 8), UINT64_C(0x7777777711111111));
	stop(world);
}

static void a_window_that_fails_reads_ones(void **state)
{
	struct world *world = bar();
	struct window broken = window(9, 0x100, 4);

	(void)state;
	assert_int_equal(window_add(world->function, &broken), 0);
	assert_int_equal(bar_get(world, 0, 0x100, 8), UINT64_C(0x77777777ffffffff));
	bar_put(world, 0, 0x100, 4, 0);
	assert_int_equal(world->log_lines, 2);
	stop(world);
}

static void bounds_of_the_table(void **state)
{
	struct world *world = bar();
	struct window bad = window(1, 0x10000, 1);

	(void)state;
	assert_int_equal(window_add(world->function, &bad), -ERANGE);
	bad = window(1, 0xffff, 2);
	assert_int_equal(window_add(world->function, &bad), -ERANGE);
	bad = window(1, UINT64_MAX, UINT64_MAX);
	assert_int_equal(window_add(world->function, &bad), -ERANGE);
	bad = window(1, 0, 0);
	assert_int_equal(window_add(world->function, &bad), -ERANGE);
	bad = window(1, 0, 1);
	bad.region = 1; /* no such BAR */
	assert_int_equal(window_add(world->function, &bad), -ERANGE);
	bad.region = LEND_REGION_VGA;
	assert_int_equal(window_add(world->function, &bad), -ERANGE);
	bad.region = UINT32_MAX;
	assert_int_equal(window_add(world->function, &bad), -ERANGE);
	for (unsigned i = 0; i < WINDOWS_MAX; i++) {
		struct window good = window(i, i, 1);

		assert_int_equal(window_add(world->function, &good), 0);
	}
	bad = window(1, 0x100, 1);
	assert_int_equal(window_add(world->function, &bad), -ENOSPC);
	stop(world);
}

/* Pages of windows are cut out, and say why; so many that the parts do not all fit: the rest traps. */
static void cut_and_explained(void **state)
{
	struct world *world = world_new();
	struct lend_area areas[LEND_DIRECT_MAX] = {{0, 0x100000}};
	uint64_t end;
	unsigned count;

	(void)state;
	world_bar(world, 0, 0, 0x100000);
	start(world);
	for (unsigned i = 0; i < WINDOWS_MAX; i++) {
		struct window one = window(i, 0x2000 * i + 0xffc, 8); /* two pages each */

		one.reason = i & 1 ? LEND_REASON_QUIRK : LEND_REASON_RULE;
		one.mapped = i == 3;
		one.offset += i & 1 ? 0x1000 : 0;
		assert_int_equal(window_add(world->function, &one), 0);
	}
	assert_int_equal(windows_reason(world->function, 0, 0, &end), LEND_REASON_RULE);
	assert_int_equal(end, 0x2000);
	assert_int_equal(windows_reason(world->function, 0, 0x2000, &end), LEND_REASON_DIRECT);
	assert_int_equal(end, 0x3000);
	assert_int_equal(windows_reason(world->function, 0, 0x3000, &end), LEND_REASON_QUIRK);
	assert_int_equal(windows_reason(world->function, 0, 0xf0000, &end), LEND_REASON_DIRECT);
	assert_int_equal(end, UINT64_MAX);
	assert_int_equal(windows_reason(world->function, 1, 0, &end), LEND_REASON_DIRECT);
	count = windows_cut(world->function, 0, areas, 1);
	assert_true(count <= LEND_DIRECT_MAX);
	for (unsigned i = 0; i < count; i++)
		for (uint64_t at = areas[i].offset; at < areas[i].offset + areas[i].length; at += 0x1000)
			assert_int_equal(windows_reason(world->function, 0, at, &end), LEND_REASON_DIRECT);
	stop(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xsa_112_split_at_each_end),
		cmocka_unit_test(the_first_wins),
		cmocka_unit_test(what_only_traps_hides_nobody),
		cmocka_unit_test(a_window_that_fails_reads_ones),
		cmocka_unit_test(bounds_of_the_table),
		cmocka_unit_test(cut_and_explained),
	};

	return cmocka_run_group_tests_name("quirk_window", tests, NULL, NULL);
}
