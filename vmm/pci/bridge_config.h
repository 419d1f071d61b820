/* SPDX-License-Identifier: MIT */
/*
 * Config space of the machine's own functions (host bridge, root ports): bytes
 * and the bits of each that a guest may change. Little endian; accesses of 1,
 * 2 and 4 bytes at any offset. What lies beyond 256 bytes reads as zero: there
 * is no extended capability.
 */
#ifndef VMM_PCI_BRIDGE_CONFIG_H
#define VMM_PCI_BRIDGE_CONFIG_H

#include <stdint.h>

enum { BRIDGE_CONFIG_BYTES = 256 };

struct bridge_config {
	uint8_t value[BRIDGE_CONFIG_BYTES];
	uint8_t writable[BRIDGE_CONFIG_BYTES];
};

static inline void bridge_config_set(struct bridge_config *config, unsigned offset, unsigned length,
				     uint32_t value)
{
	for (unsigned i = 0; i < length; i++)
		config->value[offset + i] = (uint8_t)(value >> (8 * i));
}

static inline void bridge_config_allow(struct bridge_config *config, unsigned offset, unsigned length,
				       uint32_t bits)
{
	for (unsigned i = 0; i < length; i++)
		config->writable[offset + i] = (uint8_t)(bits >> (8 * i));
}

/* For ECAM: bytes of [offset, offset + length) that lie inside, zeroes beyond. */
static inline uint32_t bridge_config_read(const struct bridge_config *config, unsigned offset,
					  unsigned length)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < length && offset + i < BRIDGE_CONFIG_BYTES; i++)
		value |= (uint32_t)__atomic_load_n(&config->value[offset + i], __ATOMIC_RELAXED) << (8 * i);
	return value;
}

static inline void bridge_config_write(struct bridge_config *config, unsigned offset, unsigned length,
				       uint32_t value)
{
	for (unsigned i = 0; i < length && offset + i < BRIDGE_CONFIG_BYTES; i++) {
		uint8_t mask = config->writable[offset + i];
		uint8_t old = __atomic_load_n(&config->value[offset + i], __ATOMIC_RELAXED);
		uint8_t new = (uint8_t)((old & ~mask) | ((uint8_t)(value >> (8 * i)) & mask));

		__atomic_store_n(&config->value[offset + i], new, __ATOMIC_RELAXED);
	}
}

#endif
