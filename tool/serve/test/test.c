/* SPDX-License-Identifier: MIT */
/*
 * lend serve test: a device for tests of monitors and of guests. It has BARs of every
 * kind, a ROM, all kinds of interrupts, and DMA in both directions. With --faults a
 * register makes it fail on command. lend-serve(1) lists the registers.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tool/serve/serve.h"
#include "tool/serve/test/registers.h"

static const struct lend_area memory_areas[] = {{0, TEST_MEMORY_SIZE / 4},
						{TEST_MEMORY_SIZE / 2, TEST_MEMORY_SIZE / 4}};

static const struct lend_server_config config = {
	.vendor = 0x1234,
	.device = 0x11e8,
	.subsystem_vendor = 0x1234,
	.subsystem = 0x1e4d,
	.class_code = 0x00ff00,
	.revision = 1,
	.bars = {[TEST_PORTS] = LEND_SERVER_BAR_IO,
		 [TEST_MEMORY] = LEND_SERVER_BAR_PREFETCH | LEND_SERVER_BAR_64},
	.intx = true,
	.express = true,
	.msi = TEST_VECTORS,
	.msix = TEST_VECTORS,
	.msix_bar = TEST_MSIX,
	.msix_pending = TEST_PENDING,
};

static int test_work(void *state)
{
	test_carry_on(state);
	return 0;
}

static unsigned test_options(void *state, struct args_option *rows)
{
	struct test *test = state;

	rows[0] = (struct args_option){"faults", 0, &test->faults, NULL};
	rows[1] = (struct args_option){"lie", 0, &test->lie, NULL};
	return 2;
}

static uint8_t *open_memory(int *fd, size_t size)
{
	uint8_t *bytes;

	*fd = memfd_create("lend-serve-test", MFD_CLOEXEC);
	if (*fd < 0 || ftruncate(*fd, (off_t)size))
		return NULL;
	bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	return bytes == MAP_FAILED ? NULL : bytes;
}

/* A header that firmware accepts, and nothing to run (PCI Firmware 3.3, 5.1). */
static void write_rom(uint8_t rom[TEST_ROM_SIZE])
{
	enum { DATA = 0x1c, DATA_SIZE = 24, RETURN = 0xcb, LAST_IMAGE = 0x80 };
	uint8_t *data = rom + DATA, sum = 0;

	memcpy(rom, (const uint8_t[]){0x55, 0xaa, TEST_ROM_SIZE / 512, RETURN}, 4);
	rom[0x18] = DATA;
	memcpy(data, "PCIR", 4);
	data[4] = (uint8_t)config.vendor;
	data[5] = (uint8_t)(config.vendor >> 8);
	data[6] = (uint8_t)config.device;
	data[7] = (uint8_t)(config.device >> 8);
	data[0x0a] = DATA_SIZE;
	for (unsigned i = 0; i < 3; i++)
		data[0x0d + i] = (uint8_t)(config.class_code >> 8 * i);
	data[0x10] = TEST_ROM_SIZE / 512;
	data[0x12] = 1; /* revision of the code */
	data[0x15] = LAST_IMAGE;
	/* The sum of all bytes is 0. */
	for (unsigned i = 0; i < TEST_ROM_SIZE - 1; i++)
		sum = (uint8_t)(sum + rom[i]);
	rom[TEST_ROM_SIZE - 1] = (uint8_t)-sum;
}

static int test_read(void *state, const struct args *args, struct lend_error *error)
{
	struct test *test = state;

	test->memory = test->whole = test->doorbell = -1;
	return args->device_count
		       ? tool_fail(error, -EINVAL, "test takes no word like '%.100s'", args->devices[0])
		       : 0;
}

static int test_open(void *state, struct lend_context *context, struct serve_device *out,
		     struct lend_error *error)
{
	static const char *const fault_calls[] = {"ftruncate", "nanosleep", NULL};
	struct test *test = state;

	(void)context;
	test->bytes = open_memory(&test->memory, TEST_MEMORY_SIZE);
	test->page = open_memory(&test->whole, TEST_PAGE);
	test->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!test->bytes || !test->page || test->doorbell < 0)
		return tool_fail(error, -errno, "cannot make the device's memory: %s", strerror(errno));
	write_rom(test->rom);
	test->bell =
		(struct lend_server_doorbell){.offset = TEST_DOORBELL, .length = 4, .fd = test->doorbell};
	out->calls = test->faults ? fault_calls : NULL;
	out->device.name = "test";
	out->device.regions[TEST_REGISTERS] = (struct lend_server_region){.size = TEST_PAGE,
									  .readable = true,
									  .writable = true,
									  .doorbells = &test->bell,
									  .doorbell_count = 1};
	out->device.regions[TEST_PORTS] =
		(struct lend_server_region){.size = TEST_PORTS_SIZE, .readable = true, .writable = true};
	out->device.regions[TEST_MEMORY] = (struct lend_server_region){.size = TEST_MEMORY_SIZE,
								       .readable = true,
								       .writable = true,
								       .fd = test->memory,
								       .areas = memory_areas,
								       .area_count = 2};
	out->device.regions[TEST_MSIX] =
		(struct lend_server_region){.size = TEST_PAGE, .readable = true, .writable = true};
	out->device.regions[TEST_WHOLE] = (struct lend_server_region){
		.size = TEST_PAGE, .readable = true, .writable = true, .fd = test->whole};
	out->device.regions[LEND_REGION_ROM] =
		(struct lend_server_region){.size = TEST_ROM_SIZE, .readable = true};
	out->device.config = &config;
	out->device.nests = true;
	out->device.ops = &test_ops;
	out->device.dev = test;
	return 0;
}

static int test_start(void *state, struct lend_server *server, struct lend_error *error)
{
	struct test *test = state;

	test->server = server;
	test_power_on(test);
	/* Files that end before what the client is told it can map. */
	if (test->lie && test_shrink(test, TEST_PAGE) < 0)
		return tool_fail(error, -errno, "cannot make the device's memory shorter: %s",
				 strerror(errno));
	return 0;
}

static void test_close(void *state)
{
	struct test *test = state;
	const int fds[] = {test->memory, test->whole, test->doorbell};

	if (test->bytes)
		munmap(test->bytes, TEST_MEMORY_SIZE);
	if (test->page)
		munmap(test->page, TEST_PAGE);
	for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

const struct serve_kind serve_test = {
	.name = "test",
	.summary = "registers, DMA, interrupts and BARs of every kind, for tests",
	.help = "usage: lend serve test [--faults] [--lie] -s SOCKET\n"
		"\n"
		"A device for tests of monitors and guests: registers, a ROM, BARs of every kind,\n"
		"DMA, INTx, MSI and MSI-X. The manual lists its registers.\n"
		"\n"
		"      --faults  a register makes it die, answer late, fail or shrink its memory\n"
		"      --lie     the files of its memory are shorter than it says\n",
	.state = sizeof(struct test),
	.options = test_options,
	.read = test_read,
	.open = test_open,
	.start = test_start,
	.work = test_work,
	.close = test_close,
};
