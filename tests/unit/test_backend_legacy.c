/* SPDX-License-Identifier: MIT */
/* Groups, a container and devices on a made-up VFIO: what is asked in which order, and answers that lie. */
#include "lib/open/hot_reset.h"
#include "tests/unit/fake_vfio.h"

#define INFOS "info region region region region region region region region region irq irq irq irq irq "

static struct lend_device *open_one(const char *address)
{
	struct lend_device *device = NULL;
	int ret = lend_device_open(vfio.space, address, &device, &vfio.error);

	if (ret)
		fail_msg("%s", vfio.error.text);
	return device;
}

/* spec 1, step 5: the hypervisor knows the group before a device is opened, and memory is mapped before. */
static void order_of_a_new_container(void **state)
{
	struct lend_range memory = {.length = 0x1000, .va = (void *)0x10000, .fd = -1};
	struct lend_device *device;
	int fds;

	(void)state;
	assert_int_equal(lend_space_map(vfio.space, &memory, 1, NULL), 0);
	fds = open("/dev/null", O_RDONLY | O_CLOEXEC);
	device = open_one("05:00.0");
	expect_order("status version extension set_container set_iommu iommu_info iommu_info map kvm+ "
		     "device " INFOS);
	assert_true(vfio.map.flags == (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE));
	lend_device_close(device);
	/* Memory goes out of reach before the last group leaves. */
	expect_order("kvm- unmap unset_container ");
	close(fds);
	assert_int_equal(open("/dev/null", O_RDONLY | O_CLOEXEC), fds); /* no descriptor is left */
	close(fds);
}

/* 7.1: what is there is tried first; a group is opened once for all of its devices. */
static void containers_and_groups_are_shared(void **state)
{
	struct lend_device *first, *sibling, *other, *alone;

	(void)state;
	add_device("0000:05:00.1", 7);
	add_device("0000:06:00.0", 8);
	add_device("0000:07:00.0", 9);
	first = open_one("05:00.0");
	vfio.order[0] = '\0';
	sibling = open_one("05:00.1");
	expect_order("device " INFOS);
	other = open_one("06:00.0");
	expect_order("status set_container iommu_info iommu_info kvm+ device " INFOS);
	assert_int_equal(lend_device_open(vfio.space, "05:00.0", &alone, &vfio.error), -EEXIST);
	assert_non_null(strstr(vfio.error.text, "twice"));
	lend_device_close(first);
	expect_order("");
	lend_device_close(sibling);
	expect_order("kvm- unset_container ");
	lend_device_close(other);
	expect_order("kvm- unset_container ");
	/* None takes the group: a container of its own, which the kernel refuses here, too. */
	vfio.fail_set_container = EINVAL;
	assert_int_equal(lend_device_open(vfio.space, "07:00.0", &alone, &vfio.error), -EINVAL);
	expect_order("status version extension set_container ");
}

/* The argsz protocol: asked again with the room that an answer needs. */
static void answers_that_need_more_room(void **state)
{
	struct lend_iova_window windows[4];
	struct lend_device *device;

	(void)state;
	vfio.argsz_info = 200;
	vfio.atomics = 0xfd; /* a bit of them is not known */
	device = open_one("05:00.0");
	assert_int_equal(lend_device_info(device)->atomics, 5);
	assert_non_null(strstr(vfio.order, "iommu_info iommu_info "));
	assert_non_null(strstr(vfio.order, "info info region"));
	assert_int_equal(lend_space_windows(vfio.space, windows, 4), 2);
	assert_int_equal(windows[0].last, 0xfedfffff);
	assert_true(windows[1].last == UINT64_C(0xffffffffff));
	lend_device_close(device);
}

static void refused(int code, const char *word)
{
	struct lend_device *device = NULL;

	assert_int_equal(lend_device_open(vfio.space, "05:00.0", &device, &vfio.error), code);
	if (!strstr(vfio.error.text, word))
		fail_msg("'%s' does not name '%s'", vfio.error.text, word);
	assert_non_null(strstr(vfio.error.text, "0000:05:00.0"));
	assert_null(strchr(vfio.error.text, '\n'));
	assert_null(device);
	assert_null(strstr(vfio.order, "irqs"));
	vfio.order[0] = '\0';
}

static void sizes_of_answers_that_lie(void **state)
{
	(void)state;
	vfio.grows = true; /* never enough: the rounds are counted */
	refused(-EPROTO, "IOMMU");
	vfio.grows = false;
	vfio.argsz_iommu = UINT32_MAX;
	refused(-EPROTO, "IOMMU");
	vfio.argsz_iommu = 0;
	vfio.argsz_info = UINT32_MAX;
	refused(-EPROTO, "what it is");
	vfio.argsz_info = 0;
	vfio.argsz_region = UINT32_MAX;
	refused(-EPROTO, "region 0");
}

/* A capability of region 0 at `at` of its answer. */
static void put_cap(uint32_t at, uint16_t id, uint32_t next)
{
	struct vfio_info_cap_header header = {id, 1, next};
	uint32_t offset = at - (uint32_t)sizeof(struct vfio_region_info);

	memcpy(vfio.caps + offset, &header, sizeof(header));
	if (vfio.caps_length < offset + 64)
		vfio.caps_length = offset + 64;
}

static void put_areas(uint32_t at, uint32_t claimed, unsigned count,
		      const struct vfio_region_sparse_mmap_area *areas)
{
	uint32_t offset = at - (uint32_t)sizeof(struct vfio_region_info);

	put_cap(at, VFIO_REGION_INFO_CAP_SPARSE_MMAP, 0);
	memcpy(vfio.caps + offset + sizeof(struct vfio_info_cap_header), &claimed, sizeof(claimed));
	memcpy(vfio.caps + offset + sizeof(struct vfio_region_info_cap_sparse_mmap), areas,
	       count * sizeof(*areas));
}

static void with_caps(void)
{
	memset(vfio.caps, 0, sizeof(vfio.caps));
	vfio.caps_length = 0;
	vfio.caps_first = sizeof(struct vfio_region_info);
	vfio.bar_flags = VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS;
}

static void areas_of_a_region(void **state)
{
	static const struct vfio_region_sparse_mmap_area areas[] = {
		{0x3000, 0x1000}, {0x2000, 0}, {0, 0x1000}};
	struct lend_region region;
	struct lend_area area[2];
	struct lend_device *device;

	(void)state;
	with_caps();
	put_cap(vfio.caps_first, VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, vfio.caps_first + 64);
	put_areas(vfio.caps_first + 64, 3, 3, areas);
	vfio.caps_length += 64;
	device = open_one("05:00.0");
	assert_int_equal(lend_device_region(device, 0, &region, sizeof(region)), 0);
	assert_true(region.msix_mappable);
	assert_int_equal(region.area_count, 2);
	assert_int_equal(lend_device_areas(device, 0, area, 2), 2); /* sorted, without the empty one */
	assert_int_equal(area[0].offset, 0);
	assert_int_equal(area[1].offset, 0x3000);
	lend_device_close(device);
}

static void chains_of_a_region_that_lie(void **state)
{
	static const struct vfio_region_sparse_mmap_area overlap[] = {{0, 0x2000}, {0x1000, 0x1000}};
	static const struct vfio_region_sparse_mmap_area wraps[] = {{UINT64_MAX - 0xfff, 0x2000}};
	uint32_t first = sizeof(struct vfio_region_info);

	(void)state;
	with_caps();
	put_cap(first, 77, first); /* its own next */
	refused(-EPROTO, "region 0");
	with_caps();
	put_cap(first, 77, first + 64);
	put_cap(first + 64, 78, first); /* comes back */
	refused(-EPROTO, "region 0");
	with_caps();
	put_cap(first, 77, UINT32_MAX);
	refused(-EPROTO, "region 0");
	with_caps();
	put_cap(first, 77, 0);
	vfio.caps_first = first + 60; /* its header leaves the answer */
	refused(-EPROTO, "region 0");
	with_caps();
	put_areas(first, UINT32_MAX, 0, overlap); /* more areas than the answer has */
	refused(-EPROTO, "region 0");
	with_caps();
	put_areas(first, 2, 2, overlap);
	refused(-EPROTO, "region 0");
	with_caps();
	put_areas(first, 1, 1, wraps);
	refused(-EPROTO, "region 0");
}

static void numbers_that_lie(void **state)
{
	struct lend_device *device;

	(void)state;
	vfio.bar_size = UINT64_MAX;
	refused(-EPROTO, "power of two");
	vfio.bar_size = 0x4000;
	vfio.irq_count = UINT32_MAX;
	device = open_one("05:00.0");
	assert_int_equal(lend_device_info(device)->vectors[LEND_IRQ_INTX], 1);
	assert_int_equal(lend_device_info(device)->vectors[LEND_IRQ_MSI], 32);
	assert_int_equal(lend_device_info(device)->vectors[LEND_IRQ_MSIX], 2048);
	assert_int_equal(lend_device_info(device)->vectors[LEND_IRQ_ERR], 1);
	lend_device_close(device);
	vfio.irq_flags = 0; /* none that an eventfd can carry */
	device = open_one("05:00.0");
	assert_int_equal(lend_device_info(device)->vectors[LEND_IRQ_MSIX], 0);
	lend_device_close(device);
}

/* 8.5: asked for its size first; a list that claims more than there is room for is not read. */
static void list_of_a_bus(void **state)
{
	struct lend_device *device = open_one("05:00.0");
	struct backend_hot_reset list = {0};

	(void)state;
	vfio.order[0] = '\0';
	vfio.dependents = 3;
	assert_int_equal(device->ops->hot_reset_info(device->transport, &list), 0);
	expect_order("bus_info bus_info ");
	assert_int_equal(list.count, 3);
	assert_int_equal(list.at[2].bdf.function, 2);
	assert_int_equal(list.at[2].group, 8);
	free(list.at);
	vfio.dependents = 0;
	vfio.claims = UINT32_MAX;
	assert_int_equal(device->ops->hot_reset_info(device->transport, &list), -EPROTO);
	free(list.at);
	vfio.dependents = 100000;
	vfio.claims = 0;
	assert_int_equal(device->ops->hot_reset_info(device->transport, &list), -EPROTO);
	free(list.at);
	lend_device_close(device);
}

/* What VFIO is told of interrupts, as linux/vfio.h has it. */
static void interrupts_as_the_kernel_takes_them(void **state)
{
	static const int fds[] = {5, -1, 6};
	static const struct {
		struct backend_irqs irqs;
		const char *want;
	} rows[] = {
		{{BACKEND_IRQ_TRIGGER, LEND_IRQ_MSIX, 2, 3, fds}, "irqs:24,2,2+3,3 "},
		{{BACKEND_IRQ_TRIGGER, LEND_IRQ_MSIX, 0, 0, NULL}, "irqs:21,2,0+0,0 "}, /* off */
		{{BACKEND_IRQ_TRIGGER, LEND_IRQ_INTX, 0, 1, fds}, "irqs:24,0,0+1,1 "},
		{{BACKEND_IRQ_MASK, LEND_IRQ_INTX, 0, 1, NULL}, "irqs:9,0,0+1,0 "},
		{{BACKEND_IRQ_UNMASK, LEND_IRQ_INTX, 0, 1, NULL}, "irqs:11,0,0+1,0 "},
		{{BACKEND_IRQ_UNMASK, LEND_IRQ_INTX, 0, 1, fds}, "irqs:14,0,0+1,1 "},
		{{BACKEND_IRQ_TRIGGER, LEND_IRQ_REQ, 0, 1, fds + 1}, "irqs:24,4,0+1,1 "},
	};
	struct lend_device *device = open_one("05:00.0");

	(void)state;
	vfio.order[0] = '\0';
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(device->ops->set_irqs(device->transport, &rows[i].irqs), 0);
		expect_order(rows[i].want);
	}
	lend_device_close(device);
}

/* A region that ends before its size does: what cannot be read is an error, not zeros. */
static void config_space_that_ends_early(void **state)
{
	(void)state;
	run("truncate -s %u %s/device", CONFIG_AT + 32, vfio.root);
	refused(-EIO, "config space");
	run("truncate -s 0 %s/device", vfio.root);
	refused(-EIO, "config space");
}

/* 8.5: every group of the list is open here, and goes along once. */
static void groups_of_a_bus(void **state)
{
	struct lend_device *first = open_one("05:00.0"), *other;
	struct backend_hot_reset list = {0};
	int device = vfio.device;

	(void)state;
	add_device("0000:05:00.2", 8);
	vfio.dependents = 3;
	assert_int_equal(hot_reset_list(first, &list, &vfio.error), -EPERM);
	assert_non_null(strstr(vfio.error.text, "0000:05:00.2 (IOMMU group 8)"));
	other = open_one("05:00.2");
	vfio.device = device;
	vfio.order[0] = '\0';
	assert_int_equal(hot_reset_list(first, &list, &vfio.error), 0);
	assert_int_equal(hot_reset_run(first, &list), 0);
	expect_order("bus_info bus_info bus_reset ");
	assert_int_equal(vfio.reset_fds, 2);
	free(list.at);
	lend_device_close(other);
	lend_device_close(first);
}

/* 7.3: ROM is read-only; a map that fails later ends nothing, and says what is wrong. */
static void maps_that_fail(void **state)
{
	struct lend_range rom = {
		.iova = 0x8000, .length = 0x1000, .va = (void *)0x20000, .fd = -1, .kind = LEND_RANGE_ROM};
	struct lend_device *device = open_one("05:00.0");

	(void)state;
	assert_int_equal(lend_space_map(vfio.space, &rom, 1, &vfio.error), 0);
	assert_true(vfio.map.flags == VFIO_DMA_MAP_FLAG_READ);
	assert_int_equal(lend_space_unmap(vfio.space, 0x8000, 0x1000), 0);
	vfio.fail_map = ENOSPC;
	assert_int_equal(lend_space_map(vfio.space, &rom, 1, &vfio.error), -ENOSPC);
	assert_non_null(strstr(vfio.error.text, "dma_entry_limit"));
	rom.iova = 0xfee00000; /* where the IOMMU has a hole for interrupts */
	vfio.fail_map = EINVAL;
	assert_int_equal(lend_space_map(vfio.space, &rom, 1, &vfio.error), -ERANGE);
	assert_non_null(strstr(vfio.error.text, "0xfee00000"));
	vfio.fail_map = 0;
	assert_int_equal(lend_space_mapped(vfio.space), 0);
	lend_device_close(device);
}

/* sysfs has a device's own config space: all of it for root, 64 bytes for others, no file at worst. */
static void its_own_config_space(void **state)
{
	static const unsigned sizes[] = {0, 64, 256, 4096, 5000};

	(void)state;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct lend_device *device;
		unsigned want = sizes[i] < 4096 ? sizes[i] : 4096;

		if (sizes[i])
			run("yes abc | head -c %u >%s/sys/bus/pci/devices/0000:05:00.0/config", sizes[i],
			    vfio.root);
		device = open_one("05:00.0");
		assert_int_equal(device->raw_length, want);
		for (unsigned j = 0; j < want; j++)
			assert_int_equal(device->raw[j], "abc\n"[j % 4]);
		lend_device_close(device);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(order_of_a_new_container),
		TEST(containers_and_groups_are_shared),
		TEST(answers_that_need_more_room),
		TEST(sizes_of_answers_that_lie),
		TEST(areas_of_a_region),
		TEST(chains_of_a_region_that_lie),
		TEST(numbers_that_lie),
		TEST(list_of_a_bus),
		TEST(interrupts_as_the_kernel_takes_them),
		TEST(config_space_that_ends_early),
		TEST(groups_of_a_bus),
		TEST(maps_that_fail),
		TEST(its_own_config_space),
	};

	return cmocka_run_group_tests_name("backend_legacy", tests, NULL, NULL);
}
