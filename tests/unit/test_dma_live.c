/* SPDX-License-Identifier: MIT */
/* Memory that comes and goes while devices run: all or nothing, and nobody else's DMA. At what cost:
 * test_dma_tree.c. */
#include "tests/unit/dma_domain.h"

enum { PIECE = 0x1000, PIECES = 3 };

/* Three pieces in a row, in both domains, each with `merge` or not. */
static void add_row(struct fixture *fixture, bool merge, struct lend_range row[PIECES])
{
	for (unsigned i = 0; i < PIECES; i++) {
		row[i] = range(0x1000 + i * PIECE, PIECE, 0x101000 + i * PIECE, LEND_RANGE_RAM);
		row[i].merge = merge;
	}
	assert_int_equal(attach(fixture, 0), 0);
	assert_int_equal(attach(fixture, 1), 0);
	assert_int_equal(lend_space_map(fixture->space, row, PIECES, &fixture->error), 0);
}

static bool has(const struct domain *domain, lend_iova_t iova)
{
	for (unsigned i = 0; i < domain->count; i++)
		if (domain->maps[i].iova <= iova && iova < domain->maps[i].iova + domain->maps[i].length)
			return true;
	return false;
}

/* A piece that was not merged leaves, and comes back, without a call for any other piece. */
static void a_piece_leaves_alone(void **state)
{
	struct fixture *fixture = *state;
	struct lend_range row[PIECES];

	add_row(fixture, false, row);
	assert_int_equal(lend_space_unmap(fixture->space, row[1].iova, PIECE), 0);
	assert_int_equal(lend_space_mapped(fixture->space), 2 * PIECE);
	assert_int_equal(lend_space_map(fixture->space, &row[1], 1, &fixture->error), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(fixture->domains[i].unmaps, 1);
		assert_int_equal(fixture->domains[i].calls, PIECES + 1);
	}
	assert_int_equal(lend_space_mapped(fixture->space), 3 * PIECE);
}

/* A domain cannot cut a map while devices use it: nothing is tried, and all stays as it is. */
static void what_was_merged_leaves_together(void **state)
{
	struct fixture *fixture = *state;
	struct lend_range row[PIECES], twice[PIECES];

	add_row(fixture, true, row);
	assert_int_equal(fixture->domains[0].count, 1);
	assert_int_equal(lend_space_unmap(fixture->space, row[1].iova, PIECE), -EBUSY);
	assert_int_equal(lend_space_unmap_ranges(fixture->space, row, 2, &fixture->error), -EBUSY);
	assert_non_null(strstr(fixture->error.text, "3 merged ranges"));
	/* One that is given twice is not two. */
	twice[0] = row[0];
	twice[1] = row[1];
	twice[2] = row[1];
	assert_int_equal(lend_space_unmap_ranges(fixture->space, twice, PIECES, &fixture->error), -EINVAL);
	assert_int_equal(lend_space_unmap(fixture->space, 0x1000, PIECES * PIECE), -ENOENT);
	assert_int_equal(fixture->domains[0].unmaps, 0);
	assert_int_equal(lend_space_mapped(fixture->space), PIECES * PIECE);
	assert_int_equal(lend_space_unmap_ranges(fixture->space, row, PIECES, &fixture->error), 0);
	assert_int_equal(fixture->domains[0].unmaps, 1);
	assert_int_equal(fixture->domains[1].count, 0);
	assert_int_equal(lend_space_mapped(fixture->space), 0);
}

/* Whichever of the six removals fails: all three are still in both domains, and can be removed later. */
static void a_removal_that_fails_removes_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct lend_range row[PIECES], found;

	add_row(fixture, false, row);
	for (unsigned domain = 0; domain < 2; domain++) {
		for (unsigned n = 1; n <= PIECES; n++) {
			struct domain *fails = &fixture->domains[domain];

			fails->unmap_fail_at = fails->unmaps + n;
			assert_int_equal(
				lend_space_unmap_ranges(fixture->space, row, PIECES, &fixture->error),
				-ENODEV);
			assert_non_null(strstr(fixture->error.text, "does not remove"));
			assert_int_equal(fixture->domains[0].count, PIECES);
			assert_int_equal(fixture->domains[1].count, PIECES);
			assert_int_equal(lend_space_mapped(fixture->space), PIECES * PIECE);
			for (unsigned i = 0; i < PIECES; i++) {
				assert_int_equal(lend_space_find(fixture->space, row[i].iova, &found), 0);
				assert_int_equal(found.iova, row[i].iova);
			}
		}
	}
	assert_int_equal(fixture->level, LEND_LOG_ERROR);
	assert_int_equal(lend_space_unmap_ranges(fixture->space, row, PIECES, &fixture->error), 0);
	assert_int_equal(fixture->domains[0].count + fixture->domains[1].count, 0);
	assert_int_equal(lend_space_mapped(fixture->space), 0);
}

/* The first domain has let go, the second does not, and the first does not take it back: said, still there,
 * and nobody else's. */
static void a_removal_that_cannot_be_undone(void **state)
{
	struct fixture *fixture = *state;
	struct lend_range row[PIECES];
	struct domain *domains = fixture->domains;

	add_row(fixture, false, row);
	domains[1].unmap_fail_at = domains[1].unmaps + 1;
	domains[0].fail_at = domains[0].calls + 1;
	assert_int_equal(lend_space_unmap(fixture->space, row[1].iova, PIECE), -ENODEV);
	assert_non_null(strstr(fixture->line, "0x2000"));
	assert_non_null(strstr(fixture->line, "does not take it back"));
	assert_int_equal(fixture->log_lines, 2);
	assert_false(has(&domains[0], row[1].iova));
	assert_true(has(&domains[1], row[1].iova));
	for (unsigned i = 0; i < 2; i++)
		assert_true(has(&domains[i], row[0].iova) && has(&domains[i], row[2].iova));
	assert_int_equal(lend_space_mapped(fixture->space), PIECES * PIECE);
	assert_int_equal(lend_space_map(fixture->space, &row[1], 1, &fixture->error), -EEXIST);
	assert_int_equal(lend_space_unmap(fixture->space, row[1].iova, PIECE), 0);
	assert_int_equal(domains[0].count, 2);
	assert_int_equal(domains[1].count, 2);
}

/* A map that comes, fails, and cannot be undone leaves the rest as it was. */
static void a_map_that_cannot_be_undone(void **state)
{
	struct fixture *fixture = *state;
	struct lend_range row[PIECES];
	struct lend_range more = range(0x9000, PIECE, 0x9000, LEND_RANGE_RAM);

	add_row(fixture, false, row);
	fixture->domains[1].fail_at = fixture->domains[1].calls + 1;
	fixture->domains[0].unmap_fail_at = 1;
	assert_int_equal(lend_space_map(fixture->space, &more, 1, &fixture->error), -ENODEV);
	assert_non_null(strstr(fixture->line, "can still reach it"));
	assert_int_equal(lend_space_mapped(fixture->space), PIECES * PIECE);
	assert_int_equal(fixture->domains[1].count, PIECES);
	assert_int_equal(fixture->domains[0].count, PIECES + 1);
	fixture->domains[0].count--; /* what the domain's end would remove */
}

static void find_goes_through_all(void **state)
{
	struct fixture *fixture = *state;
	struct lend_range row[PIECES], out = {0};
	struct lend_range last = range(UINT64_MAX - 0xfff, 0x1000, 0x1000, LEND_RANGE_ROM);

	add_row(fixture, true, row);
	last.fd = 5;
	last.offset = 0x3000;
	assert_int_equal(lend_space_map(fixture->space, &last, 1, &fixture->error), 0);
	assert_int_equal(lend_space_find(fixture->space, 0, &out), 0);
	for (unsigned i = 0; i < PIECES; i++) {
		assert_int_equal(out.iova, row[i].iova);
		assert_ptr_equal(out.va, row[i].va);
		assert_int_equal(lend_space_find(fixture->space, out.iova + out.length - 1, &out), 0);
		assert_int_equal(out.iova, row[i].iova);
		assert_int_equal(lend_space_find(fixture->space, out.iova + out.length, &out), 0);
	}
	assert_int_equal(out.iova, last.iova);
	assert_int_equal(out.kind, LEND_RANGE_ROM);
	assert_int_equal(out.fd, 5);
	assert_int_equal(out.offset, 0x3000);
	assert_int_equal(lend_space_find(fixture->space, UINT64_MAX, &out), 0);
	assert_int_equal(lend_space_unmap(fixture->space, last.iova, last.length), 0);
	assert_int_equal(lend_space_find(fixture->space, last.iova, &out), -ENOENT);
}

static void access_is_the_callers(void **state)
{
	struct fixture *fixture = *state;
	struct lend_range row[2] = {
		range(0x1000, PIECE, 0x1000, LEND_RANGE_RAM),
		range(0x2000, PIECE, 0x2000, LEND_RANGE_RAM),
	};

	row[0].access = LEND_ACCESS_READ;
	row[1].access = LEND_ACCESS_WRITE;
	assert_int_equal(attach(fixture, 0), 0);
	assert_int_equal(lend_space_map(fixture->space, row, 2, &fixture->error), 0);
	assert_int_equal(fixture->domains[0].count, 2);
	assert_int_equal(fixture->domains[0].maps[0].access, LEND_ACCESS_READ);
	assert_int_equal(fixture->domains[0].maps[1].access, LEND_ACCESS_WRITE);
}

/* A map that takes long is one line, with the time and what took it; the slowest stands for a call. */
static void slow_maps_are_said(void **state)
{
	struct fixture *fixture = *state;
	struct lend_range row[PIECES];

	add_row(fixture, false, row);
	assert_int_equal(fixture->log_lines, 0);
	fixture->space->slow_ns = 0;
	assert_int_equal(add(fixture, 0x8000, 0x200000, 0x200000, LEND_RANGE_BAR), 0);
	assert_int_equal(fixture->log_lines, 1);
	assert_int_equal(fixture->level, LEND_LOG_WARNING);
	assert_non_null(strstr(fixture->line, "BAR at [0x8000, +0x200000), 2 MiB"));
	assert_non_null(strstr(fixture->line, "0.0 s"));
	assert_int_equal(add(fixture, 0x600000, PIECE, 0x600000, LEND_RANGE_RAM), 0);
	assert_int_equal(fixture->log_lines, 2);
	assert_int_equal(fixture->level, LEND_LOG_INFO);
}

/* Alone it is no warning; it becomes one when there is somebody who misses the BAR. Each is said once. */
static void peers_are_said_when_they_are_missed(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(attach(fixture, 0), 0);
	for (unsigned i = 0; i < 2; i++) {
		fixture->domains[0].fail_at = fixture->domains[0].calls + 1;
		assert_int_equal(add(fixture, 0x1000 + i * PIECE, PIECE, 0x10000, LEND_RANGE_BAR), 0);
	}
	assert_int_equal(fixture->log_lines, 1);
	assert_int_equal(fixture->level, LEND_LOG_INFO);
	fixture->domains[0].refuses = 0;
	assert_int_equal(attach(fixture, 1), 0);
	for (unsigned i = 0; i < 2; i++) {
		fixture->domains[0].fail_at = fixture->domains[0].calls + 1;
		assert_int_equal(add(fixture, 0x8000 + i * PIECE, PIECE, 0x10000, LEND_RANGE_BAR), 0);
	}
	assert_int_equal(fixture->log_lines, 2);
	assert_int_equal(fixture->level, LEND_LOG_WARNING);
}

static int map_in_the_other(void *opaque, const struct domain_map *map)
{
	struct lend_range range = {.iova = map->iova, .length = map->length, .va = map->va, .fd = -1};

	return lend_space_map(opaque, &range, 1, NULL);
}

static int unmap_in_the_other(void *opaque, lend_iova_t iova, uint64_t length)
{
	return lend_space_unmap(opaque, iova, length);
}

static int stay_attached(void *opaque, const struct domain_user *user)
{
	(void)opaque, (void)user;
	return 0;
}

static void stay_open(void *opaque)
{
	(void)opaque;
}

static int make_other(struct lend_context *context, const struct domain_user *user,
		      const struct domain_ops **ops, void **domain, struct lend_error *error)
{
	static const struct domain_ops table = {
		map_in_the_other, unmap_in_the_other, domain_windows, stay_attached,
		stay_attached,    stay_open,          false};

	(void)context, (void)error;
	*ops = &table;
	*domain = user->arg;
	return 0;
}

/* While a domain of one space works, all calls of another space go on: here they come from that very domain.
 */
static void spaces_share_no_lock(void **state)
{
	struct fixture *fixture = *state;
	const struct lend_host_ops ops = {.size = sizeof(ops)};
	struct domain_user user = {.make = make_other, .fd = 9, .name = "0000:05:00.0"};
	struct lend_range one = range(0x1000, PIECE, 0x1000, LEND_RANGE_RAM);
	struct lend_space *outer;

	assert_int_equal(attach(fixture, 0), 0);
	assert_int_equal(lend_space_new(fixture->context, &ops, NULL, &outer), 0);
	user.arg = fixture->space;
	assert_int_equal(space_attach(outer, &user, &fixture->error), 0);
	assert_int_equal(lend_space_map(outer, &one, 1, &fixture->error), 0);
	assert_int_equal(fixture->domains[0].count, 1);
	assert_int_equal(lend_space_unmap(outer, 0x1000, PIECE), 0);
	assert_int_equal(fixture->domains[0].count, 0);
	lend_space_free(outer);
}

/* What functions and other threads do while a domain takes guest memory. */
static struct {
	struct fixture *fixture;
	unsigned calls;
	pthread_t threads[2];
	int results[2];
} meanwhile;

static void *remove_memory(void *opaque)
{
	(void)opaque;
	meanwhile.results[0] = lend_space_unmap(meanwhile.fixture->space, 0x1000, PIECE);
	return NULL;
}

static void *attach_another(void *opaque)
{
	(void)opaque;
	meanwhile.results[1] = attach(meanwhile.fixture, 1);
	return NULL;
}

/* A function moves its BARs with its lock held: it must not wait for what takes seconds. */
static void move_bars(struct domain *domain)
{
	struct fixture *fixture = meanwhile.fixture;
	lend_iova_t bar = 0x100000;

	if (meanwhile.calls++)
		return;
	domain->on_map = NULL;
	assert_int_equal(lend_space_unmap(fixture->space, bar, PIECE), 0);
	assert_int_equal(add(fixture, 2 * bar, PIECE, bar, LEND_RANGE_BAR), 0);
	assert_int_equal(pthread_create(&meanwhile.threads[0], NULL, remove_memory, NULL), 0);
	assert_int_equal(pthread_create(&meanwhile.threads[1], NULL, attach_another, NULL), 0);
}

static void nobody_waits_for_a_new_domain(void **state)
{
	struct fixture *fixture = *state;
	struct domain *domains = fixture->domains;

	memset(&meanwhile, 0, sizeof(meanwhile));
	meanwhile.fixture = fixture;
	domains[0].refuses = 0; /* the next user joins it */
	assert_int_equal(add(fixture, 0x1000, PIECE, 0x101000, LEND_RANGE_RAM), 0);
	assert_int_equal(add(fixture, 0x9000, PIECE, 0x109000, LEND_RANGE_RAM), 0);
	assert_int_equal(add(fixture, 0x100000, PIECE, 0x100000, LEND_RANGE_BAR), 0);
	domains[0].on_map = move_bars;
	assert_int_equal(attach(fixture, 0), 0);
	for (unsigned i = 0; i < 2; i++) {
		pthread_join(meanwhile.threads[i], NULL);
		assert_int_equal(meanwhile.results[i], 0);
	}
	/* The memory left, and not half-way; the BAR is where it is now; the other user came to this domain.
	 */
	assert_int_equal(domains[0].count, 2);
	assert_true(has(&domains[0], 0x9000) && has(&domains[0], 0x200000));
	assert_int_equal(domains[1].calls, 0);
	assert_int_equal(lend_space_mapped(fixture->space), PIECE);
	domains[0].refuses = -EINVAL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_fixture(a_piece_leaves_alone),
		in_fixture(what_was_merged_leaves_together),
		in_fixture(a_removal_that_fails_removes_nothing),
		in_fixture(a_removal_that_cannot_be_undone),
		in_fixture(a_map_that_cannot_be_undone),
		in_fixture(find_goes_through_all),
		in_fixture(access_is_the_callers),
		in_fixture(slow_maps_are_said),
		in_fixture(peers_are_said_when_they_are_missed),
		in_fixture(spaces_share_no_lock),
		in_fixture(nobody_waits_for_a_new_domain),
	};

	return cmocka_run_group_tests_name("dma_live", tests, NULL, NULL);
}
