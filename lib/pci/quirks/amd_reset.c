/* SPDX-License-Identifier: MIT */
/*
 * Reset of AMD's Bonaire and Hawaii GPUs: no standard reset of them works twice.
 * A magic number in a register of config space starts it. The GPU's controller
 * (SMC) carries it out, so it must be running. Afterwards the SMC is put into
 * reset, so that the next driver loads its program anew. Its registers are
 * reached by an index and a data register in BAR 5.
 */
#include <errno.h>
#include <time.h>

#include <linux/pci_regs.h>

#include "lib/le.h"
#include "lib/pci/config/config.h"
#include "lib/pci/quirks/quirks.h"

enum {
	BAR = 5,
	SMC_INDEX = 0x200,
	SMC_DATA = 0x204,
	MEMORY_SIZE = 0x5428, /* of the GPU: all ones until it answers */
	RESET_REGISTER = 0x7c,
	SETTLE_US = 100,
	WAIT_US = 100000,
	PROGRAM_START = 0x20100,
};

#define RESET_MAGIC   UINT32_C(0x39d5e86b)
#define RESET_CONTROL UINT32_C(0x80000000) /* registers of the SMC */
#define CLOCK_CONTROL UINT32_C(0x80000004)
#define PROGRAM_COUNT UINT32_C(0x80000370)

static int get(struct lend_function *function, unsigned offset, uint32_t *value)
{
	uint8_t bytes[4];
	int ret = window_device_read(function, BAR, offset, bytes, 4);

	*value = ret < 0 ? UINT32_MAX : le32(bytes);
	return ret;
}

static int put(struct lend_function *function, unsigned offset, uint32_t value)
{
	uint8_t bytes[4];

	le_store(bytes, 4, value);
	return window_device_write(function, BAR, offset, bytes, 4);
}

static int smc_get(struct lend_function *function, uint32_t address, uint32_t *value)
{
	int ret = put(function, SMC_INDEX, address);

	*value = UINT32_MAX;
	return ret < 0 ? ret : get(function, SMC_DATA, value);
}

static int smc_set_bit(struct lend_function *function, uint32_t address)
{
	uint32_t value;
	int ret = smc_get(function, address, &value);

	return ret < 0 ? ret : put(function, SMC_DATA, value | 1);
}

static bool smc_runs(struct lend_function *function)
{
	uint32_t clock, count;

	return !smc_get(function, CLOCK_CONTROL, &clock) && !(clock & 1) &&
	       !smc_get(function, PROGRAM_COUNT, &count) && count != UINT32_MAX && count >= PROGRAM_START;
}

static void pause_us(long microseconds)
{
	struct timespec left = {.tv_nsec = microseconds * 1000};

	/* A signal that gets a processor out of the guest makes no pause shorter. */
	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/*
 * Polls, since there is no interrupt. The end is by the clock: a pause may last longer than asked. After it
 * there is one look more, since this thread may not have run while the device became ready.
 */
static int wait_for_answer(struct lend_function *function)
{
	int64_t end = now_us() + SETTLE_US + WAIT_US;
	bool over = false;
	uint32_t value;

	for (long pause = SETTLE_US; !over; pause = 1) {
		pause_us(pause);
		over = now_us() >= end;
		if (!get(function, MEMORY_SIZE, &value) && value != UINT32_MAX)
			return 0;
	}
	return -ETIMEDOUT;
}

static int run(struct lend_function *function)
{
	int ret, one;

	if (!smc_runs(function))
		return -EOPNOTSUPP; /* nothing would carry the reset out */
	ret = config_device_write(function, RESET_REGISTER, 4, RESET_MAGIC);
	if (ret < 0)
		return ret;
	ret = wait_for_answer(function);
	one = smc_set_bit(function, RESET_CONTROL);
	ret = ret ? ret : one;
	one = smc_set_bit(function, CLOCK_CONTROL);
	return ret ? ret : one;
}

/* The function is stopped, so its BARs decode during the reset alone, and nobody else reaches them. */
int amd_reset(struct lend_function *function)
{
	uint32_t command;
	int ret;

	if (function->bars[BAR].guest.io || function->bars[BAR].guest.size < MEMORY_SIZE + 4)
		return -EOPNOTSUPP;
	ret = config_device_read(function, PCI_COMMAND, 2, &command);
	if (ret < 0 || command == UINT16_MAX)
		return ret < 0 ? ret : -EIO;
	ret = config_device_write(function, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	if (ret < 0)
		return ret;
	ret = run(function);
	config_device_write(function, PCI_COMMAND, 2, command & ~(uint32_t)PCI_COMMAND_MEMORY);
	return ret;
}
