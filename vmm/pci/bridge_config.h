/* SPDX-License-Identifier: MIT */
/*
 * Config space of the machine's own functions (host bridge, root ports): bytes,
 * the bits of each that a guest may change, and those that it clears by writing a
 * one. Little endian; accesses of 1, 2 and 4 bytes at any offset. Of the 4 KiB the
 * first 256 bytes are here and room for one extended capability; the rest reads as
 * zero, which says that there is no other one.
 *
 * Any number of threads may read, write and raise bits at once. The rest is for
 * before the guest runs, or with vCPUs paused.
 */
#ifndef VMM_PCI_BRIDGE_CONFIG_H
#define VMM_PCI_BRIDGE_CONFIG_H

#include <stdint.h>

enum { BRIDGE_CONFIG_EXTENDED = 0x100, BRIDGE_CONFIG_BYTES = 0x140 };

struct bridge_config {
	uint8_t value[BRIDGE_CONFIG_BYTES];
	uint8_t writable[BRIDGE_CONFIG_BYTES];
	uint8_t clears[BRIDGE_CONFIG_BYTES];
};

static inline void bridge_config_set(struct bridge_config *config, unsigned offset, unsigned length,
				     uint32_t value)
{
	for (unsigned i = 0; i < length; i++)
		__atomic_store_n(&config->value[offset + i], (uint8_t)(value >> (8 * i)), __ATOMIC_RELAXED);
}

static inline void bridge_config_allow(struct bridge_config *config, unsigned offset, unsigned length,
				       uint32_t bits)
{
	for (unsigned i = 0; i < length; i++)
		config->writable[offset + i] = (uint8_t)(bits >> (8 * i));
}

/* Bits that stand for something that happened: the guest clears them by writing a one. */
static inline void bridge_config_status(struct bridge_config *config, unsigned offset, unsigned length,
					uint32_t bits)
{
	for (unsigned i = 0; i < length; i++)
		config->clears[offset + i] = (uint8_t)(bits >> (8 * i));
}

/* Sets bits of 32. */
static inline void bridge_config_raise(struct bridge_config *config, unsigned offset, uint32_t bits)
{
	for (unsigned i = 0; i < 4; i++)
		__atomic_fetch_or(&config->value[offset + i], (uint8_t)(bits >> (8 * i)), __ATOMIC_RELEASE);
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
		uint8_t mask = config->writable[offset + i], bits = (uint8_t)(value >> (8 * i));
		uint8_t gone = config->clears[offset + i] & bits;
		uint8_t old = __atomic_load_n(&config->value[offset + i], __ATOMIC_RELAXED), new;

		do
			new = (uint8_t)((old & ~mask & ~gone) | (bits & mask));
		while (!__atomic_compare_exchange_n(&config->value[offset + i], &old, new, true,
						    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
	}
}

#endif
