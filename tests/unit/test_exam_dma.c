/* SPDX-License-Identifier: MIT */
/* The exam (docs/security.md): DMA maps that run out, and unmaps that take long. */
#include "tests/unit/dma_domain.h"

enum { PIECE = 0x1000, PIECES = 16 };

/* Ranges with gaps are a map each; the kernel has room for some of them. */
static int add_pieces(struct fixture *fixture, uint64_t step)
{
	struct lend_range pieces[PIECES];

	for (unsigned i = 0; i < PIECES; i++)
		pieces[i] = range(0x100000 + i * step, PIECE, 0x100000 + i * step, LEND_RANGE_RAM);
	return lend_space_map(fixture->space, pieces, PIECES, &fixture->error);
}

static void cve_2019_3882_few_maps_and_a_limit(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(attach(fixture, 0), 0);
	assert_int_equal(add_pieces(fixture, PIECE), 0);
	assert_int_equal(fixture->domains[0].count, 1);
	assert_int_equal(lend_space_mapped(fixture->space), PIECES * PIECE);
	fixture->domains[0].code = -ENOSPC;
	for (unsigned k = 1; k <= 3; k++) {
		struct lend_range far[3];

		for (unsigned i = 0; i < 3; i++)
			far[i] = range(0x10000000 + i * 2 * PIECE, PIECE, 0x10000000, LEND_RANGE_RAM);
		fixture->domains[0].fail_at = fixture->domains[0].calls + k;
		assert_int_equal(lend_space_map(fixture->space, far, 3, &fixture->error), -ENOSPC);
		assert_non_null(strstr(fixture->error.text, "dma_entry_limit"));
		assert_int_equal(fixture->domains[0].count, 1);
	}
}

/* Nothing is assumed of an unmap that takes long: it is waited for, and said. */
static void xsa_373_slow_unmaps_are_said(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(attach(fixture, 0), 0);
	assert_int_equal(add(fixture, 0x8000, 0x200000, 0x200000, LEND_RANGE_RAM), 0);
	assert_int_equal(fixture->log_lines, 0);
	fixture->space->slow_ns = 0;
	assert_int_equal(lend_space_unmap(fixture->space, 0x8000, 0x200000), 0);
	assert_int_equal(fixture->domains[0].count, 0);
	assert_int_equal(fixture->log_lines, 1);
	assert_non_null(strstr(fixture->line, "to unmap the memory at [0x8000, +0x200000), 2 MiB"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_fixture(cve_2019_3882_few_maps_and_a_limit),
		in_fixture(xsa_373_slow_unmaps_are_said),
	};

	return cmocka_run_group_tests_name("exam_dma", tests, NULL, NULL);
}
