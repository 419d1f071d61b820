/* SPDX-License-Identifier: MIT */
/* The expansion ROM: from the device, from the user, and from a device that lies about it. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <linux/pci_regs.h>

#include "lib/le.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_private.h"

enum { ROM_AT = 0xf0000000, DATA = 0x1c };

/* An image of 4 KiB for device 0x1234 of our vendor, in a ROM of `size`. */
static struct world *with_rom(uint64_t size)
{
	struct world *world = world_new();

	world_nvme(world);
	world->regions[LEND_REGION_ROM] = (struct lend_region){.size = size, .readable = true};
	world->rom_length = 4096;
	le_store(world->rom, 2, 0xaa55);
	le_store(world->rom + 0x18, 2, DATA);
	memcpy(world->rom + DATA, "PCIR", 4);
	le_store(world->rom + DATA + 4, 2, 0x1b36);
	le_store(world->rom + DATA + 6, 2, 0x1234);
	le_store(world->rom + 100, 4, 0xcafe1234);
	return world;
}

static void enable(struct world *world)
{
	world_write(world, PCI_ROM_ADDRESS, 4, ROM_AT | PCI_ROM_ADDRESS_ENABLE);
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
}

static uint32_t rom_at(struct world *world, uint64_t offset, unsigned length)
{
	return (uint32_t)lend_function_bar_read(world->function, LEND_REGION_ROM, offset, length);
}

static void stop(struct world *world)
{
	world_close(world);
	world_free(world);
}

static void rom_is_sized_and_placed(void **state)
{
	struct world *world = with_rom(0x10000);
	struct lend_bar bar;

	(void)state;
	assert_int_equal(world_open(world), 0);
	lend_function_bar(world->function, LEND_REGION_ROM, &bar, sizeof(bar));
	assert_int_equal(bar.size, 0x10000);
	assert_int_equal(world_read(world, PCI_ROM_ADDRESS, 4), 0);
	world_write(world, PCI_ROM_ADDRESS, 4, 0xfffff800);
	assert_int_equal(world_read(world, PCI_ROM_ADDRESS, 4), 0xffff0000);
	world_write(world, PCI_ROM_ADDRESS, 4, ROM_AT);
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_false(world->bars[LEND_REGION_ROM].placed); /* its enable bit is off */
	enable(world);
	assert_true(world->bars[LEND_REGION_ROM].placed);
	assert_int_equal(world->bars[LEND_REGION_ROM].address, ROM_AT);
	assert_int_equal(world->bars[LEND_REGION_ROM].direct_count, 0);
	/* The device's own register is never written. */
	assert_int_equal(world_count(world, "cfg_write 30"), 0);
	stop(world);
}

static void rom_is_read_once_and_lazily(void **state)
{
	struct world *world = with_rom(0x10000);

	(void)state;
	assert_int_equal(world_open(world), 0);
	enable(world);
	assert_int_equal(world_count(world, "bar_read 6"), 0);
	assert_int_equal(rom_at(world, 100, 4), 0xcafe1234);
	assert_int_equal(rom_at(world, 101, 1), 0x12);
	assert_int_equal(rom_at(world, 5000, 4), UINT32_MAX);    /* behind the image */
	assert_int_equal(rom_at(world, 0x10000, 1), 0xff);       /* behind the ROM */
	assert_in_range(world_count(world, "bar_read 6"), 1, 2); /* the image, then the end of it */
	lend_function_bar_write(world->function, LEND_REGION_ROM, 100, 4, 0);
	assert_int_equal(rom_at(world, 100, 4), 0xcafe1234);
	stop(world);
}

/* Reads the whole ROM as a guest does: how many of its dwords trap. */
static unsigned walk(struct world *world, uint64_t size)
{
	const struct world_bar *bar = &world->bars[LEND_REGION_ROM];
	unsigned traps = 0;

	for (uint64_t at = 0; at < size; at += 4) {
		const struct lend_bar_direct *direct = &bar->direct[0];
		uint32_t want = at < world->rom_length ? le32(world->rom + at) : UINT32_MAX;

		if (bar->direct_count && at - direct->offset < direct->length) {
			assert_int_equal(le32((uint8_t *)direct->va + (at - direct->offset)), want);
		} else {
			assert_int_equal(rom_at(world, at, 4), want);
			traps++;
		}
	}
	return traps;
}

/* From the first read on. Nothing is read from a device whose ROM nobody looks at. */
static void a_rom_that_is_read_needs_no_trap(void **state)
{
	struct world *world = with_rom(0x40000);
	const struct world_bar *bar = &world->bars[LEND_REGION_ROM];
	void *pages;

	(void)state;
	le_store(world->rom + DATA + 6, 2, 0x1122); /* nothing is to be mended */
	assert_int_equal(world_open(world), 0);
	enable(world);
	assert_int_equal(bar->direct_count, 0);
	assert_int_equal(walk(world, 0x40000), 1);
	assert_int_equal(bar->direct_count, 1);
	assert_int_equal(bar->direct[0].length, 0x40000);
	assert_true(bar->direct[0].read_only);
	assert_false(bar->direct[0].shares_page);
	pages = bar->direct[0].va;
	assert_int_equal((uintptr_t)pages % 4096, 0);
	assert_int_equal(world_count(world, "dma_map f0000000 40000"), 0); /* no device reaches it */
	/* It is where its register says, while that and the command register say so. */
	world_write(world, PCI_ROM_ADDRESS, 4, ROM_AT);
	assert_false(bar->placed);
	world_write(world, PCI_ROM_ADDRESS, 4, (ROM_AT + 0x40000) | PCI_ROM_ADDRESS_ENABLE);
	assert_true(bar->placed);
	assert_int_equal(bar->address, ROM_AT + 0x40000);
	assert_int_equal(walk(world, 0x40000), 0);
	world_write(world, PCI_COMMAND, 2, 0);
	assert_false(bar->placed);
	assert_int_equal(msync(pages, 0x40000, MS_ASYNC), 0);
	stop(world);
	assert_int_equal(msync(pages, 0x40000, MS_ASYNC), -1); /* nothing is mapped there any more */
}

/* Whole pages of ours, filled up with ones; behind them reads trap. */
static void a_file_needs_no_trap(void **state)
{
	struct world *world = with_rom(0x10000);
	const struct world_bar *bar = &world->bars[LEND_REGION_ROM];
	const uint8_t *bytes;

	(void)state;
	memset(world->rom, 0x5a, 3000);
	world->rom_length = 3000;
	world->function_config.rom = world->rom;
	world->function_config.rom_length = 3000;
	world->function_config.rom_size = 0x4000;
	assert_int_equal(world_open(world), 0);
	enable(world);
	assert_int_equal(bar->direct_count, 1);
	assert_int_equal(bar->direct[0].offset, 0);
	assert_int_equal(bar->direct[0].length, 4096);
	bytes = bar->direct[0].va;
	assert_int_equal(bytes[2999], 0x5a);
	for (unsigned i = 3000; i < 4096; i++)
		assert_int_equal(bytes[i], 0xff);
	assert_int_equal(walk(world, 0x4000), (0x4000 - 4096) / 4);
	stop(world);
}

/* Smaller than a page; nothing could be read; the monitor does not know of such parts; x-no-mmap. */
static void a_rom_that_goes_on_to_trap(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct world *world = with_rom(i ? 0x1000 : 0x800);

		if (i == 1)
			world->rom_length = 0;
		world->function_config.maps_read_only = i != 2;
		world->function_config.no_mmap = i == 3;
		assert_int_equal(world_open(world), 0);
		enable(world);
		rom_at(world, 0, 4);
		rom_at(world, 0, 4);
		assert_true(world->bars[LEND_REGION_ROM].placed);
		assert_int_equal(world->bars[LEND_REGION_ROM].direct_count, 0);
		stop(world);
	}
}

/* If the monitor refuses, or the function is stopped, reads trap, and read the same. */
static void a_rom_is_read_all_the_same(void **state)
{
	(void)state;
	for (unsigned stopped = 0; stopped < 2; stopped++) {
		struct world *world = with_rom(0x1000);
		const struct world_bar *bar = &world->bars[LEND_REGION_ROM];

		assert_int_equal(world_open(world), 0);
		enable(world);
		if (stopped)
			lend_function_quiesce(world->function);
		else
			world->fail_bar_commit = 1;
		assert_int_equal(rom_at(world, 100, 4), stopped ? UINT32_MAX : 0xcafe1234);
		assert_int_equal(bar->direct_count, 0);
		world->fail_bar_commit = 0;
		if (!stopped) { /* with its next place it is direct */
			enable(world);
			world_write(world, PCI_ROM_ADDRESS, 4, (ROM_AT + 0x1000) | PCI_ROM_ADDRESS_ENABLE);
			assert_int_equal(bar->direct_count, 1);
		}
		stop(world);
	}
}

static void case_14_15_wrong_device_id(void **state)
{
	struct world *world = with_rom(0x1000);
	uint8_t sum = 0;

	(void)state;
	assert_int_equal(world_open(world), 0);
	enable(world);
	assert_int_equal(rom_at(world, DATA + 6, 2), 0x1122);
	for (unsigned i = 0; i < 4096; i++)
		sum = (uint8_t)(sum + rom_at(world, i, 1));
	assert_int_equal(sum, 0);
	stop(world);
}

/* An overridden device id is what the image has to name; another vendor's image is left alone. */
static void ids_that_the_user_gave_count(void **state)
{
	struct world *world = with_rom(0x1000);

	(void)state;
	world->function_config.ids = (struct lend_ids){.given = LEND_ID_DEVICE, .device = 0x7777};
	assert_int_equal(world_open(world), 0);
	enable(world);
	assert_int_equal(rom_at(world, DATA + 6, 2), 0x7777);
	stop(world);

	world = with_rom(0x1000);
	world->function_config.ids = (struct lend_ids){.given = LEND_ID_VENDOR, .vendor = 0x8086};
	assert_int_equal(world_open(world), 0);
	enable(world);
	assert_int_equal(rom_at(world, DATA + 6, 2), 0x1234);
	stop(world);
}

/* spec 14, case 15: no signature, a data structure beyond the end. */
static void case_14_15_no_signature(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct world *world = with_rom(0x1000);

		if (i)
			le_store(world->rom + 0x18, 2, 0xfffc);
		else
			world->rom[0] = 0;
		assert_int_equal(world_open(world), 0);
		enable(world);
		assert_int_equal(rom_at(world, DATA + 6, 2), 0x1234);
		stop(world);
	}
}

static unsigned tries;

static int never(void *dev, unsigned region, uint64_t offset, void *data, unsigned length)
{
	if (region != LEND_REGION_ROM)
		return fake_transport.read(dev, region, offset, data, length);
	tries++;
	return -EAGAIN;
}

/* A kernel that says "again" without end is not asked without end. */
static void again_has_an_end(void **state)
{
	struct world *world = with_rom(0x1000);
	struct transport_ops ops = fake_transport;

	(void)state;
	ops.read = never;
	tries = 0;
	assert_int_equal(world_open(world), 0);
	world->device->ops = &ops;
	enable(world);
	assert_int_equal(rom_at(world, 0, 4), UINT32_MAX);
	assert_int_equal(tries, 65);
	assert_int_equal(world->log_lines, 1);
	world->device->ops = &fake_transport;
	stop(world);
}

static void case_14_15_read_error(void **state)
{
	struct world *world = with_rom(0x1000);

	(void)state;
	world->rom_length = 0;
	assert_int_equal(world_open(world), 0);
	enable(world);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(rom_at(world, 4 * i, 4), UINT32_MAX);
	assert_int_equal(world->log_lines, 1);
	assert_non_null(strstr(world->last_log, "rombar=0"));
	assert_int_equal(world_count(world, "bar_read 6"), 1);
	stop(world);
}

/* A ROM that claims 2 GiB costs no such memory, and reads all ones where it has nothing. */
static void rom_that_lies_about_its_size(void **state)
{
	struct world *world = with_rom(UINT64_C(1) << 40);
	struct lend_bar bar;

	(void)state;
	assert_int_equal(world_open(world), 0);
	lend_function_bar(world->function, LEND_REGION_ROM, &bar, sizeof(bar));
	assert_int_equal(bar.size, UINT64_C(1) << 31);
	world_write(world, PCI_ROM_ADDRESS, 4, 0x40000001);
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	world_write(world, PCI_ROM_ADDRESS, 4, 0x00000001);
	assert_false(world->bars[LEND_REGION_ROM].placed);
	world_write(world, PCI_ROM_ADDRESS, 4, 0x80000001);
	assert_true(world->function != NULL);
	stop(world);
}

/* Of what the device claims 16 MiB are read, and the rest is all ones. */
static void no_more_than_16_mib_are_read(void **state)
{
	struct world *world = with_rom(UINT64_C(32) << 20);
	struct lend_bar bar;

	(void)state;
	assert_int_equal(world_open(world), 0);
	lend_function_bar(world->function, LEND_REGION_ROM, &bar, sizeof(bar));
	assert_int_equal(bar.size, 32 << 20);
	enable(world);
	assert_int_equal(rom_at(world, 100, 4), 0xcafe1234);
	assert_int_equal(world_count(world, "bar_read 6 0 1000000"), 1);
	assert_int_equal(rom_at(world, 16 << 20, 4), UINT32_MAX);
	stop(world);
}

static void case_14_15_size_0(void **state)
{
	struct world *world = with_rom(0);
	struct lend_bar bar;

	(void)state;
	assert_int_equal(world_open(world), 0);
	lend_function_bar(world->function, LEND_REGION_ROM, &bar, sizeof(bar));
	assert_int_equal(bar.size, 0);
	enable(world);
	assert_int_equal(world_read(world, PCI_ROM_ADDRESS, 4), 0); /* not even its enable bit */
	assert_false(world->bars[LEND_REGION_ROM].placed);
	assert_int_equal(rom_at(world, 0, 4), UINT32_MAX);
	assert_int_equal(world->log_lines, 0);
	stop(world);
}

static void rom_odd_size_is_rounded(void **state)
{
	struct world *world = with_rom(0x1900);
	struct lend_bar bar;

	(void)state;
	assert_int_equal(world_open(world), 0);
	lend_function_bar(world->function, LEND_REGION_ROM, &bar, sizeof(bar));
	assert_int_equal(bar.size, 0x2000);
	stop(world);
}

/* The device's, and a file that is given with it. */
static void rombar_0_leaves_it_out(void **state)
{
	static const char image[2048];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct world *world = with_rom(0x1000);
		struct lend_bar bar;

		world->function_config.rom_mode = LEND_ROM_NONE;
		world->function_config.rom = i ? image : NULL;
		world->function_config.rom_length = i ? sizeof(image) : 0;
		assert_int_equal(world_open(world), 0);
		lend_function_bar(world->function, LEND_REGION_ROM, &bar, sizeof(bar));
		assert_int_equal(bar.size, 0);
		world_write(world, PCI_ROM_ADDRESS, 4, UINT32_MAX);
		assert_int_equal(world_read(world, PCI_ROM_ADDRESS, 4), 0);
		stop(world);
	}
}

/* rombar=1, or a file in its place. */
static void denied_rom_needs_the_users_word(void **state)
{
	static const char image[2048];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct world *world = with_rom(0x1000);
		struct lend_bar bar;

		world_set(world, PCI_VENDOR_ID, 4, 0x168e14e4);
		world->function_config.rom_mode = i == 1 ? LEND_ROM_SHOW : LEND_ROM_AUTO;
		world->function_config.rom = i == 2 ? image : NULL;
		world->function_config.rom_length = i == 2 ? sizeof(image) : 0;
		assert_int_equal(world_open(world), 0);
		lend_function_bar(world->function, LEND_REGION_ROM, &bar, sizeof(bar));
		assert_int_equal(bar.size, i == 0 ? 0 : i == 1 ? 0x1000 : 0x800);
		assert_int_equal(world->log_lines, i ? 0 : 1);
		stop(world);
	}
}

static void file_takes_the_devices_place(void **state)
{
	struct world *world = with_rom(0x10000);
	char image[3000] = "from a file";
	struct lend_bar bar;

	(void)state;
	world->function_config.rom = image;
	world->function_config.rom_length = sizeof(image);
	assert_int_equal(world_open(world), 0);
	memset(image, 0, sizeof(image));
	lend_function_bar(world->function, LEND_REGION_ROM, &bar, sizeof(bar));
	assert_int_equal(bar.size, 4096);
	enable(world);
	assert_int_equal(rom_at(world, 0, 4), 0x6d6f7266); /* "from" */
	assert_int_equal(rom_at(world, 4094, 2), 0xffff);
	assert_int_equal(world_count(world, "bar_read 6"), 0);
	stop(world);
}

static void romsize_has_to_fit(void **state)
{
	static const struct {
		size_t length;
		uint64_t size;
		int want;
	} rows[] = {{3000, 0x4000, 0},
		    {3000, 2048, -EINVAL},
		    {3000, 0x3000, -EINVAL},
		    {16, 1024, -EINVAL},
		    {16, UINT64_C(1) << 32, -EINVAL}};
	static const char image[3000];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *world = with_rom(0x10000);

		world->function_config.rom = image;
		world->function_config.rom_length = rows[i].length;
		world->function_config.rom_size = rows[i].size;
		assert_int_equal(world_open(world), rows[i].want);
		if (!rows[i].want)
			world_close(world);
		else
			assert_non_null(strstr(world->error.text, "0000:05:00.0"));
		world_free(world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rom_is_sized_and_placed),
		cmocka_unit_test(rom_is_read_once_and_lazily),
		cmocka_unit_test(a_rom_that_is_read_needs_no_trap),
		cmocka_unit_test(a_file_needs_no_trap),
		cmocka_unit_test(a_rom_that_goes_on_to_trap),
		cmocka_unit_test(a_rom_is_read_all_the_same),
		cmocka_unit_test(case_14_15_wrong_device_id),
		cmocka_unit_test(ids_that_the_user_gave_count),
		cmocka_unit_test(case_14_15_no_signature),
		cmocka_unit_test(again_has_an_end),
		cmocka_unit_test(case_14_15_read_error),
		cmocka_unit_test(rom_that_lies_about_its_size),
		cmocka_unit_test(no_more_than_16_mib_are_read),
		cmocka_unit_test(case_14_15_size_0),
		cmocka_unit_test(rom_odd_size_is_rounded),
		cmocka_unit_test(rombar_0_leaves_it_out),
		cmocka_unit_test(denied_rom_needs_the_users_word),
		cmocka_unit_test(file_takes_the_devices_place),
		cmocka_unit_test(romsize_has_to_fit),
	};

	return cmocka_run_group_tests_name("pci_rom", tests, NULL, NULL);
}
