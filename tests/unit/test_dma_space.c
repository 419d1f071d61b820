/* SPDX-License-Identifier: MIT */
/* The space: merging, overlaps, all or none over several domains, undo, and the intersection of windows. */
#include <errno.h>
#include <string.h>

#include "lib/dma/space_private.h"
#include "tests/unit/cmocka.h"

enum { MAPS = 64 };

struct domain {
	unsigned calls, fail_at; /* maps, and the one that fails, from 1 */
	int code;
	int refuses; /* what a user that wants to join is told */
	bool closed;
	unsigned count;
	struct {
		lend_iova_t iova;
		uint64_t length;
		uint8_t *va;
		int fd;
		bool writable;
	} maps[MAPS];
	size_t window_count;
	struct lend_iova_window windows[4];
};

static int domain_map(void *opaque, const struct domain_map *map)
{
	struct domain *domain = opaque;
	lend_iova_t iova = map->iova;
	uint64_t length = map->length;

	if (++domain->calls == domain->fail_at)
		return domain->code;
	for (unsigned i = 0; i < domain->count; i++)
		assert_true(iova + length <= domain->maps[i].iova ||
			    domain->maps[i].iova + domain->maps[i].length <= iova);
	assert_true(domain->count < MAPS);
	domain->maps[domain->count].iova = iova;
	domain->maps[domain->count].length = length;
	domain->maps[domain->count].va = map->va;
	domain->maps[domain->count].fd = map->fd;
	domain->maps[domain->count++].writable = map->writable;
	return 0;
}

static int domain_unmap(void *opaque, lend_iova_t iova, uint64_t length)
{
	struct domain *domain = opaque;

	for (unsigned i = 0; i < domain->count; i++) {
		if (domain->maps[i].iova != iova || domain->maps[i].length != length)
			continue;
		domain->maps[i] = domain->maps[--domain->count];
		return 0;
	}
	fail_msg("0x%llx is not mapped", (unsigned long long)iova);
	return -ENOENT;
}

static size_t domain_windows(void *opaque, struct lend_iova_window *out, size_t max)
{
	struct domain *domain = opaque;

	for (size_t i = 0; i < domain->window_count && i < max; i++)
		out[i] = domain->windows[i];
	return domain->window_count;
}

static int domain_attach(void *opaque, const struct domain_user *user)
{
	struct domain *domain = opaque;

	(void)user;
	return domain->refuses;
}

static int domain_detach(void *opaque, const struct domain_user *user)
{
	(void)opaque, (void)user;
	return 0;
}

static void domain_close(void *opaque)
{
	((struct domain *)opaque)->closed = true;
}

static int make(struct lend_context *context, const struct domain_user *user, const struct domain_ops **ops,
		void **domain, struct lend_error *error)
{
	static const struct domain_ops table = {
		domain_map, domain_unmap, domain_windows, domain_attach, domain_detach, domain_close,
	};

	(void)context, (void)error;
	*ops = &table;
	*domain = user->arg;
	return 0;
}

struct fixture {
	struct lend_context *context;
	struct lend_space *space;
	struct domain domains[2];
	unsigned log_lines;
	struct lend_error error;
};

static void count_line(void *opaque, enum lend_log_level level, const char *line)
{
	(void)level, (void)line;
	((struct fixture *)opaque)->log_lines++;
}

static int setup(void **state)
{
	static struct fixture fixture;
	struct lend_context_config config = {.size = sizeof(config), .log = count_line, .opaque = &fixture};
	struct lend_host_ops ops = {.size = sizeof(ops)};

	memset(&fixture, 0, sizeof(fixture));
	for (unsigned i = 0; i < 2; i++) {
		fixture.domains[i].code = -ENODEV;
		fixture.domains[i].window_count = 1;
		fixture.domains[i].windows[0].last = UINT64_MAX;
		fixture.domains[i].refuses = -EINVAL;
	}
	assert_int_equal(lend_context_new(&config, &fixture.context), 0);
	assert_int_equal(lend_space_new(fixture.context, &ops, NULL, &fixture.space), 0);
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	lend_space_free(fixture->space);
	lend_context_free(fixture->context);
	assert_int_equal(fixture->domains[0].count, 0);
	assert_int_equal(fixture->domains[1].count, 0);
	return 0;
}

static int attach(struct fixture *fixture, unsigned index)
{
	struct domain_user user = {
		.make = make, .arg = &fixture->domains[index], .fd = (int)index, .name = "0000:05:00.0"};

	return space_attach(fixture->space, &user, &fixture->error);
}

static struct lend_range range(lend_iova_t iova, uint64_t length, uintptr_t va, enum lend_range_kind kind)
{
	return (struct lend_range){.iova = iova, .length = length, .va = (void *)va, .fd = -1, .kind = kind};
}

static int add(struct fixture *fixture, lend_iova_t iova, uint64_t length, uintptr_t va,
	       enum lend_range_kind kind)
{
	struct lend_range one = range(iova, length, va, kind);

	return lend_space_map(fixture->space, &one, 1, &fixture->error);
}

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
	assert_true(fixture->domains[0].maps[1].writable);
	assert_false(fixture->domains[0].maps[2].writable);
	assert_int_equal(lend_space_mapped(fixture->space), 0x5000);
}

static void merges_calls_before_a_domain(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(add(fixture, 0x2000, 0x1000, 0x102000, LEND_RANGE_RAM), 0);
	assert_int_equal(add(fixture, 0x1000, 0x1000, 0x101000, LEND_RANGE_RAM), 0);
	assert_int_equal(attach(fixture, 0), 0);
	assert_int_equal(fixture->domains[0].count, 1);
	assert_int_equal(attach(fixture, 1), 0);
	assert_int_equal(fixture->domains[1].count, 1);
	assert_int_equal(add(fixture, 0x3000, 0x1000, 0x103000, LEND_RANGE_RAM), 0);
	assert_int_equal(fixture->domains[1].count, 2);
}

/* A part of a merged map: the rest stays in both domains. */
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

	assert_int_equal(attach(fixture, 0), 0);
	assert_int_equal(add(fixture, 0x800, 0x1000, 0x1000, LEND_RANGE_RAM), -EINVAL);
	assert_int_equal(add(fixture, 0x1000, 0x800, 0x1000, LEND_RANGE_RAM), -EINVAL);
	assert_int_equal(add(fixture, 0x1000, 0, 0x1000, LEND_RANGE_RAM), -EINVAL);
	assert_int_equal(add(fixture, 0x1000, 0x1000, 0x1800, LEND_RANGE_RAM), -EINVAL);
	assert_int_equal(add(fixture, UINT64_MAX - 0xfff, 0x2000, 0x1000, LEND_RANGE_RAM), -EINVAL);
	assert_int_equal(add(fixture, 0x2000, UINT64_MAX - 0xfff, 0x1000, LEND_RANGE_RAM), -EINVAL);
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

static void new_domain_gets_all_or_goes(void **state)
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
	assert_int_equal(attach(fixture, 1), 0);
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

#define in_fixture(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_fixture(merges_in_one_call),
		in_fixture(merges_calls_before_a_domain),
		in_fixture(unmaps_exactly_what_was_added),
		in_fixture(refuses_what_makes_no_sense),
		in_fixture(overlaps),
		in_fixture(xsa_449_all_or_none),
		in_fixture(new_domain_gets_all_or_goes),
		in_fixture(group_joins_a_domain_that_takes_it),
		in_fixture(bar_that_fails_is_a_message),
		in_fixture(windows_intersect),
	};

	return cmocka_run_group_tests_name("dma_space", tests, NULL, NULL);
}
