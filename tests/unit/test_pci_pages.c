/* SPDX-License-Identifier: MIT */
/*
 * Host pages of 4 KiB and of 64 KiB (spec 14, case 2): what of a BAR is direct
 * is whole pages of the host's, whatever they are. sysconf() is this file's
 * own, so that the library under test finds the page that a case wants.
 */
#include <dlfcn.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "lend/explain.h"
#include "lib/pci/function.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"

static long page = 4096;

long sysconf(int name)
{
	static long (*next)(int name);

	if (name == _SC_PAGESIZE)
		return page;
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "sysconf");
	return next ? next(name) : -1;
}

static const long pages[] = {4096, 65536};

static struct world *start(struct world *world)
{
	assert_int_equal(world_open(world), 0);
	assert_true(world->function->page == (uint64_t)page);
	world_start(world);
	return world;
}

static void stop(struct world *world)
{
	world_close(world);
	world_free(world);
}

/* Whole pages, inside the BAR, in order, without a byte of the table, and all pages without one. */
static void check_direct(const struct world *world, uint64_t size, uint64_t table, uint64_t table_end)
{
	const struct world_bar *bar = &world->bars[0];
	uint64_t direct = 0, want = 0, end = 0, step = (uint64_t)page;

	for (size_t i = 0; i < bar->direct_count; i++) {
		uint64_t from = bar->direct[i].offset, to = from + bar->direct[i].length;

		assert_true(from >= end && to > from && to <= size);
		assert_true(from % step == 0 && to % step == 0);
		assert_true(to <= table || from >= table_end);
		assert_true((uintptr_t)bar->direct[i].va % step == 0);
		direct += to - from;
		end = to;
	}
	for (uint64_t at = 0; at + step <= size; at += step)
		want += at + step <= table || at >= table_end ? step : 0;
	assert_int_equal(direct, want);
	assert_int_equal(world->map_count, bar->direct_count);
}

static void check_accesses(struct world *world, uint64_t table, uint64_t table_end)
{
	/* The table is ours, its neighbours in the page are the device's, at their own width. */
	world_clear(world);
	assert_int_equal(lend_function_bar_read(world->function, 0, table + 12, 4), 1);
	assert_int_equal(lend_function_bar_read(world->function, 0, table_end - 4, 4), 1);
	assert_int_equal(world_count(world, "bar_read"), 0);
	if (table)
		lend_function_bar_read(world->function, 0, table - 2, 2);
	lend_function_bar_read(world->function, 0, table_end, 8);
	assert_int_equal(world_count(world, "bar_read 0"), table ? 2 : 1);
}

static void case_14_2_table_anywhere(void **state)
{
	unsigned cases = 0;

	(void)state;
	for (unsigned p = 0; p < 2; p++) {
		uint64_t size, step;

		page = pages[p];
		step = (uint64_t)page;
		size = 8 * step;
		for (uint64_t table = 0; table < size; table += step / 2) {
			static const unsigned counts[] = {1, 16, 17, 255, 256, 257, 2048};

			for (unsigned c = 0; c < 7; c++) {
				uint64_t end = table + counts[c] * 16;
				uint64_t pba = table ? 0 : size - 0x800;
				struct world *world;

				if (end + 8 > size || (!table && end > pba) || (table && table < 0x800))
					continue;
				world = world_new();
				world->mute = true;
				world_bar(world, 0, 0, size);
				world_msix(world, counts[c], 0, (uint32_t)table, 0, (uint32_t)pba);
				start(world);
				check_direct(world, size, table, end);
				world->mute = false;
				check_accesses(world, table, end);
				stop(world);
				cases++;
			}
		}
	}
	print_message("%u places of the table\n", cases);
	assert_true(cases > 150);
	page = 4096;
}

/* The table is all of the BAR: nothing is direct, and everything works. */
static void case_14_2_table_is_all(void **state)
{
	(void)state;
	for (unsigned p = 0; p < 2; p++) {
		struct world *world = world_new();
		struct lend_explain_row row;

		page = pages[p];
		world_bar(world, 0, 0, (uint64_t)page);
		world_bar(world, 1, 0, (uint64_t)page);
		world_msix(world, (unsigned)page / 16 > 2048 ? 2048 : (unsigned)page / 16, 0, 0, 1, 0);
		start(world);
		assert_int_equal(world->bars[0].direct_count, 0);
		assert_int_equal(lend_function_explain(world->function, &row, 1, sizeof(row)), 2);
		assert_false(row.direct);
		world_vector(world, 255, 0xfee00000, 9, false);
		world_write(world, 0x53, 1, 0x80);
		assert_true(world_interrupt(world, 255));
		world_run(world);
		assert_int_equal(world->routes[255].delivered, 1);
		stop(world);
	}
	page = 4096;
}

/* A BAR smaller than the page: direct where it begins one, never with the table in it. */
static void ch_915675882_small_bar_in_a_large_page(void **state)
{
	struct world *world = world_new();

	(void)state;
	page = 65536;
	world_bar(world, 0, 0, 0x4000);
	start(world);
	assert_int_equal(world->bars[0].direct_count, 1);
	assert_int_equal(world->bars[0].direct[0].length, 65536);
	world_write(world, PCI_BASE_ADDRESS_0, 4, 0xe0004000);
	assert_true(world->bars[0].placed);
	assert_int_equal(world->bars[0].direct_count, 0);
	stop(world);
	world = world_new();
	world_nvme(world);
	start(world);
	assert_int_equal(world->bars[0].direct_count, 0);
	stop(world);
	page = 4096;
}

static void ch_23a980cd5_relocated_table_has_whole_pages(void **state)
{
	(void)state;
	for (unsigned p = 0; p < 2; p++) {
		struct world *world = world_new();
		struct lend_bar bar;

		page = pages[p];
		world_bar(world, 0, 0, 2 * (uint64_t)page);
		world_msix(world, 8, 0, 0x800, 0, 0xc00);
		world->function_config.msix_to = LEND_MSIX_TO_BAR;
		start(world);
		lend_function_bar(world->function, 0, &bar, sizeof(bar));
		assert_int_equal(bar.size, 4 * page);
		assert_int_equal(world_read(world, 0x54, 4), 2 * page);
		assert_int_equal(world->bars[0].direct_count, 1);
		assert_int_equal(world->bars[0].direct[0].length, 2 * page);
		stop(world);
		world = world_new();
		world_bar(world, 0, 0, 2 * (uint64_t)page);
		world_msix(world, 8, 0, 0x800, 0, 0xc00);
		world->function_config.msix_to = LEND_MSIX_TO_BAR + 2;
		start(world);
		lend_function_bar(world->function, 2, &bar, sizeof(bar));
		assert_int_equal(bar.size, page);
		stop(world);
	}
	page = 4096;
}

/* 3.5: aligned so that the kernel can use its largest pages, up to 1 GiB. */
static void maps_are_aligned_for_huge_pages(void **state)
{
	static const uint64_t sizes[] = {0x1000, 0x200000, UINT64_C(1) << 30, UINT64_C(4) << 30};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct world *world = world_new();
		uint64_t align = sizes[i] < UINT64_C(1) << 30 ? sizes[i] : UINT64_C(1) << 30;

		world_bar(world, 0, PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH, sizes[i]);
		start(world);
		world_write(world, PCI_BASE_ADDRESS_1, 4, 0x10);
		assert_int_equal(world->bars[0].direct_count, 1);
		assert_true((uintptr_t)world->bars[0].direct[0].va % align == 0);
		stop(world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(case_14_2_table_anywhere),
		cmocka_unit_test(case_14_2_table_is_all),
		cmocka_unit_test(ch_915675882_small_bar_in_a_large_page),
		cmocka_unit_test(ch_23a980cd5_relocated_table_has_whole_pages),
		cmocka_unit_test(maps_are_aligned_for_huge_pages),
	};

	return cmocka_run_group_tests_name("pci_pages", tests, NULL, NULL);
}
