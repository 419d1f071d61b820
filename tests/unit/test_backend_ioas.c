/* SPDX-License-Identifier: MIT */
/* The domain of iommufd: page tables, maps, files, peers, and the order of a device's life. */
#include "tests/unit/fake_iommufd_host.h"

/* The hypervisor knows before the bind, the address space comes behind it, and all goes in reverse. */
static void a_life(void **state)
{
	struct host *host = *state;
	const struct lend_range ram = {.iova = 0, .length = 0x4000, .va = (void *)0x10000, .fd = -1};
	struct lend_iova_window windows[4];

	add_device(host, "0000:05:00.0", 0);
	assert_int_equal(lend_space_map(host->space, &ram, 1, NULL), 0);
	assert_int_equal(open_named(host, 0, "05:00.0"), 0);
	assert_string_equal(host->order, "add behind 0 calls");
	expect_calls("bind 00", "ioas 1", "hwpt 2", "attach 2", "ranges", "map 0 4000", NULL);
	assert_int_equal(lend_device_info(host->device[0])->backend, LEND_BACKEND_IOMMUFD);
	assert_string_equal(lend_device_info(host->device[0])->name, "0000:05:00.0");
	/* Known already, until another device comes. */
	assert_int_equal(lend_space_windows(host->space, windows, 4), 2);
	assert_int_equal(windows[1].start, 0xfef00000);
	assert_int_equal(lend_space_windows(host->space, windows, 4), 2);
	expect_calls(NULL);
	close_one(host, 0);
	expect_calls("unmap 0 4000", "detach", "destroy 2", "destroy 1", NULL);
}

/* Page tables are shared where they fit, and made where they do not; the maps exist once. */
static void tables_are_shared(void **state)
{
	struct host *host = *state;
	const struct lend_range ram = {.iova = 0, .length = 0x4000, .va = (void *)0x10000, .fd = -1};

	add_device(host, "0000:05:00.0", 0);
	add_device(host, "0000:06:00.0", 1);
	add_device(host, "0000:07:00.0", 2);
	assert_int_equal(open_named(host, 0, "05:00.0"), 0);
	assert_int_equal(open_named(host, 1, "06:00.0"), 0);
	expect_calls("bind 00", "attach 2", NULL);
	kernel.refuses = 2;
	assert_int_equal(open_named(host, 2, "07:00.0"), 0);
	expect_calls("bind 00", "attach 2", "hwpt 3", "attach 3", "ranges", NULL);
	assert_int_equal(lend_space_map(host->space, &ram, 1, NULL), 0);
	expect_calls("map 0 4000", NULL);
	close_one(host, 2);
	expect_calls("detach", "destroy 3", NULL);
	close_one(host, 0);
	expect_calls("detach", NULL);
}

/* An address space that does not take the device is followed by another; what is no "does not fit" ends it.
 */
static void another_address_space(void **state)
{
	struct host *host = *state;

	add_device(host, "0000:05:00.0", 0);
	add_device(host, "0000:06:00.0", 1);
	assert_int_equal(open_named(host, 0, "05:00.0"), 0);
	kernel.attach = -ENODEV;
	assert_int_equal(open_named(host, 1, "06:00.0"), -ENODEV);
	expect(host, "0000:06:00.0");
	expect_calls("bind 00", "attach 2", NULL);
	kernel.attach = -EINVAL;
	assert_int_equal(open_named(host, 1, "06:00.0"), -EINVAL);
	expect_calls("bind 00", "attach 2", "hwpt 3", "attach 3", "destroy 3", "ioas 4", "hwpt 5", "attach 5",
		     "destroy 5", "destroy 4", NULL);
	kernel.attach = 0;
}

/* Where the kernel makes no page tables by hand it finds some itself. */
static void tables_by_the_kernel(void **state)
{
	struct host *host = *state;

	add_device(host, "0000:05:00.0", 0);
	kernel.hwpt = -EOPNOTSUPP;
	assert_int_equal(open_named(host, 0, "05:00.0"), 0);
	expect_calls("bind 00", "ioas 1", "hwpt 2", "attach 1", NULL);
	/* And goes on to. */
	add_device(host, "0000:06:00.0", 1);
	assert_int_equal(open_named(host, 1, "06:00.0"), 0);
	expect_calls("bind 00", "attach 1", NULL);
	close_one(host, 1);
	close_one(host, 0);
	expect_calls("detach", "destroy 1", NULL);
}

static void tables_that_are_not_finished(void **state)
{
	struct host *host = *state;

	add_device(host, "0000:05:00.0", 0);
	kernel.unfinished = true;
	assert_int_equal(open_named(host, 0, "05:00.0"), 0);
	expect_calls("bind 00", "ioas 1", "hwpt 2", "attach 2", "ranges", "detach", "destroy 2", "attach 1",
		     NULL);
	close_one(host, 0);
	expect_calls("detach", "destroy 1", NULL);
	kernel.unfinished = false;
	/* They collide with what is mapped, which the kernel's own may not. */
	kernel.hwpt = -EADDRINUSE;
	assert_int_equal(open_named(host, 0, "05:00.0"), 0);
	expect_calls("bind 00", "ioas 3", "hwpt 4", "attach 3", NULL);
}

static void maps_by_file(void **state)
{
	struct host *host = *state;
	const struct lend_range ranges[] = {
		{.iova = 0, .length = 0x4000, .va = (void *)0x10000, .fd = 9, .offset = 0x2000},
		{.iova = 0x8000, .length = 0x1000, .va = (void *)0x30000, .fd = -1},
	};

	add_device(host, "0000:05:00.0", 0);
	assert_int_equal(open_named(host, 0, "05:00.0"), 0);
	kernel.count = 0;
	assert_int_equal(lend_space_map(host->space, ranges, 2, NULL), 0);
	expect_calls("map_file 0 4000 2000", "map 8000 1000", NULL);
	/* Nothing there any more: as good as unmapped. */
	kernel.unmap = -ENOENT;
	assert_int_equal(lend_space_unmap(host->space, 0, 0x4000), 0);
	kernel.unmap = 0;
	kernel.count = 0;
	/* A file that this kernel cannot pin goes by address, the next one is tried again. */
	kernel.map_file = -EINVAL;
	assert_int_equal(lend_space_map(host->space, ranges, 1, NULL), 0);
	expect_calls("map_file 0 4000 2000", "map 0 4000", NULL);
	assert_int_equal(lend_space_unmap(host->space, 0, 0x4000), 0);
	kernel.count = 0;
	/* A kernel before 6.13 is asked once. */
	kernel.map_file = -ENOTTY;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(lend_space_map(host->space, ranges, 1, NULL), 0);
		assert_int_equal(lend_space_unmap(host->space, 0, 0x4000), 0);
	}
	expect_calls("map_file 0 4000 2000", "map 0 4000", "unmap 0 4000", "map 0 4000", "unmap 0 4000",
		     NULL);
	/* What else goes wrong with the file is no reason to try the address. */
	kernel.map_file = kernel.map = 0;
}

static void memory_that_cannot_be_pinned(void **state)
{
	struct host *host = *state;
	const struct lend_range ram = {.iova = 0, .length = 0x4000, .va = (void *)0x10000, .fd = 9};

	add_device(host, "0000:05:00.0", 0);
	assert_int_equal(open_named(host, 0, "05:00.0"), 0);
	kernel.map_file = -ENOMEM;
	assert_int_equal(lend_space_map(host->space, &ram, 1, &host->error), -ENOMEM);
}

/* The kernel that refuses one BAR by address refuses all: asked once. */
static void peers_are_tried_once(void **state)
{
	struct host *host = *state;
	const struct lend_range bars[] = {
		{.iova = 0x1000, .length = 0x1000, .va = (void *)0x10000, .fd = -1, .kind = LEND_RANGE_BAR},
		{.iova = 0x4000, .length = 0x1000, .va = (void *)0x20000, .fd = -1, .kind = LEND_RANGE_BAR},
		{.iova = 0x6000, .length = 0x1000, .va = (void *)0x30000, .fd = 5, .kind = LEND_RANGE_BAR},
	};

	add_device(host, "0000:05:00.0", 0);
	assert_int_equal(open_named(host, 0, "05:00.0"), 0);
	kernel.count = 0;
	kernel.map = -EFAULT;
	assert_int_equal(lend_space_map(host->space, bars, 3, NULL), 0);
	/* One with a dma-buf behind it is another matter. */
	expect_calls("map 1000 1000", "map_file 6000 1000 0", NULL);
	kernel.map = 0;
}

/* Out of one space, into the other, and back when that one refuses. */
static void moves(void **state)
{
	struct host *host = *state;
	const struct lend_host_ops ops = {.size = sizeof(ops), .vfio_add = vfio_add, .vfio_del = vfio_del};
	const struct lend_range ram = {.iova = 0, .length = 0x1000, .va = (void *)0x10000, .fd = -1};
	const struct lend_range other_ram = {.iova = 0, .length = 0x2000, .va = (void *)0x20000, .fd = -1};
	struct lend_space *other;

	add_device(host, "0000:05:00.0", 0);
	assert_int_equal(lend_space_new(host->context, &ops, host, &other), 0);
	assert_int_equal(lend_space_map(host->space, &ram, 1, NULL), 0);
	assert_int_equal(lend_space_map(other, &other_ram, 1, NULL), 0);
	assert_int_equal(open_named(host, 0, "05:00.0"), 0);
	kernel.count = 0;
	assert_int_equal(lend_device_move(host->device[0], other, &host->error), 0);
	expect_calls("unmap 0 1000", "detach", "destroy 2", "destroy 1", "ioas 3", "hwpt 4", "attach 4",
		     "ranges", "map 0 2000", NULL);
	assert_int_equal(host->known, 1);
	assert_int_equal(lend_device_move(host->device[0], other, &host->error), 0);
	expect_calls(NULL);
	/* The first space takes it no more, but the second does again. */
	kernel.refuses = 6;
	assert_int_equal(lend_device_move(host->device[0], host->space, &host->error), -EINVAL);
	kernel.count = 0;
	assert_int_equal(host->known, 1);
	/* Neither does. */
	kernel.ioas = -ENOMEM;
	assert_int_equal(lend_device_move(host->device[0], host->space, &host->error), -ENOTRECOVERABLE);
	kernel.ioas = 0;
	close_one(host, 0);
	lend_space_free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		on_host(a_life),
		on_host(tables_are_shared),
		on_host(another_address_space),
		on_host(tables_by_the_kernel),
		on_host(tables_that_are_not_finished),
		on_host(maps_by_file),
		on_host(memory_that_cannot_be_pinned),
		on_host(peers_are_tried_once),
		on_host(moves),
	};

	return cmocka_run_group_tests_name("backend_ioas", tests, NULL, NULL);
}
