/* SPDX-License-Identifier: MIT */
/*
 * For one test program each: places, windows and config accesses of a topology, with doubles of
 * liblend's functions: a function here is its BARs, and remembers what was written to it.
 */
#ifndef TESTS_UNIT_TOPOLOGY_STAGE_H
#define TESTS_UNIT_TOPOLOGY_STAGE_H

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "tests/unit/cmocka.h"
#include "vmm/machine.h"

struct lend_function {
	struct lend_bar bars[7];
	struct lend_link link;
	uint32_t bar[7];
	unsigned last_offset, last_length, reads, writes;
	uint32_t id;
};

uint32_t lend_function_config_read(struct lend_function *function, unsigned offset, unsigned length)
{
	function->last_offset = offset;
	function->last_length = length;
	function->reads++;
	return function->id;
}

void lend_function_config_write(struct lend_function *function, unsigned offset, unsigned length,
				uint32_t value)
{
	function->last_offset = offset;
	function->last_length = length;
	function->writes++;
	if (offset >= PCI_BASE_ADDRESS_0 && offset <= PCI_BASE_ADDRESS_5 && length == 4)
		function->bar[(offset - PCI_BASE_ADDRESS_0) / 4] = value;
}

void lend_function_bar(const struct lend_function *function, unsigned index, struct lend_bar *out,
		       size_t size)
{
	assert_int_equal(size, sizeof(*out));
	*out = index < 6 ? function->bars[index] : (struct lend_bar){0}; /* no expansion ROM */
}

void lend_function_link(const struct lend_function *function, struct lend_link *out, size_t size)
{
	assert_int_equal(size, sizeof(*out));
	*out = function->link;
}

static inline uint64_t bar64(const struct lend_function *function, unsigned i)
{
	return (uint64_t)function->bar[i + 1] << 32 | function->bar[i];
}

static inline struct placement at_port(struct lend_function *function, uint8_t device, uint8_t number)
{
	return (struct placement){.function = function,
				  .host = {.bus = 5, .device = device, .function = number},
				  .place = LEND_PLACE_PORT};
}

static const struct layout layout = {.low_start = 0xe0000000,
				     .low_end = 0xf0000000,
				     .high_start = 0x100000000,
				     .high_end = 0x8000000000,
				     .buses = 4};

static const uint64_t gib = 1ULL << 30;

static inline uint64_t ecam(struct topology *topology, unsigned bus, unsigned device, unsigned function,
			    unsigned reg, unsigned length)
{
	return ecam_ops.read(topology, bus << 20 | device << 15 | function << 12 | reg, length);
}

static inline uint64_t prefetch_base(const struct bridge_config *port)
{
	return (uint64_t)bridge_config_read(port, PCI_PREF_BASE_UPPER32, 4) << 32 |
	       (uint64_t)(bridge_config_read(port, PCI_PREF_MEMORY_BASE, 2) & 0xfff0) << 16;
}

static inline uint64_t prefetch_last(const struct bridge_config *port)
{
	return (uint64_t)bridge_config_read(port, PCI_PREF_LIMIT_UPPER32, 4) << 32 |
	       (uint64_t)(bridge_config_read(port, PCI_PREF_MEMORY_LIMIT, 2) & 0xfff0) << 16 | 0xfffff;
}

#endif
