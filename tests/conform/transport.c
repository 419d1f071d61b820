/* SPDX-License-Identifier: MIT */
/* Infos, regions, config space, BARs by access and by map, reset. */
#include <stdlib.h>
#include <sys/mman.h>

#include <linux/pci_regs.h>

#include "lib/le.h"
#include "tests/conform/conform.h"

static const struct transport_ops *ops(void)
{
	return bench.device->ops;
}

static void *dev(void)
{
	return bench.device->transport;
}

static uint32_t config_read(unsigned offset, unsigned length)
{
	uint8_t bytes[4] = {0};

	assert_int_equal(ops()->read(dev(), LEND_REGION_CONFIG, offset, bytes, length), (int)length);
	return (uint32_t)le_load(bytes, length);
}

static void config_write(unsigned offset, unsigned length, uint32_t value)
{
	uint8_t bytes[4];

	le_store(bytes, length, value);
	assert_int_equal(ops()->write(dev(), LEND_REGION_CONFIG, offset, bytes, length), (int)length);
}

static void decode_on(void)
{
	config_write(PCI_COMMAND, 2, config_read(PCI_COMMAND, 2) | PCI_COMMAND_MEMORY);
}

static void info(void **state)
{
	struct backend_device_info info;

	(void)state;
	assert_int_equal(ops()->info(dev(), &info), 0);
	assert_true(info.is_pci);
	assert_true(info.region_count > LEND_REGION_CONFIG);
	assert_true(info.irq_count > LEND_IRQ_MSIX);
}

/* Twice the same, areas in order and inside; beyond the last an error. */
static void regions(void **state)
{
	struct backend_device_info info;
	struct lend_region region, again;
	struct lend_area areas[AREAS_MAX], same[AREAS_MAX];

	(void)state;
	assert_int_equal(ops()->info(dev(), &info), 0);
	for (unsigned i = 0; i <= LEND_REGION_CONFIG; i++) {
		int ret = ops()->region_info(dev(), i, &region, areas, AREAS_MAX);
		uint64_t end = 0;

		assert_true(ret == 0 || (ret == -EINVAL && i == LEND_REGION_ROM));
		if (ret)
			continue;
		assert_int_equal(ops()->region_info(dev(), i, &again, same, AREAS_MAX), 0);
		assert_memory_equal(&region, &again, sizeof(region));
		assert_memory_equal(areas, same, region.area_count * sizeof(*areas));
		if (i < LEND_REGION_ROM)
			assert_int_equal(region.size & (region.size - 1), 0);
		for (unsigned j = 0; j < region.area_count; j++) {
			assert_true(areas[j].offset >= end);
			assert_true(areas[j].length > 0);
			end = areas[j].offset + areas[j].length;
		}
		assert_true(end <= region.size);
	}
	assert_int_equal(ops()->region_info(dev(), info.region_count, &region, areas, AREAS_MAX), -EINVAL);
}

static void config_widths(void **state)
{
	uint32_t whole;

	(void)state;
	whole = config_read(PCI_VENDOR_ID, 4);
	assert_true((whole & 0xffff) != 0xffff);
	assert_int_equal(config_read(PCI_VENDOR_ID, 2), whole & 0xffff);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(config_read(i, 1), whole >> 8 * i & 0xff);
	assert_int_equal(config_read(1, 2), whole >> 8 & 0xffff);
}

static void config_edges(void **state)
{
	uint64_t size = bench.device->regions[LEND_REGION_CONFIG].size;
	uint8_t bytes[4];

	(void)state;
	assert_int_equal(ops()->read(dev(), LEND_REGION_CONFIG, size - 4, bytes, 4), 4);
	assert_true(ops()->read(dev(), LEND_REGION_CONFIG, size, bytes, 4) <= 0);
	assert_true(ops()->write(dev(), LEND_REGION_CONFIG, size, bytes, 4) <= 0);
	/* Not all of it, at least. */
	assert_true(ops()->read(dev(), LEND_REGION_CONFIG, size - 2, bytes, 4) < 4);
}

/* A register that is the system's to use, and that no hardware looks at. */
static void config_keeps_what_is_written(void **state)
{
	uint32_t before;

	(void)state;
	before = config_read(PCI_INTERRUPT_LINE, 1);
	config_write(PCI_INTERRUPT_LINE, 1, before ^ 0x5a);
	assert_int_equal(config_read(PCI_INTERRUPT_LINE, 1), before ^ 0x5a);
	config_write(PCI_INTERRUPT_LINE, 1, before);
	if (!bench.can_touch)
		return; /* each byte of the fake is memory */
	config_write(PCI_VENDOR_ID, 2, 0x4321);
	assert_int_not_equal(config_read(PCI_VENDOR_ID, 2), 0x4321);
}

static void bar_edges(void **state)
{
	uint8_t bytes[8];

	(void)state;
	decode_on();
	for (unsigned i = 0; i < LEND_REGION_ROM; i++) {
		uint64_t size = bench.device->regions[i].size;

		if (!size || config_read(PCI_BASE_ADDRESS_0 + 4 * i, 4) & PCI_BASE_ADDRESS_SPACE_IO)
			continue;
		assert_int_equal(ops()->read(dev(), i, 0, bytes, 4), 4);
		assert_int_equal(ops()->read(dev(), i, size - 4, bytes, 4), 4);
		assert_true(ops()->read(dev(), i, size, bytes, 4) <= 0);
		assert_true(ops()->write(dev(), i, size, bytes, 4) <= 0);
		assert_true(ops()->read(dev(), i, UINT64_MAX - 3, bytes, 4) <= 0);
	}
}

/* The first page that can be mapped shows what an access does. */
static void bar_maps(void **state)
{
	unsigned seen = 0;

	(void)state;
	decode_on();
	for (unsigned i = 0; i < LEND_REGION_ROM; i++) {
		const struct lend_region *region = &bench.device->regions[i];
		uint8_t bytes[4];
		void *at;

		if (!region->area_count)
			continue;
		at = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		assert_true(at != MAP_FAILED);
		assert_int_equal(ops()->map(dev(), i, bench.device->areas[i][0].offset, PAGE, at), 0);
		if (bench.can_touch) {
			assert_int_equal(ops()->read(dev(), i, bench.device->areas[i][0].offset, bytes, 4),
					 4);
			assert_int_equal(*(volatile uint32_t *)at, (uint32_t)le_load(bytes, 4));
		}
		assert_true(ops()->map(dev(), i, (region->size + PAGE - 1) & ~(uint64_t)(PAGE - 1), PAGE,
				       at) < 0);
		munmap(at, PAGE);
		seen++;
	}
	assert_true(seen > 0);
}

static void reset(void **state)
{
	struct backend_device_info info;
	uint32_t id;
	int ret;

	(void)state;
	id = config_read(PCI_VENDOR_ID, 4);
	assert_int_equal(ops()->info(dev(), &info), 0);
	config_write(PCI_INTERRUPT_LINE, 1, 7);
	ret = ops()->reset(dev());
	if (info.can_reset)
		assert_int_equal(ret, 0);
	else
		assert_true(ret < 0);
	assert_int_equal(config_read(PCI_VENDOR_ID, 4), id);
}

const struct CMUnitTest transport_cases[] = {
	on_bench(info),         on_bench(regions),   on_bench(config_widths),
	on_bench(config_edges), on_bench(bar_edges), on_bench(config_keeps_what_is_written),
	on_bench(bar_maps),     on_bench(reset),
};
const size_t transport_case_count = sizeof(transport_cases) / sizeof(*transport_cases);
