/* SPDX-License-Identifier: MIT */
/* The plan of the address space, and the memory map that follows from it. */
#include <errno.h>
#include <string.h>

#include "tests/unit/cmocka.h"
#include "vmm/x86/tables.h"

static const struct lend_iova_window everything[] = {{0, UINT64_MAX}};
/* What a type1 container on an Intel IOMMU with 39 bits says: the MSI window is left out. */
static const struct lend_iova_window usual[] = {{0, 0xfedfffff}, {0xfef00000, (1ULL << 39) - 1}};

static struct layout_needs needs(uint64_t memory)
{
	return (struct layout_needs){
		.memory = memory, .physical_bits = 40, .windows = usual, .window_count = 2, .buses = 2};
}

static void small_machine_is_one_piece(void **state)
{
	struct layout_needs in = needs(MIB(512));
	struct layout out;

	(void)state;
	assert_int_equal(layout_plan(&in, &out, NULL), 0);
	assert_int_equal(out.ram_count, 1);
	assert_int_equal(out.ram[0].length, MIB(512));
	assert_int_equal(out.low_start, LOW_WINDOW_DEFAULT);
	assert_int_equal(out.high_start, ADDR_4GIB);
	assert_int_equal(out.high_end, 1ULL << 39); /* the IOMMU's, not the processor's, limit */
}

static void ram_lies_on_both_sides_of_the_hole(void **state)
{
	struct layout_needs in = needs(MIB(4608));
	struct layout out;

	(void)state;
	assert_int_equal(layout_plan(&in, &out, NULL), 0);
	assert_int_equal(out.ram_count, 2);
	assert_int_equal(out.ram[0].length, LOW_WINDOW_DEFAULT);
	assert_int_equal(out.ram[1].gpa.a, ADDR_4GIB);
	assert_int_equal(out.ram[1].offset, LOW_WINDOW_DEFAULT);
	assert_int_equal(out.ram[0].length + out.ram[1].length, MIB(4608));
	assert_true(out.high_start >= out.ram[1].gpa.a + out.ram[1].length);
}

/* Large BARs begin at the first address behind RAM that suits the largest of them, and at least a GiB's. */
static void the_high_window_is_aligned(void **state)
{
	static const uint64_t aligns[] = {0, GIB(1), GIB(2), GIB(8)};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		for (uint64_t ram = MIB(4608); ram <= MIB(5632); ram += MIB(1024)) {
			uint64_t align = aligns[i] ? aligns[i] : GIB(1), end;
			struct layout_needs in = needs(ram);
			struct layout out;

			in.high_align = aligns[i];
			assert_int_equal(layout_plan(&in, &out, NULL), 0);
			end = out.ram[1].gpa.a + out.ram[1].length;
			assert_int_equal(out.high_start, (end + align - 1) / align * align);
		}
	}
}

/* ovmf's own ECAM, at 0xb0000000 or at 0xe0000000, is in nobody's way. */
static void firmware_expects_a_hole_of_its_own(void **state)
{
	struct layout_needs in = needs(MIB(4608));
	struct layout out;

	(void)state;
	in.kind = LAYOUT_FIRMWARE;
	assert_int_equal(layout_plan(&in, &out, NULL), 0);
	assert_int_equal(out.ram_count, 2);
	assert_int_equal(out.ram[0].length, GIB(2));
	assert_int_equal(out.ram[1].gpa.a, ADDR_4GIB);
	assert_int_equal(out.ram[0].length + out.ram[1].length, MIB(4608));
	assert_int_equal(out.low_start, 0xc0000000);
	assert_int_equal(out.low_end, 0xe0000000);
	assert_true(out.high_start >= out.ram[1].gpa.a + out.ram[1].length);

	in.low = MIB(600); /* large BARs: down to where RAM ends */
	in.low_align = MIB(512);
	assert_int_equal(layout_plan(&in, &out, NULL), 0);
	assert_int_equal(out.low_start % MIB(512), 0);
	assert_true(out.low_start >= GIB(2));
	assert_true(out.low_end - out.low_start >= MIB(600));
	assert_int_equal(out.ram[0].length, GIB(2));
	assert_int_equal(layout_low_most(LAYOUT_FIRMWARE), MIB(1536));
}

static void large_bars_lower_the_window(void **state)
{
	struct layout_needs in = needs(GIB(4));
	struct layout out;

	(void)state;
	in.low = MIB(600);
	in.low_align = MIB(512);
	assert_int_equal(layout_plan(&in, &out, NULL), 0);
	assert_int_equal(out.low_start % MIB(512), 0);
	assert_true(out.low_end - out.low_start >= MIB(600));
	assert_true(out.ram[0].length <= out.low_start);

	in.low = GIB(2);
	assert_int_equal(layout_plan(&in, &out, NULL), -ENOSPC);
}

static void kvmtool_41d773e_ram_steps_around_reserved_addresses(void **state)
{
	const struct lend_iova_window holes[] = {{0, MIB(256) - 1},
						 {MIB(257), 0xfedfffff},
						 {0x100000000, 0x13fffffff},
						 {0x180000000, (1ULL << 39) - 1}};
	struct layout_needs in = needs(MIB(5120));
	struct layout out;

	(void)state;
	in.windows = holes;
	in.window_count = 4;
	in.high = GIB(8);
	in.high_align = GIB(8);
	assert_int_equal(layout_plan(&in, &out, NULL), 0);
	assert_int_equal(out.ram_count, 4);
	for (unsigned i = 0; i < out.ram_count; i++) {
		uint64_t start = out.ram[i].gpa.a, last = start + out.ram[i].length - 1;

		assert_false(start < MIB(257) && last >= MIB(256));
		assert_false(start < 0x180000000 && last > 0x13fffffff);
	}
	assert_int_equal(out.high_start % GIB(8), 0);
	assert_true(out.high_end - out.high_start >= GIB(8));
}

static void the_low_window_steps_around_too(void **state)
{
	const struct lend_iova_window holes[] = {{0, 0xe7ffffff}, {0xe9000000, (1ULL << 39) - 1}};
	struct layout_needs in = needs(MIB(512));
	struct layout out;

	(void)state;
	in.windows = holes;
	in.window_count = 2;
	in.low = MIB(64);
	assert_int_equal(layout_plan(&in, &out, NULL), 0);
	assert_int_equal(out.low_start, 0xe0000000);
	assert_int_equal(out.low_end, 0xe8000000);
	in.low = MIB(256); /* neither part is enough: the hole begins lower */
	assert_int_equal(layout_plan(&in, &out, NULL), 0);
	assert_true(out.low_end <= 0xe8000000 && out.low_end - out.low_start >= MIB(256));
}

/* Also for BARs that would fit there. */
static void less_than_a_mib_is_no_window(void **state)
{
	const struct lend_iova_window holes[] = {{0, 0xe007ffff}, {0xe9000000, (1ULL << 39) - 1}};
	struct layout_needs in = needs(MIB(512));
	struct layout out;

	(void)state;
	in.windows = holes;
	in.window_count = 2;
	in.low = 0x1000;
	assert_int_equal(layout_plan(&in, &out, NULL), 0);
	assert_int_equal(out.low_start, 0xe9000000);
}

static void what_does_not_fit_is_said(void **state)
{
	struct layout_needs in = needs(GIB(600));
	struct lend_error error = {0};
	struct layout out;

	(void)state;
	assert_int_equal(layout_plan(&in, &out, &error), -ENOSPC);
	assert_non_null(strstr(error.text, "-m"));
	in = needs(GIB(1));
	in.high = GIB(512);
	in.high_align = GIB(512);
	assert_int_equal(layout_plan(&in, &out, &error), -ENOSPC);
	in = needs(GIB(1));
	in.windows = (const struct lend_iova_window[]){{GIB(1), UINT64_MAX}};
	in.window_count = 1;
	assert_int_equal(layout_plan(&in, &out, &error), -ENOSPC);
}

/* A stretch at the very end of the addresses: aligned it would begin at 0. */
static void a_window_that_wraps_is_none(void **state)
{
	const struct lend_iova_window top[] = {{0, 0xfedfffff}, {UINT64_MAX - 4096, UINT64_MAX}};
	const struct lend_iova_window low[] = {{0, 0x7fffffff}, {UINT64_MAX - 4096, UINT64_MAX}};
	struct layout_needs in = needs(GIB(5));
	struct layout out;

	(void)state;
	in.windows = top;
	assert_int_equal(layout_plan(&in, &out, NULL), -ENOSPC); /* no RAM above 4 GiB */
	in = needs(GIB(1));
	in.windows = top;
	assert_int_equal(layout_plan(&in, &out, NULL), 0);
	assert_int_equal(out.high_start, out.high_end);
	in.windows = low;
	in.low = MIB(1);
	assert_int_equal(layout_plan(&in, &out, NULL), -ENOSPC); /* and no window over RAM */
}

static void a_size_that_is_too_small_is_said(void **state)
{
	struct layout_needs in = needs(MIB(2));
	struct lend_error error = {0};
	struct layout out;

	(void)state;
	assert_int_equal(layout_plan(&in, &out, &error), -EINVAL);
	assert_non_null(strstr(error.text, "-m"));
	assert_null(strstr(error.text, "IOMMU"));
	in = needs(MIB(4));
	assert_int_equal(layout_plan(&in, &out, &error), 0);
}

static void no_window_is_invented(void **state)
{
	struct layout_needs in = needs(MIB(512));
	struct layout out;

	(void)state;
	in.windows = (const struct lend_iova_window[]){{0, 0xffffffff}};
	in.window_count = 1;
	assert_int_equal(layout_plan(&in, &out, NULL), 0);
	assert_int_equal(out.high_start, out.high_end);
}

static void the_map_names_ram_and_ecam(void **state)
{
	struct layout_needs in = needs(MIB(4608));
	struct map_entry entries[MAP_MAX];
	struct memory memory = {.size = MIB(4608)};
	struct layout layout;
	unsigned count;

	(void)state;
	in.windows = everything;
	in.window_count = 1;
	assert_int_equal(layout_plan(&in, &layout, NULL), 0);
	memory.piece_count = layout.ram_count;
	memcpy(memory.pieces, layout.ram, sizeof(memory.pieces));
	count = map_entries(&memory, &layout, entries);
	assert_int_equal(count, 5);
	for (unsigned i = 1; i < count; i++)
		assert_true(entries[i].start >= entries[i - 1].start + entries[i - 1].length);
	assert_int_equal(entries[3].start, ADDR_ECAM);
	assert_int_equal(entries[3].length, MIB(2));
	assert_int_equal(entries[3].type, MAP_RESERVED);
	assert_int_equal(entries[4].type, MAP_RAM);
}

static void ch_664431ff1_addresses_do_not_leave_a_piece(void **state)
{
	uint8_t bytes[64];
	struct memory memory = {.base = bytes,
				.size = sizeof(bytes),
				.pieces = {{gpa(0), 0, 32}, {gpa(ADDR_4GIB), 32, 32}},
				.piece_count = 2};

	(void)state;
	assert_ptr_equal(memory_at(&memory, gpa(0), 32), bytes);
	assert_null(memory_at(&memory, gpa(0), 33));
	assert_null(memory_at(&memory, gpa(32), 1));
	assert_ptr_equal(memory_at(&memory, gpa(ADDR_4GIB + 31), 1), bytes + 63);
	assert_null(memory_at(&memory, gpa(ADDR_4GIB + 31), 2));
	assert_null(memory_at(&memory, gpa(1), UINT64_MAX));
	assert_null(memory_at(&memory, gpa(UINT64_MAX), 2));
	assert_true(memory_overlaps(&memory, gpa(16), 1000));
	assert_false(memory_overlaps(&memory, gpa(32), 1000));
	assert_true(memory_overlaps(&memory, gpa(32), ADDR_4GIB));
	assert_int_equal(memory_put(&memory, gpa(30), "abc", 3), -EFAULT);
}

static void the_last_window_says_what_devices_reach(void **state)
{
	static const struct {
		uint64_t last;
		unsigned bits;
	} rows[] = {
		{(1ULL << 39) - 1, 39}, {1ULL << 39, 39}, {(1ULL << 39) - 2, 38}, {UINT64_MAX, 63}, {0, 0}};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct lend_iova_window windows[] = {{0, 0x1000}, {0x10000, rows[i].last}};

		assert_int_equal(layout_reached_bits(windows, 2), rows[i].bits);
	}
	assert_int_equal(layout_reached_bits(NULL, 0), 63);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_machine_is_one_piece),
		cmocka_unit_test(ram_lies_on_both_sides_of_the_hole),
		cmocka_unit_test(the_high_window_is_aligned),
		cmocka_unit_test(firmware_expects_a_hole_of_its_own),
		cmocka_unit_test(large_bars_lower_the_window),
		cmocka_unit_test(kvmtool_41d773e_ram_steps_around_reserved_addresses),
		cmocka_unit_test(the_low_window_steps_around_too),
		cmocka_unit_test(less_than_a_mib_is_no_window),
		cmocka_unit_test(what_does_not_fit_is_said),
		cmocka_unit_test(a_window_that_wraps_is_none),
		cmocka_unit_test(a_size_that_is_too_small_is_said),
		cmocka_unit_test(no_window_is_invented),
		cmocka_unit_test(the_map_names_ram_and_ecam),
		cmocka_unit_test(ch_664431ff1_addresses_do_not_leave_a_piece),
		cmocka_unit_test(the_last_window_says_what_devices_reach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
