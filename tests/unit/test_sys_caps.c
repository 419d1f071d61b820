/* SPDX-License-Identifier: MIT */
/* What the kernel says, malformed: chains of VFIO's info structs, and areas of regions. */
#include <errno.h>
#include <string.h>

#include <linux/vfio.h>

#include "lib/backend/areas.h"
#include "lib/sys/caps.h"
#include "tests/unit/cmocka.h"

static uint8_t buffer[256];

static void put(unsigned at, uint16_t id, uint32_t next)
{
	struct vfio_info_cap_header header = {.id = id, .version = 1, .next = next};

	memcpy(buffer + at, &header, sizeof(header));
}

static int find(size_t size, uint32_t first, uint16_t id, size_t least)
{
	struct sys_cap cap = {0};
	int ret = sys_caps_find(buffer, size, first, id, least, &cap);

	if (ret == 1) {
		assert_int_equal(cap.id, id);
		assert_true(cap.data >= buffer && cap.data + cap.length == buffer + size);
		assert_true(cap.length >= least);
	}
	return ret;
}

static void well_formed(void **state)
{
	(void)state;
	put(32, 3, 64);
	put(64, 1, 96);
	put(96, 7, 0);
	assert_int_equal(find(256, 32, 3, 8), 1);
	assert_int_equal(find(256, 32, 1, 8), 1);
	assert_int_equal(find(256, 32, 7, 160), 1);
	assert_int_equal(find(256, 32, 2, 8), 0);
	assert_int_equal(find(256, 0, 3, 8), 0);
}

static void malformed(void **state)
{
	(void)state;
	put(32, 3, 64);
	put(64, 1, 32); /* comes back */
	assert_int_equal(find(256, 32, 2, 8), -EPROTO);
	put(64, 1, 64); /* to itself */
	assert_int_equal(find(256, 32, 2, 8), -EPROTO);
	put(64, 1, 250); /* its header does not fit */
	assert_int_equal(find(256, 32, 2, 8), -EPROTO);
	put(64, 1, 256);
	assert_int_equal(find(256, 32, 2, 8), -EPROTO);
	put(64, 1, UINT32_MAX);
	assert_int_equal(find(256, 32, 2, 8), -EPROTO);
	assert_int_equal(find(256, UINT32_MAX - 3, 2, 8), -EPROTO);
	put(64, 1, 240); /* shorter than it has to be */
	put(240, 2, 0);
	assert_int_equal(find(256, 32, 2, 24), -EPROTO);
	assert_int_equal(find(256, 32, 2, 16), 1);
	assert_int_equal(find(0, 8, 2, 8), -EPROTO);
	assert_int_equal(find(7, 4, 2, 8), -EPROTO);
}

static void random_chains(void **state)
{
	uint32_t random = 7;

	(void)state;
	for (unsigned round = 0; round < 200000; round++) {
		for (unsigned i = 0; i < 32; i++) {
			random = random * 1664525 + 1013904223;
			put(i * 8, random >> 8 & 3, random >> 12 & 0x1ff);
		}
		find(round % 257, random >> 20 & 0xff, 3, 16);
	}
}

static void areas_are_sorted_and_checked(void **state)
{
	struct lend_region region = {.size = 0x10000};
	struct lend_area kept[AREAS_MAX];
	struct lend_area areas[] = {{0x4000, 0x1000}, {0, 0}, {0x1000, 0x1000}, {0x2000, 0x800}};
	struct lend_area overlap[] = {{0x1000, 0x1001}, {0x2000, 0x1000}};
	struct lend_area wrap[] = {{UINT64_MAX - 1, 4}};
	struct lend_area many[40];

	(void)state;
	assert_int_equal(areas_store(&region, kept, AREAS_MAX, areas, 4), 0);
	assert_int_equal(region.area_count, 3);
	assert_int_equal(kept[0].offset, 0x1000);
	assert_int_equal(kept[2].offset, 0x4000);
	areas_clip(&region, kept, 0x1000);
	assert_int_equal(region.area_count, 2);
	assert_int_equal(areas_store(&region, kept, AREAS_MAX, overlap, 2), -EPROTO);
	assert_int_equal(areas_store(&region, kept, AREAS_MAX, wrap, 1), -EPROTO);
	for (unsigned i = 0; i < 40; i++)
		many[i] = (struct lend_area){i * 0x1000, 0x1000};
	assert_int_equal(areas_store(&region, kept, AREAS_MAX, many, 40), 40 - AREAS_MAX);
	assert_int_equal(areas_store(&region, kept, AREAS_MAX, NULL, 0), 0);
	assert_int_equal(region.area_count, 0);
}

static void areas_clip_to_the_region(void **state)
{
	struct lend_region region = {.size = 0x3000, .area_count = 3};
	struct lend_area kept[AREAS_MAX];

	(void)state;
	kept[0] = (struct lend_area){0x2800, 0x100000};
	kept[1] = (struct lend_area){0x5000, 0x1000};
	kept[2] = (struct lend_area){UINT64_MAX - 10, 5};
	areas_clip(&region, kept, 0x1000);
	assert_int_equal(region.area_count, 0);
	region.area_count = 1;
	kept[0] = (struct lend_area){0x1000, UINT64_MAX - 0x1000};
	areas_clip(&region, kept, 0x1000);
	assert_int_equal(kept[0].length, 0x2000);
}

static void areas_cut_a_part(void **state)
{
	struct lend_area areas[AREAS_ROOM] = {{0, 0x4000}, {0x6000, 0x2000}};

	(void)state;
	assert_int_equal(areas_cut(areas, 2, 0x1000, 0x2000), 3);
	assert_int_equal(areas[0].length, 0x1000);
	assert_int_equal(areas[1].offset, 0x2000);
	assert_int_equal(areas[1].length, 0x2000);
	assert_int_equal(areas_cut(areas, 3, 0x3000, 0x7000), 3);
	assert_int_equal(areas[1].length, 0x1000);
	assert_int_equal(areas[2].offset, 0x7000);
	assert_int_equal(areas_cut(areas, 3, 0x100000, 0x200000), 3);
	assert_int_equal(areas_cut(areas, 3, 0, UINT64_MAX), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(well_formed),
		cmocka_unit_test(malformed),
		cmocka_unit_test(random_chains),
		cmocka_unit_test(areas_are_sorted_and_checked),
		cmocka_unit_test(areas_clip_to_the_region),
		cmocka_unit_test(areas_cut_a_part),
	};

	return cmocka_run_group_tests_name("sys_caps", tests, NULL, NULL);
}
