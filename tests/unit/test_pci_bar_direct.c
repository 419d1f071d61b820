/* SPDX-License-Identifier: MIT */
/* BARs that the guest reaches directly: which areas, what becomes of them, peer-to-peer maps. */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "lend/explain.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"
#include "tests/unit/test_pci.h"

#define MEM (PCI_COMMAND_MEMORY)

static struct world *two_bars(void)
{
	struct world *world = world_new();

	world_bar(world, 0, PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH, UINT64_C(4) << 30);
	world_bar(world, 2, 0, 0x10000);
	world_bar(world, 3, PCI_BASE_ADDRESS_SPACE_IO, 0x20);
	return start(world);
}

static void direct_areas(struct world *world, unsigned count, uint64_t first, uint64_t first_length)
{
	world_start(world);
	assert_true(world->bars[0].placed);
	assert_int_equal(world->bars[0].direct_count, count);
	if (count) {
		assert_int_equal(world->bars[0].direct[0].offset, first);
		assert_int_equal(world->bars[0].direct[0].length, first_length);
	}
}

/* Spec 14, case 2: only the table's pages trap, wherever the table is. */
static void case_14_2_msix_table_anywhere(void **state)
{
	static const struct {
		unsigned vectors;
		uint32_t table, pba;
		unsigned count;
		uint64_t first, first_length;
	} cases[] = {
		{64, 0, 0x3000, 1, 0x1000, 0x3000}, /* at the beginning */
		{64, 0x3000, 0, 1, 0, 0x3000},      /* at the end */
		{64, 0x2000, 0x3000, 2, 0, 0x2000}, /* in the middle */
		{16, 0x1ff8, 0x3000, 2, 0, 0x1000}, /* over the edge of a page: two pages */
		{768, 0x1000, 0, 1, 0, 0x1000},     /* up to the end */
		{1000, 0, 0x3f00, 0, 0, 0},         /* nearly all of it */
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct world *world = world_new();

		world_bar(world, 0, 0, 0x4000);
		world_msix(world, cases[i].vectors, 0, cases[i].table, 0, cases[i].pba);
		start(world);
		direct_areas(world, cases[i].count, cases[i].first, cases[i].first_length);
		stop(world);
	}
}

static void crosvm_eb98b0b02_sparse_areas(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_bar(world, 0, 0, 0x8000);
	world->sparse[0] = true;
	world->regions[0].area_count = 3;
	world->areas[0][0] = (struct lend_area){0, 0x800};       /* not a page: dropped */
	world->areas[0][1] = (struct lend_area){0x1800, 0x2000}; /* one whole page in it */
	world->areas[0][2] = (struct lend_area){0x6000, 0x9000}; /* beyond the end: cut */
	start(world);
	direct_areas(world, 2, 0x2000, 0x1000);
	assert_int_equal(world->bars[0].direct[1].offset, 0x6000);
	assert_int_equal(world->bars[0].direct[1].length, 0x2000);
	assert_int_equal((char *)world->bars[0].direct[1].va - (char *)world->bars[0].direct[0].va, 0x4000);
	stop(world);
}

static void mmap_fails(void **state)
{
	struct world *world = world_new();
	struct lend_explain_row rows[8];

	(void)state;
	world_bar(world, 0, 0, 0x4000);
	world->fail_mmap = true;
	start(world);
	assert_int_equal(world->log_lines, 1);
	direct_areas(world, 0, 0, 0);
	assert_int_equal(lend_function_explain(world->function, rows, 8, sizeof(*rows)), 1);
	assert_int_equal(rows[0].reason, LEND_REASON_MMAP_FAILED);
	stop(world);
}

static void explain_rows(void **state)
{
	struct world *world = world_new();
	struct lend_explain_row rows[8];

	(void)state;
	world_bar(world, 0, 0, 0x4000);
	world_bar(world, 1, PCI_BASE_ADDRESS_SPACE_IO, 0x40);
	world_bar(world, 2, 0, 0x800);
	world_bar(world, 3, 0, 0x1000);
	world->unmappable[3] = true;
	world_msix(world, 16, 0, 0x2000, 0, 0x3000);
	start(world);
	assert_int_equal(lend_function_explain(world->function, rows, 8, sizeof(*rows)), 6);
	assert_int_equal(lend_function_explain(world->function, NULL, 0, 0), 6);
	assert_true(rows[0].direct);
	assert_int_equal(rows[0].length, 0x2000);
	assert_int_equal(rows[1].reason, LEND_REASON_MSIX_TABLE);
	assert_int_equal(rows[1].offset, 0x2000);
	assert_int_equal(rows[1].length, 0x1000);
	assert_true(rows[2].direct);
	assert_int_equal(rows[3].reason, LEND_REASON_IO_PORTS);
	assert_true(rows[4].direct); /* by its whole page */
	assert_int_equal(rows[4].length, 0x800);
	assert_int_equal(rows[5].reason, LEND_REASON_NOT_MAPPABLE);
	assert_int_equal(rows[5].region, 3);
	stop(world);
}

/* spec 3.4: a BAR smaller than a page is direct where it begins a page of the guest. */
static void small_bar_is_direct_at_a_page(void **state)
{
	struct world *world = world_new();
	struct lend_explain_row row;

	(void)state;
	world_bar(world, 0, 0, 0x100);
	start(world);
	world_start(world);
	assert_int_equal(world->bars[0].direct_count, 1);
	assert_int_equal(world->bars[0].direct[0].length, 0x1000);
	assert_true(world->bars[0].direct[0].shares_page);
	assert_int_equal(world->map_count, 0); /* no device reaches the rest of the page */
	world_write(world, PCI_BASE_ADDRESS_0, 4, 0xe0000100);
	assert_true(world->bars[0].placed);
	assert_int_equal(world->bars[0].direct_count, 0);
	world_write(world, PCI_BASE_ADDRESS_0, 4, 0xe0001000);
	assert_int_equal(world->bars[0].direct_count, 1);
	assert_int_equal(lend_function_bar_read(world->function, 0, 0x100, 4),
			 UINT32_MAX); /* beyond its end */
	stop(world);

	world = world_new();
	world_bar(world, 0, 0, 0x100);
	world->unmappable[0] = true;
	start(world);
	world_start(world);
	assert_int_equal(world->bars[0].direct_count, 0);
	assert_int_equal(lend_function_explain(world->function, &row, 1, sizeof(row)), 1);
	assert_int_equal(row.reason, LEND_REASON_SUB_PAGE);
	stop(world);
}

/* A monitor that does not know of such pages would map what lies behind the BAR. */
static void small_bar_traps_for_who_does_not_ask(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_bar(world, 0, 0, 0x100);
	world_bar(world, 1, 0, 0x1000);
	world->function_config.shares_pages = false;
	start(world);
	world_write(world, PCI_BASE_ADDRESS_1, 4, 0xe0010000);
	world_start(world);
	assert_true(world->bars[0].placed);
	assert_int_equal(world->bars[0].direct_count, 0);
	assert_int_equal(world->bars[1].direct_count, 1);
	assert_false(world->bars[1].direct[0].shares_page);
	stop(world);
}

static void small_bar_that_cannot_be_mapped(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_bar(world, 0, 0, 0x100);
	world->fail_mmap = true;
	start(world);
	world_start(world);
	assert_int_equal(world->bars[0].direct_count, 0);
	lend_function_bar_write(world->function, 0, 0x10, 4, 0x12345678);
	assert_int_equal(lend_function_bar_read(world->function, 0, 0x10, 4), 0x12345678);
	stop(world);
}

static void no_mmap_traps_all(void **state)
{
	struct world *world = world_new();
	struct lend_explain_row row;

	(void)state;
	world_bar(world, 0, 0, 0x4000);
	world->function_config.no_mmap = true;
	start(world);
	assert_int_equal(world_count(world, "mmap"), 0);
	direct_areas(world, 0, 0, 0);
	assert_int_equal(lend_function_explain(world->function, &row, 1, sizeof(row)), 1);
	assert_int_equal(row.reason, LEND_REASON_ASKED);
	stop(world);
}

static void xsa_476_bar_above_4g_is_taken_away(void **state)
{
	struct world *world = two_bars();

	(void)state;
	world_write(world, PCI_BASE_ADDRESS_1, 4, 0x4321);
	world_write(world, PCI_COMMAND, 2, MEM);
	assert_int_equal(world->bars[0].address, UINT64_C(0x432100000000));
	world_clear(world);
	lend_function_free(world->function);
	world->function = NULL;
	assert_false(world->bars[0].placed);
	assert_true(world_find(world, 0, "dma_unmap 432100000000 100000000") >= 0);
	stop(world);
}

/* The kernel withdrew the BARs: they go, and come back with the guest's next write to COMMAND. */
static void withdrawn(void **state)
{
	struct world *world = two_bars();

	(void)state;
	world_write(world, PCI_BASE_ADDRESS_2, 4, 0xe0000000);
	world_write(world, PCI_COMMAND, 2, MEM);
	assert_int_equal(lend_function_bar_fault(world->function), 0);
	assert_true(world->bars[2].placed);
	world_set(world, PCI_COMMAND, 2, 0); /* a reset behind our back */
	assert_int_equal(lend_function_bar_fault(world->function), 1);
	assert_false(world->bars[2].placed);
	assert_int_equal(lend_function_bar_fault(world->function), 0);
	world_write(world, PCI_COMMAND, 2, MEM);
	assert_true(world->bars[2].placed);
	world->dead = true;
	assert_int_equal(lend_function_bar_fault(world->function), 1);
	stop(world);
}

/* Decode alone is not enough: outside of D0 the kernel serves nothing. */
static void withdrawn_by_the_power_state(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_nvme(world); /* power management at 0x40 */
	start(world);
	world_start(world);
	assert_int_equal(lend_function_bar_fault(world->function), 0);
	world_set(world, 0x44, 2, PCI_PM_CTRL_NO_SOFT_RESET | 3); /* D3hot behind our back, decode still on */
	assert_int_equal(lend_function_bar_fault(world->function), 1);
	assert_false(world->bars[0].placed);
	stop(world);
}

/* CVE-2020-12888: a child that kept a device's pages would keep them when the kernel takes them back. */
static void cve_2020_12888_a_child_has_none_of_the_pages(void **state)
{
	struct world *world = world_new();
	const struct lend_bar_direct *direct = &world->bars[0].direct[0];
	int status;
	pid_t pid;

	(void)state;
	world_nvme(world);
	start(world);
	world_start(world);
	assert_int_equal(msync(direct->va, direct->length, MS_ASYNC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(msync(direct->va, direct->length, MS_ASYNC) < 0 && errno == ENOMEM ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	stop(world);
}

/* Bytes of address space that this process has reserved. */
static uint64_t address_space(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long long pages = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%llu", &pages), 1);
	fclose(file);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* A BAR of 4 GiB takes 4 GiB while its function lives, and what was taken to align it goes at once. */
static void address_space_is_given_back(void **state)
{
	const uint64_t size = UINT64_C(4) << 30, slack = UINT64_C(64) << 20;
	uint64_t before = address_space();
	struct world *world = two_bars();

	(void)state;
	assert_in_range(address_space() - before, size, size + slack);
	stop(world);
	assert_true(address_space() < before + slack);
}

static void peer_map_that_fails_is_no_failure(void **state)
{
	struct world *world = two_bars();

	(void)state;
	world_write(world, PCI_BASE_ADDRESS_2, 4, 0xe0000000);
	world->fail_at = world->calls + 4; /* write, map, commit, dma_map */
	world_write(world, PCI_COMMAND, 2, MEM);
	assert_true(world->bars[2].placed);
	assert_int_equal(world->map_count, 0);
	assert_int_equal(world->log_lines, 1);
	world_write(world, PCI_COMMAND, 2, 0);
	stop(world);
}

/* Other devices would reach whoever was there first. */
static void a_bar_that_waits_for_its_place_has_no_peers(void **state)
{
	struct world *world = two_bars();

	(void)state;
	world_write(world, PCI_BASE_ADDRESS_2, 4, 0xe0000000);
	world->hidden_bars = 1 << 2;
	world_write(world, PCI_COMMAND, 2, MEM);
	assert_true(world->bars[2].placed);
	assert_int_equal(world_count(world, "dma_map"), 0);
	assert_int_equal(world->log_lines, 0);
	world->hidden_bars = 0;
	world_write(world, PCI_COMMAND, 2, 0);
	assert_false(world->bars[2].placed);
	world_write(world, PCI_COMMAND, 2, MEM);
	stop(world);
}

/* With iommufd a BAR is shown to peers by its dma-buf, where the kernel has one; it is asked once where not.
 */
static void peers_by_dma_buf(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct world *world = world_new();

		world_nvme(world);
		world_bar(world, 2, 0, 0x2000);
		world->iommufd = i > 0;
		world->dma_bufs = i == 1;
		assert_int_equal(world_open(world), 0);
		assert_int_equal(world_count(world, "dma_buf"), i == 0 ? 0 : i == 1 ? 3 : 1);
		world_start(world);
		assert_true(world->map_count > 0);
		for (unsigned j = 0; j < world->map_count; j++)
			assert_int_equal(world->maps[j].fd >= 0, i == 1);
		stop(world); /* and no descriptor is left */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(case_14_2_msix_table_anywhere),
		cmocka_unit_test(crosvm_eb98b0b02_sparse_areas),
		cmocka_unit_test(small_bar_is_direct_at_a_page),
		cmocka_unit_test(small_bar_traps_for_who_does_not_ask),
		cmocka_unit_test(small_bar_that_cannot_be_mapped),
		cmocka_unit_test(mmap_fails),
		cmocka_unit_test(explain_rows),
		cmocka_unit_test(no_mmap_traps_all),
		cmocka_unit_test(xsa_476_bar_above_4g_is_taken_away),
		cmocka_unit_test(withdrawn),
		cmocka_unit_test(withdrawn_by_the_power_state),
		cmocka_unit_test(cve_2020_12888_a_child_has_none_of_the_pages),
		cmocka_unit_test(address_space_is_given_back),
		cmocka_unit_test(peer_map_that_fails_is_no_failure),
		cmocka_unit_test(a_bar_that_waits_for_its_place_has_no_peers),
		cmocka_unit_test(peers_by_dma_buf),
	};

	return cmocka_run_group_tests_name("pci_bar_direct", tests, NULL, NULL);
}
