/* SPDX-License-Identifier: MIT */
/* Maps: edges, overlaps, holes, reserved addresses, limits, and what a range of the space becomes. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/conform/conform.h"

enum { WINDOWS = 64, MANY = 300 };

static uint8_t *memory;

static int map_as(lend_iova_t iova, uint64_t length, unsigned access)
{
	const struct domain_map map = {
		.iova = iova, .length = length, .va = memory, .fd = -1, .access = access};

	return domain_ops()->map(domain(), &map);
}

static int map_at(lend_iova_t iova, uint64_t length)
{
	return map_as(iova, length, LEND_ACCESS_READ | LEND_ACCESS_WRITE);
}

static int unmap(lend_iova_t iova, uint64_t length)
{
	return domain_ops()->unmap(domain(), iova, length);
}

static int with_memory(void **state)
{
	bench_open(state);
	memory = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1,
		      0);
	assert_true(memory != MAP_FAILED);
	return 0;
}

static int without_memory(void **state)
{
	int ret = bench_close(state);

	munmap(memory, 64 * PAGE);
	return ret;
}

static size_t windows(struct lend_iova_window out[WINDOWS])
{
	size_t count = domain_ops()->windows(domain(), out, WINDOWS);

	assert_true(count > 0 && count <= WINDOWS);
	return count;
}

static void windows_ascend(void **state)
{
	struct lend_iova_window w[WINDOWS];
	size_t count = windows(w);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		assert_true(w[i].start <= w[i].last);
		assert_true(!i || w[i].start > w[i - 1].last);
		assert_int_equal(w[i].start % PAGE, 0);
	}
	/* No more is written than there is room for, and the count is still true. */
	w[0].start = 1;
	assert_int_equal(domain_ops()->windows(domain(), w, 0), count);
	assert_int_equal(w[0].start, 1);
}

static void first_and_last_page(void **state)
{
	struct lend_iova_window w[WINDOWS];
	size_t count = windows(w);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		lend_iova_t last = w[i].last - (PAGE - 1);

		assert_int_equal(map_at(w[i].start, PAGE), 0);
		assert_int_equal(map_at(last, PAGE), 0);
		assert_int_equal(unmap(w[i].start, PAGE), 0);
		assert_int_equal(unmap(last, PAGE), 0);
	}
}

/* Between the windows, and behind the last, nothing can be mapped: not wholly, not in part. */
static void reserved_addresses(void **state)
{
	struct lend_iova_window w[WINDOWS];
	size_t count = windows(w);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		if (w[i].last == UINT64_MAX)
			continue;
		assert_int_equal(map_at(w[i].last + 1, PAGE), -EINVAL);
		assert_int_equal(map_at(w[i].last + 1 - PAGE, 2 * PAGE), -EINVAL);
		assert_int_equal(unmap(w[i].last + 1 - PAGE, PAGE), -ENOENT);
	}
}

static void overlaps(void **state)
{
	(void)state;
	assert_int_equal(map_at(0x100000, 4 * PAGE), 0);
	assert_int_equal(map_at(0x100000, 4 * PAGE), -EEXIST);
	assert_int_equal(map_at(0x100000 + 3 * PAGE, 2 * PAGE), -EEXIST);
	assert_int_equal(map_at(0x100000 - PAGE, 2 * PAGE), -EEXIST);
	assert_int_equal(map_at(0x100000 + PAGE, PAGE), -EEXIST);
	assert_int_equal(map_at(0x100000 - PAGE, 8 * PAGE), -EEXIST);
	/* Neighbours are no overlap. */
	assert_int_equal(map_at(0x100000 - PAGE, PAGE), 0);
	assert_int_equal(map_at(0x100000 + 4 * PAGE, PAGE), 0);
	assert_int_equal(unmap(0x100000 - PAGE, PAGE), 0);
	assert_int_equal(unmap(0x100000 + 4 * PAGE, PAGE), 0);
	assert_int_equal(unmap(0x100000, 4 * PAGE), 0);
}

static void holes(void **state)
{
	(void)state;
	assert_int_equal(unmap(0x200000, PAGE), -ENOENT);
	assert_int_equal(map_at(0x200000, PAGE), 0);
	assert_int_equal(unmap(0x200000, PAGE), 0);
	assert_int_equal(unmap(0x200000, PAGE), -ENOENT);
}

/* A part of a map cannot be taken out: an error, and all of it is still there. */
static void parts(void **state)
{
	(void)state;
	assert_int_equal(map_at(0x300000, 4 * PAGE), 0);
	assert_true(unmap(0x300000, PAGE) < 0);
	assert_true(unmap(0x300000 + 3 * PAGE, PAGE) < 0);
	assert_true(unmap(0x300000 + PAGE, 2 * PAGE) < 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(map_at(0x300000 + i * PAGE, PAGE), -EEXIST);
	assert_int_equal(unmap(0x300000, 4 * PAGE), 0);
}

static void misaligned(void **state)
{
	(void)state;
	assert_int_equal(map_at(0x400001, PAGE), -EINVAL);
	assert_int_equal(map_at(0x400000, PAGE + 1), -EINVAL);
	assert_int_equal(map_at(0x400000, PAGE / 2), -EINVAL);
	assert_int_equal(map_at(0x400000, 0), -EINVAL);
}

static void wraps(void **state)
{
	(void)state;
	assert_true(map_at(UINT64_MAX - PAGE + 1, 2 * PAGE) < 0);
	assert_true(map_at(PAGE, UINT64_MAX - PAGE + 1) < 0);
}

static void memory_that_is_not_there(void **state)
{
	struct domain_map map = {.iova = 0x500000, .length = PAGE, .fd = -1, .access = LEND_ACCESS_READ};

	(void)state;
	if (!bench.can_touch)
		leave_out("the backend looks at no memory");
	map.va = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(map.va, PAGE);
	assert_int_equal(domain_ops()->map(domain(), &map), -EFAULT);
	assert_int_equal(unmap(0x500000, PAGE), -ENOENT);
}

/* The limit is an error like another: what was mapped stays, and one less makes room for one more. */
static void limits(void **state)
{
	unsigned mapped = 0, most = bench.limit && bench.limit < MANY ? bench.limit : MANY;
	lend_iova_t at = 0x1000000;
	int ret = 0;

	(void)state;
	while (mapped < MANY && !(ret = map_at(at + mapped * 2 * PAGE, PAGE)))
		mapped++;
	assert_int_equal(mapped, most);
	if (most < MANY) {
		assert_int_equal(ret, -ENOSPC);
		assert_int_equal(unmap(at, PAGE), 0);
		assert_int_equal(map_at(at, PAGE), 0);
	}
	while (mapped--)
		assert_int_equal(unmap(at + mapped * 2 * PAGE, PAGE), 0);
}

/* One piece of a file 64 times in a row is one map of the domain: it can be taken out as one. */
static void a_row_of_one_file(void **state)
{
	enum { PIECE = 16 * PAGE, COUNT = 64 };
	int fd = memfd_create("conform", MFD_CLOEXEC);
	uint8_t *base = mmap(NULL, PIECE * COUNT, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct lend_range ranges[COUNT];
	struct lend_error error;

	(void)state;
	assert_true(base != MAP_FAILED);
	assert_int_equal(ftruncate(fd, PIECE), 0);
	for (unsigned i = 0; i < COUNT; i++) {
		assert_true(mmap(base + i * PIECE, PIECE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
				 0) != MAP_FAILED);
		ranges[i] = (struct lend_range){.iova = 0x10000000 + i * (uint64_t)PIECE,
						.length = PIECE,
						.va = base + i * PIECE,
						.fd = fd,
						.merge = true};
	}
	if (lend_space_map(bench.space, ranges, COUNT, &error))
		fail_msg("%s", error.text);
	assert_true(unmap(0x10000000, PIECE) < 0);
	assert_true(unmap(0x10000000, PIECE * (COUNT - 1)) < 0);
	assert_int_equal(map_at(0x10000000 + PIECE * (COUNT - 1), PAGE), -EEXIST);
	assert_int_equal(bench.space->maps.count, 1);
	/* None of the pieces leaves alone; all of them do, in any order. */
	assert_int_equal(lend_space_unmap(bench.space, ranges[1].iova, PIECE), -EBUSY);
	assert_int_equal(map_at(ranges[1].iova, PAGE), -EEXIST);
	ranges[0] = ranges[COUNT - 1];
	ranges[COUNT - 1].iova = 0x10000000;
	if (lend_space_unmap_ranges(bench.space, ranges, COUNT, &error))
		fail_msg("%s", error.text);
	assert_int_equal(unmap(0x10000000, PIECE), -ENOENT);
	munmap(base, PIECE * COUNT);
	close(fd);
}

/* Memory that comes and goes: one piece of a row leaves and comes back, and the domain keeps all others. */
static void pieces_come_and_go(void **state)
{
	enum { COUNT = 16 };
	struct lend_range ranges[COUNT], found;
	struct lend_error error;

	(void)state;
	for (unsigned i = 0; i < COUNT; i++)
		ranges[i] = (struct lend_range){
			.iova = 0x20000000 + i * PAGE, .length = PAGE, .va = memory + i * PAGE, .fd = -1};
	if (lend_space_map(bench.space, ranges, COUNT, &error))
		fail_msg("%s", error.text);
	for (unsigned i = 0; i < COUNT; i++) {
		assert_int_equal(lend_space_unmap(bench.space, ranges[i].iova, PAGE), 0);
		assert_int_equal(unmap(ranges[i].iova, PAGE), -ENOENT);
		for (unsigned j = 0; j < COUNT; j++)
			if (i != j)
				assert_int_equal(map_at(ranges[j].iova, PAGE), -EEXIST);
		assert_int_equal(lend_space_find(bench.space, ranges[i].iova, &found),
				 i + 1 == COUNT ? -ENOENT : 0);
		assert_int_equal(lend_space_map(bench.space, &ranges[i], 1, NULL), 0);
	}
	/* Many at once, or none of them. */
	ranges[3].iova += PAGE / 2;
	assert_int_equal(lend_space_unmap_ranges(bench.space, ranges, COUNT, NULL), -ENOENT);
	assert_int_equal(map_at(ranges[2].iova, PAGE), -EEXIST);
	assert_int_equal(lend_space_mapped(bench.space), COUNT * PAGE);
	ranges[3].iova -= PAGE / 2;
	assert_int_equal(lend_space_unmap_ranges(bench.space, ranges, COUNT, NULL), 0);
	for (unsigned i = 0; i < COUNT; i++)
		assert_int_equal(unmap(ranges[i].iova, PAGE), -ENOENT);
	assert_int_equal(lend_space_mapped(bench.space), 0);
}

/* Each of the three accesses can be had. */
static void accesses(void **state)
{
	(void)state;
	for (unsigned access = 1; access <= 3; access++) {
		assert_int_equal(map_as(0x600000, PAGE, access), 0);
		assert_int_equal(unmap(0x600000, PAGE), 0);
	}
}

/* A device bound to an iommufd can change its space; others say that they cannot, and stay. */
static void moves(void **state)
{
	static const struct lend_host_ops ops = {.size = sizeof(ops)};
	struct lend_range range = {.iova = 0, .length = PAGE, .va = memory, .fd = -1};
	struct lend_space *from = bench.space, *other;
	bool can = !strcmp(bench.name, "iommufd");
	uint8_t id[4];

	(void)state;
	assert_int_equal(lend_space_new(bench.context, &ops, NULL, &other), 0);
	assert_int_equal(lend_space_map(other, &range, 1, NULL), 0);
	assert_int_equal(lend_device_move(bench.device, other, NULL), can ? 0 : -EOPNOTSUPP);
	assert_int_equal(device_read(bench.device, LEND_REGION_CONFIG, 0, id, 4), 0);
	if (can) {
		bench.space = other; /* the cases look at the domain of the device's space */
		assert_null(from->domains[0].ops);
		assert_int_equal(map_at(0, PAGE), -EEXIST);
		assert_int_equal(lend_device_move(bench.device, from, NULL), 0);
		bench.space = from;
		assert_int_equal(map_at(0, PAGE), 0);
		assert_int_equal(unmap(0, PAGE), 0);
	}
	lend_space_free(other);
}

#define with_pages(test) cmocka_unit_test_setup_teardown(test, with_memory, without_memory)

const struct CMUnitTest domain_cases[] = {
	with_pages(windows_ascend),
	with_pages(first_and_last_page),
	with_pages(overlaps),
	with_pages(reserved_addresses),
	with_pages(holes),
	with_pages(parts),
	with_pages(misaligned),
	with_pages(wraps),
	with_pages(limits),
	with_pages(memory_that_is_not_there),
	with_pages(a_row_of_one_file),
	with_pages(pieces_come_and_go),
	with_pages(accesses),
	with_pages(moves),
};
const size_t domain_case_count = sizeof(domain_cases) / sizeof(*domain_cases);
