/* SPDX-License-Identifier: MIT */
/*
 * The guest's reads and writes of config space.
 *
 * A read takes no lock. Virtual bits come from the state. If a bit is the
 * device's, one read of exactly the guest's width fetches it. A read that fails
 * returns all ones, in the virtual bits too: the guest must not take it for a
 * good one.
 *
 * A write has four steps:
 *  1. the new bytes are stored in the state;
 *  2. the hooks take away, on our side, what the new state turns off (disable);
 *  3. the bytes that are the device's are written to it;
 *  4. the hooks put in place what the new state turns on (enable).
 * A hook reads the state alone, and not what the state was before. So a write
 * that the device refused is undone in one way: the old bytes are stored, and
 * the hooks run again.
 */
#include <errno.h>
#include <string.h>

#include "lib/le.h"
#include "lib/pci/config/config.h"
#include "lib/pci/ledger/ledger.h"
#include "lib/pci/ledger/lock.h"

static bool valid(const struct lend_function *function, unsigned offset, unsigned length)
{
	return (length == 1 || length == 2 || length == 4) && offset < function->config.size &&
	       length <= function->config.size - offset;
}

static uint32_t ones(unsigned length)
{
	return length >= 4 ? UINT32_MAX : (UINT32_C(1) << 8 * length) - 1;
}

uint32_t lend_function_config_read(struct lend_function *function, unsigned offset, unsigned length)
{
	uint32_t virt, value, device;
	int ret;

	count_one(function->counters.config_reads);
	if (!valid(function, offset, length)) {
		count_one(function->counters.ignored);
		return ones(length);
	}
	if (is_gone(function))
		return ones(length);
	virt = config_virt(function, offset, length);
	value = config_state(function, offset, length);
	if (virt == ones(length))
		return value;
	ret = config_device_read(function, offset, length, &device);
	if (ret < 0) {
		function_log(function, LEND_LOG_WARNING, "cannot read %u bytes of config space at 0x%x: %s",
			     length, offset, strerror(-ret));
		return ones(length);
	}
	return (value & virt) | (device & ~virt);
}

/* Writes the bytes that are the device's: in one access if all of them are, else in aligned pieces. */
static int write_device(struct lend_function *function, unsigned offset, unsigned length,
			const uint8_t *bytes)
{
	unsigned at = 0;

	while (at < length) {
		unsigned run = 0, take;
		int ret;

		while (at + run < length && !function->config.rows[offset + at + run].blocked)
			run++;
		if (!run) {
			at++;
			continue;
		}
		take = run == length ? length : run >= 2 && !((offset + at) & 1) ? 2 : 1;
		ret = config_device_write(function, offset + at, take, (uint32_t)le_load(bytes + at, take));
		if (ret < 0) {
			function_log(function, LEND_LOG_WARNING,
				     "cannot write %u bytes of config space at 0x%x: %s", take, offset + at,
				     strerror(-ret));
			return ret;
		}
		__atomic_store_n(&function->used, true, __ATOMIC_RELAXED);
		at += take;
	}
	return 0;
}

static int run_disable(struct lend_function *function, unsigned set)
{
	for (unsigned i = 1; i < HOOK_COUNT; i++) {
		int ret = set & 1u << i ? function->hooks->of[i].disable(function) : 0;

		if (ret < 0)
			return ret;
	}
	return 0;
}

static void run_enable(struct lend_function *function, unsigned set)
{
	for (unsigned i = 1; i < HOOK_COUNT; i++)
		if (set & 1u << i)
			function->hooks->of[i].enable(function);
}

static int apply(struct lend_function *function, unsigned offset, unsigned length, uint8_t *bytes)
{
	const struct config_row *rows = function->config.rows + offset;
	uint32_t old = config_state(function, offset, length), next = 0;
	unsigned set = 0;
	int ret;

	pm_filter(function, offset, length, bytes);
	for (unsigned i = 0; i < length; i++) {
		uint8_t was = (uint8_t)(old >> 8 * i);

		was &= (uint8_t) ~(bytes[i] & rows[i].cleared);
		next |= (uint32_t)((was & ~rows[i].mask) | (bytes[i] & rows[i].mask)) << 8 * i;
		set |= 1u << rows[i].hook;
	}
	config_store(function, offset, length, next);
	if (set & 1u << HOOK_DECODE)
		function->withheld &= ~(unsigned)WITHHELD_BARS;
	ret = run_disable(function, set);
	if (!ret && write_resets(function, offset, length, bytes)) {
		set |= 1u << HOOK_DECODE; /* the BARs are placed again after the reset */
		function->hooks->before_reset(function);
	}
	if (!ret)
		ret = write_device(function, offset, length, bytes);
	if (ret < 0)
		config_store(function, offset, length, old);
	run_enable(function, set);
	return ret;
}

void lend_function_config_write(struct lend_function *function, unsigned offset, unsigned length,
				uint32_t value)
{
	uint8_t bytes[4];
	int ret;

	count_one(function->counters.config_writes);
	if (!valid(function, offset, length)) {
		count_one(function->counters.ignored);
		return;
	}
	le_store(bytes, length, value);
	function_lock(function);
	ret = life_of(function) != LIFE_ON ? 0 : apply(function, offset, length, bytes);
	function_unlock(function);
	if (ret < 0) /* the line of log was written where it failed */
		count_one(function->counters.ignored);
}
