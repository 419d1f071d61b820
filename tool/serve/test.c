/* SPDX-License-Identifier: MIT */
/*
 * lend serve test: a device for tests of monitors and of guests. It has BARs of every
 * kind, a ROM, all kinds of interrupts, and DMA in both directions. With --faults a
 * register makes it fail on command. lend-serve-test(1) lists the registers.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tool/serve/serve.h"

enum {
	REGISTERS = 0, /* 4 KiB that trap */
	PORTS = 1,     /* the first 64 bytes of them as I/O ports */
	MEMORY = 2,    /* 64 KiB behind a 64-bit BAR, half of it can be mapped: DMA goes here */
	MSIX = 4,
	WHOLE = 5, /* 4 KiB that can be mapped as a whole */
	PORTS_SIZE = 64,
	MEMORY_SIZE = 64 << 10,
	PAGE = 4096,
	VECTORS = 8,
	PENDING = 0x800,
	ROM_SIZE = 2048,
};

/* Offsets in BAR 0; each register has 4 bytes, and ADDRESS 8. */
enum {
	IDENTITY = 0x00,
	LIVENESS = 0x04, /* reads as what was written, inverted */
	FACTORIAL = 0x08,
	RESETS = 0x0c,
	STATUS = 0x24, /* causes of the line */
	RAISE = 0x28,
	ACKNOWLEDGE = 0x2c,
	VECTOR = 0x30, /* that RAISE and DMA signal */
	MODE = 0x34,   /* of interrupts: 0 the line, 1 MSI, 2 MSI-X, all ones: none */
	ADDRESS = 0x80,
	OFFSET = 0x88, /* in MEMORY */
	LENGTH = 0x90,
	COMMAND = 0x94,
	RESULT = 0x98,   /* of the last command: an errno */
	DOORBELL = 0xc0, /* has an eventfd */
	RINGS = 0xc4,
	FAULT = 0xf0,
};

/* COMMAND: reads as 0 when it is done. */
enum { DMA_START = 1, DMA_TO_GUEST = 2, DMA_INTERRUPT = 4 };
/* FAULT: the low byte; the others are its argument. */
enum { FAULT_DIE = 1, FAULT_DELAY, FAULT_ERROR, FAULT_SHORT, FAULT_SHRINK };

static const uint32_t identity = 0x1e4d0001;

struct test {
	struct lend_server *server;
	bool faults, lie;
	int memory, whole, doorbell;
	struct lend_server_doorbell bell;
	uint8_t *bytes; /* of MEMORY */
	uint8_t *page;  /* of WHOLE */
	uint8_t rom[ROM_SIZE];
	uint32_t registers[PAGE / 4];
	uint32_t resets;
	unsigned fault, argument;
};

static const struct lend_area memory_areas[] = {{0, MEMORY_SIZE / 4}, {MEMORY_SIZE / 2, MEMORY_SIZE / 4}};

static uint32_t *at(struct test *test, unsigned offset)
{
	return &test->registers[offset / 4];
}

static uint32_t factorial(uint32_t number)
{
	uint32_t product = 1;

	/* 34! and above are 0 in 32 bits. */
	for (uint32_t i = 2; i <= number && i < 35; i++)
		product *= i;
	return product;
}

static void update_line(struct test *test)
{
	lend_server_line(test->server, *at(test, STATUS));
}

static void raise_causes(struct test *test, uint32_t causes)
{
	*at(test, STATUS) |= causes;
	update_line(test);
	lend_server_signal(test->server, *at(test, VECTOR));
}

/* The client's files become shorter; the device goes on with memory of its own. */
static int shrink(struct test *test, off_t length)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

	if (ftruncate(test->memory, length) || ftruncate(test->whole, 0) ||
	    mmap(test->bytes, MEMORY_SIZE, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED ||
	    mmap(test->page, PAGE, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED)
		return -errno;
	return 0;
}

static void start_fault(struct test *test, uint32_t value)
{
	if (!test->faults)
		return;
	test->fault = value & 0xff;
	test->argument = value >> 8;
	if (test->fault == FAULT_DIE)
		_exit(1);
	if (test->fault == FAULT_SHRINK)
		shrink(test, 0);
}

/* What a write does beside storing the value. */
static void wrote(struct test *test, unsigned offset, uint32_t value)
{
	switch (offset) {
	case LIVENESS:
		*at(test, LIVENESS) = ~value;
		break;
	case FACTORIAL:
		*at(test, FACTORIAL) = factorial(value);
		break;
	case RAISE:
		raise_causes(test, value);
		break;
	case ACKNOWLEDGE:
		*at(test, STATUS) &= ~value;
		update_line(test);
		break;
	case DOORBELL:
		++*at(test, RINGS);
		break;
	case FAULT:
		start_fault(test, value);
		break;
	default:
		break;
	}
}

static bool is_readonly(unsigned offset)
{
	return offset == IDENTITY || offset == RESETS || offset == STATUS || offset == MODE ||
	       offset == RESULT || offset == RINGS;
}

/* The bytes that a region has; NULL: it has registers. */
static uint8_t *bytes_of(struct test *test, unsigned region)
{
	switch (region) {
	case MEMORY:
		return test->bytes;
	case WHOLE:
		return test->page;
	case LEND_REGION_ROM:
		return test->rom;
	default:
		return NULL;
	}
}

/* Carries the fault out that was asked for, once. Returns how much of an access is done, or a negative errno.
 */
static int carry_fault_out(struct test *test, unsigned length)
{
	unsigned fault = test->fault;
	const struct timespec delay = {test->argument / 1000, test->argument % 1000 * 1000000L};

	test->fault = 0;
	if (fault == FAULT_DELAY)
		nanosleep(&delay, NULL);
	if (fault == FAULT_ERROR)
		return -EIO;
	return (int)(fault == FAULT_SHORT ? length / 2 : length);
}

static int test_read(void *dev, unsigned region, uint64_t offset, void *data, unsigned length)
{
	struct test *test = dev;
	const uint8_t *from = bytes_of(test, region);

	*at(test, MODE) = (uint32_t)lend_server_irq_mode(test->server);
	if (region != MSIX && !from)
		from = (const uint8_t *)test->registers;
	if (from)
		memcpy(data, from + offset, length);
	return carry_fault_out(test, length);
}

/* Registers are written in whole doublewords; what is less or not aligned is dropped, as devices do. */
static void write_registers(struct test *test, uint64_t offset, const uint8_t *from, unsigned length)
{
	for (; length >= 4 && offset % 4 == 0; offset += 4, from += 4, length -= 4) {
		uint32_t value;

		if (is_readonly((unsigned)offset))
			continue;
		memcpy(&value, from, sizeof(value));
		*at(test, (unsigned)offset) = value;
		wrote(test, (unsigned)offset, value);
	}
}

static int test_write(void *dev, unsigned region, uint64_t offset, const void *data, unsigned length)
{
	struct test *test = dev;
	uint8_t *to = bytes_of(test, region);
	int done = carry_fault_out(test, length);

	if (done < (int)length)
		return done;
	if (to)
		memcpy(to + offset, data, length);
	else if (region != MSIX)
		write_registers(test, offset, data, length);
	return done;
}

static int test_reset(void *dev, enum lend_server_why why)
{
	struct test *test = dev;

	(void)why;
	memset(test->registers, 0, sizeof(test->registers));
	*at(test, IDENTITY) = identity;
	*at(test, RESETS) = ++test->resets;
	return 0;
}

static int copy(struct test *test, uint32_t command)
{
	uint32_t offset = *at(test, OFFSET), length = *at(test, LENGTH);
	uint64_t address = *at(test, ADDRESS) | (uint64_t)*at(test, ADDRESS + 4) << 32;

	if (offset > MEMORY_SIZE || length > MEMORY_SIZE - offset)
		return -EINVAL;
	if (command & DMA_TO_GUEST)
		return lend_server_write_memory(test->server, address, test->bytes + offset, length);
	return lend_server_read_memory(test->server, address, test->bytes + offset, length);
}

/* DMA is done when the write that started it has been answered. */
static int test_work(void *state)
{
	struct test *test = state;
	uint32_t command = *at(test, COMMAND);
	uint64_t rings;

	if (read(test->doorbell, &rings, sizeof(rings)) == sizeof(rings))
		*at(test, RINGS) += (uint32_t)rings;
	if (!(command & DMA_START))
		return 0;
	*at(test, RESULT) = (uint32_t)-copy(test, command);
	/* A reset, or a command of the guest, may have come while it waited. */
	if (*at(test, COMMAND) == command)
		*at(test, COMMAND) = 0;
	if (command & DMA_INTERRUPT)
		raise_causes(test, DMA_START);
	return 0;
}

static const struct lend_server_ops ops = {
	.size = sizeof(ops),
	.read = test_read,
	.write = test_write,
	.reset = test_reset,
};

static const struct lend_server_config config = {
	.vendor = 0x1234,
	.device = 0x1e4d,
	.subsystem_vendor = 0x1234,
	.subsystem = 1,
	.class_code = 0x00ff00,
	.revision = 1,
	.bars = {[PORTS] = LEND_SERVER_BAR_IO, [MEMORY] = LEND_SERVER_BAR_PREFETCH | LEND_SERVER_BAR_64},
	.intx = true,
	.express = true,
	.msi = VECTORS,
	.msix = VECTORS,
	.msix_bar = MSIX,
	.msix_pending = PENDING,
};

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
static void write_rom(uint8_t rom[ROM_SIZE])
{
	static const uint8_t head[] = {0x55, 0xaa, ROM_SIZE / 512, 0xcb},
			     data[] = {'P', 'C', 'I', 'R',  0x34,           0x12, 0x4d, 0x1e, 0, 0,    24, 0,
				       0,   0,   0,   0xff, ROM_SIZE / 512, 0,    1,    0,    0, 0x80, 0,  0};

	memcpy(rom, head, sizeof(head));
	rom[0x18] = 0x1c;
	memcpy(rom + 0x1c, data, sizeof(data));
}

static int test_open(void *state, struct lend_context *context, const struct args *args,
		     struct serve_device *out, struct lend_error *error)
{
	static const char *const fault_calls[] = {"ftruncate", "nanosleep", NULL};
	struct test *test = state;

	(void)context;
	test->memory = test->whole = test->doorbell = -1;
	if (args->device_count)
		return tool_fail(error, -EINVAL, "test takes no word like '%.100s'", args->devices[0]);
	test->bytes = open_memory(&test->memory, MEMORY_SIZE);
	test->page = open_memory(&test->whole, PAGE);
	test->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!test->bytes || !test->page || test->doorbell < 0)
		return tool_fail(error, -errno, "cannot make the device's memory: %s", strerror(errno));
	write_rom(test->rom);
	test->bell = (struct lend_server_doorbell){.offset = DOORBELL, .length = 4, .fd = test->doorbell};
	out->fd = test->doorbell;
	out->calls = test->faults ? fault_calls : NULL;
	out->device.name = "test";
	out->device.regions[REGISTERS] = (struct lend_server_region){.size = PAGE,
								     .readable = true,
								     .writable = true,
								     .doorbells = &test->bell,
								     .doorbell_count = 1};
	out->device.regions[PORTS] =
		(struct lend_server_region){.size = PORTS_SIZE, .readable = true, .writable = true};
	out->device.regions[MEMORY] = (struct lend_server_region){.size = MEMORY_SIZE,
								  .readable = true,
								  .writable = true,
								  .fd = test->memory,
								  .areas = memory_areas,
								  .area_count = 2};
	out->device.regions[MSIX] =
		(struct lend_server_region){.size = PAGE, .readable = true, .writable = true};
	out->device.regions[WHOLE] = (struct lend_server_region){
		.size = PAGE, .readable = true, .writable = true, .fd = test->whole};
	out->device.regions[LEND_REGION_ROM] =
		(struct lend_server_region){.size = ROM_SIZE, .readable = true};
	out->device.config = &config;
	out->device.nests = true;
	out->device.ops = &ops;
	out->device.dev = test;
	return 0;
}

static int test_start(void *state, struct lend_server *server, struct lend_error *error)
{
	struct test *test = state;

	test->server = server;
	test_reset(test, LEND_SERVER_ASKED);
	*at(test, RESETS) = test->resets = 0;
	/* Files that end before what the client is told it can map. */
	if (test->lie && shrink(test, PAGE) < 0)
		return tool_fail(error, -errno, "cannot make the device's memory shorter: %s",
				 strerror(errno));
	return 0;
}

static void test_close(void *state)
{
	struct test *test = state;
	const int fds[] = {test->memory, test->whole, test->doorbell};

	if (test->bytes)
		munmap(test->bytes, MEMORY_SIZE);
	if (test->page)
		munmap(test->page, PAGE);
	for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] > 0)
			close(fds[i]);
}

const struct serve_kind serve_test = {
	.name = "test",
	.summary = "registers, DMA, interrupts and BARs of every kind, for tests",
	.help = "usage: lend serve test [--faults] [--lie] -s SOCKET\n"
		"\n"
		"A device for tests of monitors and guests: registers, a ROM, BARs of every kind, DMA,\n"
		"INTx, MSI and MSI-X. The manual lists its registers.\n"
		"\n"
		"      --faults  a register makes it die, delay an answer, fail or shrink its memory\n"
		"      --lie     the files of its memory are shorter than it says\n",
	.state = sizeof(struct test),
	.options = test_options,
	.open = test_open,
	.start = test_start,
	.work = test_work,
	.close = test_close,
};
