/* SPDX-License-Identifier: MIT */
/* The space: merging, overlaps, all or none over several domains, undo, and the intersection of windows.
 * What comes and goes while devices run: test_dma_live.c. */
#include "tests/unit/dma_domain.h"

static void merges_in_one_call(void **state)
{
	struct fixture *fixture = *state;
	const struct lend_range ranges[] = {
		range(0x3000, 0x1000, 0x103000, LEND_RANGE_RAM), /* in any order */
		range(0x1000, 0x1000, 0x101000, LEND_RANGE_RAM),
		range(0x2000, 0x1000, 0x102000, LEND_RANGE_RAM),
		range(0x4000, 0x1000, 0x204000, LEND_RANGE_RAM), /* the host's address does not continue */
		range(0x5000, 0x1000, 0x205000, LEND_RANGE_ROM), /* another kind */
	};

	assert_int_equal(attach(fixture, 0), 0);
	assert_int_equal(lend_space_map(fixture->space, ranges, 5, NULL), 0);
	assert_int_equal(fixture->domains[0].count, 3);
	assert_int_equal(fixture->domains[0].maps[0].iova, 0x1000);
	assert_int_equal(fixture->domains[0].maps[0].length, 0x3000);
	assert_int_equal(fixture->domains[0].maps[1].access, LEND_ACCESS_READ | LEND_ACCESS_WRITE);
	assert_int_equal(fixture->domains[0].maps[2].access, LEND_ACCESS_READ);
	assert_int_equal(lend_space_mapped(fixture->space), 0x5000);
}

/* Who gave nothing but `merge` in another call, or did not say so, can remove the range alone. */
static void merges_no_more_than_was_said(void **state)
{
	struct fixture *fixture = *state;
	struct lend_range ranges[] = {
		range(0x3000, 0x1000, 0x103000, LEND_RANGE_RAM),
		range(0x4000, 0x1000, 0x104000, LEND_RANGE_RAM),
		range(0x5000, 0x1000, 0x105000, LEND_RANGE_RAM),
		range(0x8000, 0x1000, 0x108000, LEND_RANGE_RAM),
		range(0x9000, 0x1000, 0x109000, LEND_RANGE_RAM),
	};

	ranges[1].merge = false;
	ranges[4].access = LEND_ACCESS_READ;
	assert_int_equal(add(fixture, 0x2000, 0x1000, 0x102000, LEND_RANGE_RAM), 0);
	assert_int_equal(lend_space_map(fixture->space, ranges, 5, &fixture->error), 0);
	assert_int_equal(attach(fixture, 0), 0);
	assert_int_equal(fixture->domains[0].count, 6);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(lend_space_unmap(fixture->space, ranges[i].iova, 0x1000), 0);
	assert_int_equal(fixture->domains[0].count, 1);
}

static void unmaps_exactly_what_was_added(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned i = 1; i < 4; i++)
		assert_int_equal(add(fixture, i * 0x1000, 0x1000, 0x100000 + i * 0x1000, LEND_RANGE_RAM), 0);
	assert_int_equal(attach(fixture, 0), 0);
	assert_int_equal(attach(fixture, 1), 0);
	assert_int_equal(lend_space_unmap(fixture->space, 0x1000, 0x3000), -ENOENT);
	assert_int_equal(lend_space_unmap(fixture->space, 0x1800, 0x800), -ENOENT);
	assert_int_equal(lend_space_unmap(fixture->space, 0x9000, 0x1000), -ENOENT);
	assert_int_equal(lend_space_unmap(fixture->space, 0x2000, 0x1000), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(fixture->domains[i].calls, 3); /* nothing was mapped anew */
		assert_int_equal(fixture->domains[i].count, 2);
		assert_int_equal(fixture->domains[i].maps[0].length, 0x1000);
		assert_int_equal(fixture->domains[i].maps[1].iova, 0x3000);
		assert_ptr_equal(fixture->domains[i].maps[1].va, (void *)0x103000);
	}
	assert_int_equal(lend_space_unmap(fixture->space, 0x2000, 0x1000), -ENOENT);
	assert_int_equal(lend_space_mapped(fixture->space), 0x2000);
	assert_int_equal(add(fixture, 0x2000, 0x1000, 0x102000, LEND_RANGE_RAM), 0);
}

static void refuses_what_makes_no_sense(void **state)
{
	struct fixture *fixture = *state;
	struct lend_range one = range(0x1000, 0x1000, 0x1000, LEND_RANGE_RAM);

	assert_int_equal(attach(fixture, 0), 0);
	assert_int_equal(add(fixture, 0x800, 0x1000, 0x1000, LEND_RANGE_RAM), -EINVAL);
	assert_int_equal(add(fixture, 0x1000, 0x800, 0x1000, LEND_RANGE_RAM), -EINVAL);
	assert_int_equal(add(fixture, 0x1000, 0, 0x1000, LEND_RANGE_RAM), -EINVAL);
	assert_int_equal(add(fixture, 0x1000, 0x1000, 0x1800, LEND_RANGE_RAM), -EINVAL);
	assert_int_equal(add(fixture, UINT64_MAX - 0xfff, 0x2000, 0x1000, LEND_RANGE_RAM), -EINVAL);
	assert_int_equal(add(fixture, 0x2000, UINT64_MAX - 0xfff, 0x1000, LEND_RANGE_RAM), -EINVAL);
	one.kind = LEND_RANGE_ROM;
	one.access = LEND_ACCESS_READ | LEND_ACCESS_WRITE;
	assert_int_equal(lend_space_map(fixture->space, &one, 1, &fixture->error), -EINVAL);
	assert_non_null(strstr(fixture->error.text, "ROM"));
	one.access = 8;
	assert_int_equal(lend_space_map(fixture->space, &one, 1, &fixture->error), -EINVAL);
	one.kind = (enum lend_range_kind)7;
	assert_int_equal(lend_space_map(fixture->space, &one, 1, &fixture->error), -EINVAL);
	assert_int_equal(lend_space_map(fixture->space, NULL, 0, &fixture->error), 0);
	assert_int_equal(lend_space_mapped(fixture->space), 0);
	assert_int_equal(fixture->domains[0].calls, 0);
	assert_int_equal(add(fixture, UINT64_MAX - 0xfff, 0x1000, 0x1000, LEND_RANGE_RAM), 0);
}

static void overlaps(void **state)
{
	struct fixture *fixture = *state;
	const struct lend_range twice[] = {
		range(0x10000, 0x2000, 0x1000, LEND_RANGE_RAM),
		range(0x11000, 0x1000, 0x9000, LEND_RANGE_RAM),
	};

	assert_int_equal(attach(fixture, 0), 0);
	assert_int_equal(add(fixture, 0x1000, 0x2000, 0x1000, LEND_RANGE_RAM), 0);
	assert_int_equal(add(fixture, 0x2000, 0x1000, 0x9000, LEND_RANGE_RAM), -EEXIST);
	assert_int_equal(add(fixture, 0, 0x2000, 0x9000, LEND_RANGE_RAM), -EEXIST);
	assert_int_equal(add(fixture, 0, 0x10000, 0x9000, LEND_RANGE_BAR), -EEXIST);
	assert_int_equal(lend_space_map(fixture->space, twice, 2, &fixture->error), -EEXIST);
	assert_int_equal(fixture->domains[0].count, 1);
	assert_int_equal(add(fixture, 0x3000, 0x1000, 0x9000, LEND_RANGE_RAM), 0);
}

/* XSA-449: a part that fails is a whole that fails, in every domain, at each step. */
static void xsa_449_all_or_none(void **state)
{
	struct fixture *fixture = *state;
	const struct lend_range ranges[] = {
		range(0x1000, 0x1000, 0x10000, LEND_RANGE_RAM),
		range(0x3000, 0x1000, 0x30000, LEND_RANGE_RAM),
		range(0x5000, 0x1000, 0x50000, LEND_RANGE_RAM),
	};

	assert_int_equal(attach(fixture, 0), 0);
	assert_int_equal(attach(fixture, 1), 0);
	for (unsigned domain = 0; domain < 2; domain++) {
		for (unsigned n = 1; n <= 3; n++) {
			fixture->domains[domain].fail_at = fixture->domains[domain].calls + n;
			assert_int_equal(lend_space_map(fixture->space, ranges, 3, &fixture->error), -ENODEV);
			assert_int_equal(fixture->domains[0].count, 0);
			assert_int_equal(fixture->domains[1].count, 0);
			assert_int_equal(lend_space_mapped(fixture->space), 0);
		}
	}
	assert_int_equal(lend_space_map(fixture->space, ranges, 3, NULL), 0);
}

static void xsa_400_new_domain_gets_all_or_goes(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(add(fixture, 0x1000, 0x1000, 0x10000, LEND_RANGE_RAM), 0);
	assert_int_equal(add(fixture, 0x3000, 0x1000, 0x30000, LEND_RANGE_RAM), 0);
	assert_int_equal(attach(fixture, 0), 0);
	fixture->domains[1].fail_at = 2;
	assert_int_equal(attach(fixture, 1), -ENODEV);
	assert_true(fixture->domains[1].closed);
	assert_int_equal(fixture->domains[1].count, 0);
	assert_int_equal(fixture->domains[0].count, 2);
	assert_int_equal(add(fixture, 0x5000, 0x1000, 0x50000, LEND_RANGE_RAM), 0);
}

static void group_joins_a_domain_that_takes_it(void **state)
{
	struct fixture *fixture = *state;

	fixture->domains[0].refuses = 0;
	assert_int_equal(attach(fixture, 0), 0);
	assert_int_equal(lend_space_windows(fixture->space, NULL, 0), 1);
	/* It brings reserved addresses along. */
	fixture->domains[0].window_count = 2;
	fixture->domains[0].windows[0].last = 0xfedfffff;
	fixture->domains[0].windows[1] = (struct lend_iova_window){0xfef00000, UINT64_MAX};
	assert_int_equal(attach(fixture, 1), 0);
	assert_int_equal(lend_space_windows(fixture->space, NULL, 0), 2);
	assert_int_equal(add(fixture, 0x1000, 0x1000, 0x10000, LEND_RANGE_RAM), 0);
	assert_int_equal(fixture->domains[1].count, 0); /* never made */
	space_detach(fixture->space, 0);
	assert_false(fixture->domains[0].closed);
	assert_int_equal(fixture->domains[0].count, 1);
	space_detach(fixture->space, 1);
	assert_true(fixture->domains[0].closed);
	assert_int_equal(fixture->domains[0].count, 0);
}

static void bar_that_fails_is_a_message(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(attach(fixture, 0), 0);
	assert_int_equal(attach(fixture, 1), 0);
	fixture->domains[1].fail_at = 1;
	assert_int_equal(add(fixture, 0x1000, 0x1000, 0x10000, LEND_RANGE_BAR), 0);
	assert_int_equal(fixture->log_lines, 1);
	assert_int_equal(fixture->domains[0].count, 1);
	assert_int_equal(lend_space_mapped(fixture->space), 0);
	assert_int_equal(lend_space_unmap(fixture->space, 0x1000, 0x1000), 0);
	assert_int_equal(fixture->domains[0].count, 0);
}

static void windows_intersect(void **state)
{
	struct fixture *fixture = *state;
	struct lend_iova_window out[4];

	assert_int_equal(lend_space_windows(fixture->space, out, 4), 1);
	assert_int_equal(out[0].last, UINT64_MAX);
	fixture->domains[0].window_count = 2;
	fixture->domains[0].windows[0] = (struct lend_iova_window){0, 0xfedfffff};
	fixture->domains[0].windows[1] = (struct lend_iova_window){0xfef00000, UINT64_C(0x7fffffffff)};
	fixture->domains[1].windows[0] = (struct lend_iova_window){0x1000, UINT64_C(0xffffffffffff)};
	assert_int_equal(attach(fixture, 0), 0);
	assert_int_equal(attach(fixture, 1), 0);
	assert_int_equal(lend_space_windows(fixture->space, out, 4), 2);
	assert_int_equal(out[0].start, 0x1000);
	assert_int_equal(out[0].last, 0xfedfffff);
	assert_int_equal(out[1].start, 0xfef00000);
	assert_int_equal(out[1].last, UINT64_C(0x7fffffffff));
	assert_int_equal(lend_space_windows(fixture->space, NULL, 0), 2);
	fixture->domains[0].fail_at = 1;
	fixture->domains[0].code = -EINVAL;
	assert_int_equal(add(fixture, 0xfee00000, 0x1000, 0x1000, LEND_RANGE_RAM), -ERANGE);
	assert_non_null(strstr(fixture->error.text, "cannot address"));
}

/* No answer is cut: an IOMMU may reserve as many addresses as it likes. */
static void windows_are_as_many_as_there_are(void **state)
{
	struct fixture *fixture = *state;
	struct lend_iova_window out[301] = {0};

	for (unsigned domain = 0; domain < 2; domain++) {
		fixture->domains[domain].window_count = 300 - domain;
		for (unsigned i = 0; i < 300; i++)
			fixture->domains[domain].windows[i] =
				(struct lend_iova_window){i * 0x10000, i * 0x10000 + 0x7fff};
		assert_int_equal(attach(fixture, domain), 0);
		assert_int_equal(lend_space_windows(fixture->space, NULL, 0), 300 - domain);
	}
	assert_int_equal(lend_space_windows(fixture->space, out, 301), 299);
	assert_int_equal(out[298].last, 298 * 0x10000 + 0x7fff);
	assert_int_equal(out[299].last, 0);
	/* Behind the 64th: looked at as well when a map fails. */
	fixture->domains[0].fail_at = 1;
	fixture->domains[0].code = -EINVAL;
	assert_int_equal(add(fixture, 200 * 0x10000, 0x8000, 0x10000, LEND_RANGE_RAM), -EINVAL);
	fixture->domains[0].calls = 0;
	assert_int_equal(add(fixture, 200 * 0x10000, 0x9000, 0x10000, LEND_RANGE_RAM), -ERANGE);
	/* The device with one window fewer leaves, and takes that along. */
	space_detach(fixture->space, 1);
	assert_int_equal(lend_space_windows(fixture->space, NULL, 0), 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_fixture(merges_in_one_call),
		in_fixture(merges_no_more_than_was_said),
		in_fixture(unmaps_exactly_what_was_added),
		in_fixture(refuses_what_makes_no_sense),
		in_fixture(overlaps),
		in_fixture(xsa_449_all_or_none),
		in_fixture(xsa_400_new_domain_gets_all_or_goes),
		in_fixture(group_joins_a_domain_that_takes_it),
		in_fixture(bar_that_fails_is_a_message),
		in_fixture(windows_intersect),
		in_fixture(windows_are_as_many_as_there_are),
	};

	return cmocka_run_group_tests_name("dma_space", tests, NULL, NULL);
}
