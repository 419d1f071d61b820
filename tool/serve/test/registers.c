/* SPDX-License-Identifier: MIT */
/* What the device for tests does: registers, DMA, interrupts and faults; see registers.h. */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tool/serve/test/registers.h"

static uint32_t *at(struct test *test, unsigned offset)
{
	return &test->registers[offset / 4];
}

static uint64_t wide(struct test *test, unsigned offset)
{
	return *at(test, offset) | (uint64_t)*at(test, offset + 4) << 32;
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
	lend_server_line(test->server, *at(test, TEST_CAUSES));
}

static void raise_causes(struct test *test, uint32_t causes)
{
	*at(test, TEST_CAUSES) |= causes;
	update_line(test);
	lend_server_signal(test->server, *at(test, TEST_VECTOR));
}

int test_shrink(struct test *test, uint64_t length)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

	if (ftruncate(test->memory, (off_t)length) || ftruncate(test->whole, 0) ||
	    mmap(test->bytes, TEST_MEMORY_SIZE, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED ||
	    mmap(test->page, TEST_PAGE, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED)
		return -errno;
	return 0;
}

static void start_fault(struct test *test, uint32_t value)
{
	if (!test->faults)
		return;
	test->fault = value & 0xff;
	test->argument = value >> 8;
	if (test->fault == TEST_DIE)
		syscall(SYS_exit_group, 1); /* nothing of what exit() would do */
	if (test->fault == TEST_SHRINK)
		test_shrink(test, 0);
}

/* What a write does beside storing the value. */
static void wrote(struct test *test, unsigned offset, uint32_t value)
{
	switch (offset) {
	case TEST_LIVENESS:
		*at(test, TEST_LIVENESS) = ~value;
		break;
	case TEST_FACTORIAL:
		*at(test, TEST_FACTORIAL) = factorial(value);
		if (*at(test, TEST_STATUS) & TEST_WHEN_DONE)
			raise_causes(test, TEST_CAUSE_DONE);
		break;
	case TEST_STATUS:
		*at(test, TEST_STATUS) = value & TEST_WHEN_DONE;
		break;
	case TEST_RAISE:
		raise_causes(test, value);
		break;
	case TEST_ACKNOWLEDGE:
		*at(test, TEST_CAUSES) &= ~value;
		update_line(test);
		break;
	case TEST_DOORBELL:
		++*at(test, TEST_RINGS);
		break;
	case TEST_FAULT:
		start_fault(test, value);
		break;
	default:
		break;
	}
}

static bool is_readonly(unsigned offset)
{
	return offset == TEST_IDENTITY || offset == TEST_RESETS || offset == TEST_CAUSES ||
	       offset == TEST_MODE || offset == TEST_RESULT || offset == TEST_RINGS;
}

/* The bytes that a region has; NULL: it has registers. */
static uint8_t *bytes_of(struct test *test, unsigned region)
{
	switch (region) {
	case TEST_MEMORY:
		return test->bytes;
	case TEST_WHOLE:
		return test->page;
	case LEND_REGION_ROM:
		return test->rom;
	default:
		return NULL;
	}
}

/*
 * Carries the fault out that was asked for, once. Returns how much of an access is done,
 * or a negative errno.
 */
static int carry_fault_out(struct test *test, unsigned length)
{
	unsigned fault = test->fault;
	const struct timespec delay = {test->argument / 1000, test->argument % 1000 * 1000000L};

	test->fault = 0;
	if (fault == TEST_DELAY)
		nanosleep(&delay, NULL);
	if (fault == TEST_ERROR)
		return -EIO;
	return (int)(fault == TEST_SHORT ? length / 2 : length);
}

/* Registers that tell of what is elsewhere. */
static void refresh(struct test *test, uint64_t offset)
{
	uint64_t rings;
	const struct iovec iov = {&rings, sizeof(rings)};

	if (offset <= TEST_MODE)
		*at(test, TEST_MODE) = (uint32_t)lend_server_irq_mode(test->server);
	/* The client has it, too, and can take O_NONBLOCK away. */
	if (offset == TEST_RINGS && preadv2(test->doorbell, &iov, 1, -1, RWF_NOWAIT) == sizeof(rings))
		*at(test, TEST_RINGS) += (uint32_t)rings;
}

static int read_region(void *dev, unsigned region, uint64_t offset, void *data, unsigned length)
{
	struct test *test = dev;
	const uint8_t *from = bytes_of(test, region);

	if (region != TEST_MSIX && !from) {
		refresh(test, offset);
		from = (const uint8_t *)test->registers;
	}
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

static int write_region(void *dev, unsigned region, uint64_t offset, const void *data, unsigned length)
{
	struct test *test = dev;
	uint8_t *to = bytes_of(test, region);
	int done = carry_fault_out(test, length);

	if (done < (int)length)
		return done;
	if (to)
		memcpy(to + offset, data, length);
	else if (region != TEST_MSIX)
		write_registers(test, offset, data, length);
	return done;
}

void test_power_on(struct test *test)
{
	memset(test->registers, 0, sizeof(test->registers));
	*at(test, TEST_IDENTITY) = TEST_ID;
	*at(test, TEST_RESETS) = test->resets;
}

static int reset(void *dev, enum lend_server_why why)
{
	struct test *test = dev;

	(void)why;
	test->resets++;
	test_power_on(test);
	return 0;
}

static int copy(struct test *test, uint32_t command)
{
	bool to_guest = command & TEST_TO_GUEST;
	uint64_t from = wide(test, TEST_FROM), to = wide(test, TEST_TO), length = wide(test, TEST_COUNT);
	uint64_t guest = to_guest ? to : from, offset = (to_guest ? from : to) - TEST_DMA_BUFFER;

	if (offset > TEST_MEMORY_SIZE || length > TEST_MEMORY_SIZE - offset)
		return -EINVAL;
	if (to_guest)
		return lend_server_write_memory(test->server, guest, test->bytes + offset, length);
	return lend_server_read_memory(test->server, guest, test->bytes + offset, length);
}

/* DMA is done when the write that started it has been answered: its memory may be reached by messages. */
void test_carry_on(struct test *test)
{
	uint32_t command = *at(test, TEST_COMMAND), result;

	if (!(command & TEST_START))
		return;
	result = (uint32_t)-copy(test, command);
	/* A reset may have come while it waited: then nobody waits for it any more. */
	if (!(*at(test, TEST_COMMAND) & TEST_START))
		return;
	*at(test, TEST_RESULT) = result;
	*at(test, TEST_COMMAND) &= ~(uint32_t)TEST_START;
	if (command & TEST_INTERRUPT)
		raise_causes(test, TEST_CAUSE_DMA);
}

const struct lend_server_ops test_ops = {
	.size = sizeof(test_ops),
	.read = read_region,
	.write = write_region,
	.reset = reset,
};
