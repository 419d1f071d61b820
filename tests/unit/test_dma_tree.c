/* SPDX-License-Identifier: MIT */
/* The tree of maps: what one call costs with many ranges, and that it finds what an array would. */
#include "tests/unit/dma_domain.h"

enum { PIECE = 0x1000 };

static unsigned logarithm(size_t count)
{
	unsigned log = 0;

	while (count >>= 1)
		log++;
	return log;
}

/* Orders in which pieces may come and go: up, down, and all over the place (a permutation of a power of 2).
 */
static size_t order(unsigned which, size_t i, size_t count)
{
	return which == 0 ? i : which == 1 ? count - 1 - i : (i * 40503 + 12345) % count;
}

/* A virtual IOMMU's guest has 100,000s of ranges: maps looked at for one call grow with the logarithm. */
static void calls_cost_the_logarithm(void **state)
{
	struct fixture *fixture = *state;
	struct map_tree *tree = &fixture->space->maps;
	struct lend_range out;

	for (unsigned size = 0; size < 3; size++) {
		const size_t count = (size_t[]){1 << 10, 1 << 14, 1 << 17}[size];

		for (unsigned which = 0; which < 3; which++) {
			/* One walk to look for it and one to change it, of a height of 1.45 log2 and one
			 * more. */
			uint64_t most = 2 * (3 * logarithm(count) / 2 + 3), worst = 0;

			for (size_t i = 0; i < 3 * count; i++) {
				uint64_t before = tree->steps;
				lend_iova_t iova = order(which, i % count, count) * 2 * PIECE;

				if (i < count)
					assert_int_equal(add(fixture, iova, PIECE, 0x1000, LEND_RANGE_RAM),
							 0);
				else if (i < 2 * count)
					assert_int_equal(lend_space_find(fixture->space, iova, &out), 0);
				else
					assert_int_equal(lend_space_unmap(fixture->space, iova, PIECE), 0);
				worst = tree->steps - before > worst ? tree->steps - before : worst;
			}
			assert_int_equal(tree->count, 0);
			if (worst > most)
				fail_msg("%zu ranges: %llu maps were looked at for one call", count,
					 (unsigned long long)worst);
		}
	}
}

static unsigned check_tree(const struct dma_map *map, lend_iova_t *last)
{
	unsigned left, right;

	if (!map)
		return 0;
	left = check_tree(map->left, last);
	assert_true(!*last || *last < map->iova);
	*last = map_last(map);
	right = check_tree(map->right, last);
	assert_true(left <= right + 1 && right <= left + 1);
	assert_int_equal(map->height, 1 + (left > right ? left : right));
	return map->height;
}

/* Any order of maps and removals against a plain array of pages. */
static void the_tree_is_what_an_array_would_be(void **state)
{
	enum { PAGES = 256, ROUNDS = 40000 };
	struct fixture *fixture = *state;
	unsigned length[PAGES] = {0}, random = 7; /* of the range that starts at this page */
	struct lend_range out;

	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned page, want, at;
		bool is_free = true;
		int ret;

		random = random * 1664525 + 1013904223;
		page = random >> 8 & (PAGES - 1);
		want = 1 + (random >> 20 & 3);
		if (random >> 30) {
			for (unsigned i = 0; i < PAGES; i++)
				is_free &= !length[i] || i >= page + want || i + length[i] <= page;
			ret = add(fixture, 0x1000 + page * PIECE, want * PIECE, 0x1000, LEND_RANGE_RAM);
			assert_int_equal(ret, is_free ? 0 : -EEXIST);
			length[page] = ret ? length[page] : want;
		} else {
			ret = lend_space_unmap(fixture->space, 0x1000 + page * PIECE, want * PIECE);
			assert_int_equal(ret, length[page] == want ? 0 : -ENOENT);
			length[page] = ret ? length[page] : 0;
		}
		for (at = 0; at < PAGES && (!length[at] || at + length[at] <= page); at++)
			;
		ret = lend_space_find(fixture->space, 0x1000 + page * PIECE, &out);
		assert_int_equal(ret, at == PAGES ? -ENOENT : 0);
		if (!ret)
			assert_int_equal(out.iova, 0x1000 + at * PIECE);
		if (!(round % 64))
			check_tree(fixture->space->maps.root, &(lend_iova_t){0});
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_fixture(calls_cost_the_logarithm),
		in_fixture(the_tree_is_what_an_array_would_be),
	};

	return cmocka_run_group_tests_name("dma_tree", tests, NULL, NULL);
}
