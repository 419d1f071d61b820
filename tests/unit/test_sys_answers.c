/* SPDX-License-Identifier: MIT */
/*
 * Answers of the kernel that cannot be: counts beyond the answer, lists that do
 * not ascend, fewer bytes than were asked for. lib/sys refuses each with -EPROTO,
 * and everything above relies on that. ioctl() is this file's own.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lend/space.h"
#include "lib/sys/abi.h"
#include "lib/sys/iommufd.h"
#include "tests/unit/cmocka.h"

enum { RANGES = 40 };

static struct {
	/* Ranges of addresses. */
	uint64_t ranges[RANGES][2];
	uint32_t count;  /* that there are */
	uint32_t claims; /* that the answer says there are; 0: `count` */
	bool grows;      /* each time there is one more than room for */
	unsigned asked;
	/* A removal. */
	int fails;
	uint64_t removed;
	/* Of SET_IRQS. */
	int vectors;
	uint32_t flags; /* of the last map */
} kernel;

static int container_info(struct vfio_iommu_type1_info *info)
{
	struct vfio_iommu_type1_info_cap_iova_range head = {
		.header = {VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 1, 0},
		.nr_iovas = kernel.claims ? kernel.claims : kernel.count};
	uint32_t have = info->argsz, behind = (uint32_t)sizeof(*info);
	uint32_t need = behind + (uint32_t)(sizeof(head) + kernel.count * sizeof(kernel.ranges[0]));

	info->flags = VFIO_IOMMU_INFO_CAPS;
	info->argsz = need;
	if (have < need)
		return 0;
	info->cap_offset = behind;
	memcpy((uint8_t *)info + behind, &head, sizeof(head));
	memcpy((uint8_t *)info + behind + sizeof(head), kernel.ranges,
	       kernel.count * sizeof(kernel.ranges[0]));
	return 0;
}

static int space_ranges(struct abi_ioas_iova_ranges *ask)
{
	uint32_t room = ask->num_iovas, count = kernel.grows ? room + 1 : kernel.count;

	kernel.asked++;
	if (count <= room)
		memcpy((void *)(uintptr_t)ask->allowed_iovas, kernel.ranges,
		       count * sizeof(kernel.ranges[0]));
	ask->num_iovas = kernel.claims ? kernel.claims : count;
	ask->out_iova_alignment = 4096;
	errno = EMSGSIZE;
	return count <= room ? 0 : -1;
}

static int removal(uint64_t *length)
{
	*length = kernel.removed;
	errno = kernel.fails;
	return kernel.fails ? -1 : 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	(void)fd;
	switch (request) {
	case VFIO_IOMMU_GET_INFO:
		return container_info(arg);
	case VFIO_IOMMU_MAP_DMA:
		kernel.flags = ((struct vfio_iommu_type1_dma_map *)arg)->flags;
		return 0;
	case VFIO_IOMMU_UNMAP_DMA:
		return removal((uint64_t *)&((struct vfio_iommu_type1_dma_unmap *)arg)->size);
	case ABI_IOMMU_IOAS_IOVA_RANGES:
		return space_ranges(arg);
	case ABI_IOMMU_IOAS_MAP:
		kernel.flags = ((struct abi_ioas_map *)arg)->flags;
		return 0;
	case ABI_IOMMU_IOAS_UNMAP:
		return removal(&((struct abi_ioas_unmap *)arg)->length);
	case VFIO_DEVICE_SET_IRQS:
		return kernel.vectors;
	default:
		errno = ENOTTY;
		return -1;
	}
}

static int set_up(void **state)
{
	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	for (uint64_t i = 0; i < RANGES; i++) {
		kernel.ranges[i][0] = i << 20;
		kernel.ranges[i][1] = (i << 20) + 0xfffff;
	}
	kernel.count = 2;
	return 0;
}

/* Both kinds of domain, asked the same; the number of ranges, or the error. */
static int container_ranges(void)
{
	struct sys_iommu_info info;
	int ret = sys_vfio_iommu_info(3, &info);

	ret = ret ? ret : (int)info.range_count;
	if (ret > 0)
		assert_memory_equal(info.ranges, kernel.ranges, (unsigned)ret * sizeof(kernel.ranges[0]));
	free(info.ranges);
	return ret;
}

static int ioas_ranges(void)
{
	struct sys_ioas_ranges ranges;
	int ret = sys_ioas_ranges(3, 1, &ranges);

	ret = ret ? ret : (int)ranges.count;
	if (ret > 0)
		assert_memory_equal(ranges.ranges, kernel.ranges, (unsigned)ret * sizeof(kernel.ranges[0]));
	if (ret < 0)
		assert_null(ranges.ranges);
	free(ranges.ranges);
	return ret;
}

static void any_number_of_ranges(void **state)
{
	(void)state;
	for (kernel.count = 0; kernel.count <= RANGES; kernel.count++) {
		assert_int_equal(container_ranges(), kernel.count);
		assert_int_equal(ioas_ranges(), kernel.count);
	}
}

/* The count is the kernel's word, the room is ours: what lies beyond the answer is not read. */
static void more_ranges_than_the_answer_has(void **state)
{
	static const uint32_t claims[] = {3, 17, 4096, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(claims) / sizeof(*claims); i++) {
		kernel.claims = claims[i];
		assert_int_equal(container_ranges(), -EPROTO);
	}
	/* iommufd has room for 16 at first, in which unwritten ones are zeros and do not ascend. */
	for (size_t i = 0; i < sizeof(claims) / sizeof(*claims); i++) {
		kernel.claims = claims[i];
		assert_int_equal(ioas_ranges(), -EPROTO);
	}
}

static void ranges_that_do_not_ascend(void **state)
{
	static const uint64_t rows[][2][2] = {
		{{0x1000, 0xfff}, {0x2000, 0x2fff}}, /* ends before it starts */
		{{0, 0xfff}, {0x2000, 0x1fff}},      {{0, 0xfff}, {0xfff, 0x1fff}}, /* overlap */
		{{0x2000, 0x2fff}, {0, 0xfff}},      {{0, 0xfff}, {0, 0xfff}},
		{{0, UINT64_MAX}, {0, 0xfff}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		memcpy(kernel.ranges, rows[i], sizeof(rows[i]));
		assert_int_equal(container_ranges(), -EPROTO);
		assert_int_equal(ioas_ranges(), -EPROTO);
	}
}

static void a_number_that_always_grows(void **state)
{
	(void)state;
	kernel.grows = true;
	assert_int_equal(ioas_ranges(), -EPROTO);
	assert_int_equal(kernel.asked, 4);
	kernel.grows = false;
	kernel.count = 20;  /* does not fit */
	kernel.claims = 10; /* and yet the kernel says that it would */
	kernel.asked = 0;
	assert_int_equal(ioas_ranges(), -EPROTO);
	assert_int_equal(kernel.asked, 1);
	kernel.claims = 1 << 20;
	assert_int_equal(ioas_ranges(), -EPROTO);
}

/* What is not removed can still be reached: 0 means all of it, and -ENOENT nothing at all. */
static void removals_of_less(void **state)
{
	static const struct {
		uint64_t removed;
		int fails, want;
	} rows[] = {
		{0x4000, 0, 0},
		{0x3000, 0, -EPROTO},
		{0x5000, 0, -EPROTO},
		{1, 0, -EPROTO},
		{UINT64_MAX, 0, -EPROTO},
		{0, 0, -ENOENT},
		{0x4000, EINVAL, -EINVAL},
		{0, ENOENT, -ENOENT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		kernel.removed = rows[i].removed;
		kernel.fails = rows[i].fails;
		assert_int_equal(sys_vfio_unmap_dma(3, 0x10000, 0x4000), rows[i].want);
		assert_int_equal(sys_ioas_unmap(3, 1, 0x10000, 0x4000), rows[i].want);
	}
}

static void access_of_a_map(void **state)
{
	static const uint32_t type1[] = {0, VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE,
					 VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE};
	static const uint32_t iommufd[] = {0, ABI_MAP_READABLE, ABI_MAP_WRITEABLE,
					   ABI_MAP_READABLE | ABI_MAP_WRITEABLE};

	(void)state;
	for (unsigned access = 1; access <= 3; access++) {
		const struct sys_ioas_map map = {0x1000, 0x1000, access};

		assert_int_equal(sys_vfio_map_dma(3, 0x1000, NULL, 0x1000, access), 0);
		assert_int_equal(kernel.flags, type1[access]);
		assert_int_equal(sys_ioas_map(3, 1, &map, NULL), 0);
		assert_int_equal(kernel.flags, iommufd[access] | ABI_MAP_FIXED_IOVA);
	}
}

/* A positive answer is how many vectors could be had, and those are fewer than were asked for. */
static void vectors_that_were_not_asked_for(void **state)
{
	static const int fds[4] = {-1, -1, -1, -1};

	(void)state;
	kernel.vectors = 3;
	assert_int_equal(sys_vfio_set_irqs(3, SYS_IRQ_TRIGGER, 2, 0, 4, fds), 3);
	kernel.vectors = 4;
	assert_int_equal(sys_vfio_set_irqs(3, SYS_IRQ_TRIGGER, 2, 0, 4, fds), -EPROTO);
	kernel.vectors = 1;
	assert_int_equal(sys_vfio_set_irqs(3, SYS_IRQ_TRIGGER, 2, 0, 0, NULL), -EPROTO);
}

#define TEST(f) cmocka_unit_test_setup(f, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(any_number_of_ranges),
		TEST(more_ranges_than_the_answer_has),
		TEST(ranges_that_do_not_ascend),
		TEST(a_number_that_always_grows),
		TEST(removals_of_less),
		TEST(access_of_a_map),
		TEST(vectors_that_were_not_asked_for),
	};

	return cmocka_run_group_tests_name("sys_answers", tests, NULL, NULL);
}
