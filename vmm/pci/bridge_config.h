/* SPDX-License-Identifier: MIT */
/*
 * Config space of the machine's own functions (host bridge, root ports): bytes,
 * the bits of each that a guest may change, and those that it clears by writing a
 * one. Little endian; accesses of 1, 2 and 4 bytes at any offset. Of the 4 KiB the
 * first 256 bytes are here and room for one extended capability; the rest reads as
 * zero, which says that there is no other one.
 *
 * The values may stand in a page that the guest reads without leaving (pci/ecam.h):
 * they are there once, so that what the guest reads is what is answered here.
 *
 * Any number of threads may read, write and raise bits at once. The rest is for
 * before the guest runs, or with vCPUs paused.
 */
#ifndef VMM_PCI_BRIDGE_CONFIG_H
#define VMM_PCI_BRIDGE_CONFIG_H

#include <stdint.h>

enum { BRIDGE_CONFIG_EXTENDED = 0x100, BRIDGE_CONFIG_BYTES = 0x140 };

struct bridge_config {
	uint8_t *page; /* begins with the values, the rest is zero; NULL: they are in `inside` */
	uint8_t inside[BRIDGE_CONFIG_BYTES];
	uint8_t writable[BRIDGE_CONFIG_BYTES];
	uint8_t clears[BRIDGE_CONFIG_BYTES];
};

static inline const uint8_t *bridge_config_values(const struct bridge_config *config)
{
	return config->page ? config->page : config->inside;
}

static inline uint8_t *bridge_config_own(struct bridge_config *config)
{
	return config->page ? config->page : config->inside;
}

static inline void bridge_config_set(struct bridge_config *config, unsigned offset, unsigned length,
				     uint32_t value)
{
	uint8_t *values = bridge_config_own(config);

	for (unsigned i = 0; i < length; i++)
		__atomic_store_n(&values[offset + i], (uint8_t)(value >> (8 * i)), __ATOMIC_RELAXED);
}

/* All is zero, and nothing can be written. */
static inline void bridge_config_clear(struct bridge_config *config)
{
	for (unsigned i = 0; i < BRIDGE_CONFIG_BYTES; i++) {
		bridge_config_set(config, i, 1, 0);
		config->writable[i] = config->clears[i] = 0;
	}
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
	uint8_t *values = bridge_config_own(config);

	for (unsigned i = 0; i < 4; i++)
		__atomic_fetch_or(&values[offset + i], (uint8_t)(bits >> (8 * i)), __ATOMIC_RELEASE);
}

/* The values stand in the page from now on; it is zero. */
static inline void bridge_config_move(struct bridge_config *config, uint8_t *page)
{
	for (unsigned i = 0; i < BRIDGE_CONFIG_BYTES; i++)
		page[i] = bridge_config_values(config)[i];
	config->page = page;
}

/* For ECAM: bytes of [offset, offset + length) that lie inside, zeroes beyond. */
static inline uint32_t bridge_config_read(const struct bridge_config *config, unsigned offset,
					  unsigned length)
{
	const uint8_t *values = bridge_config_values(config);
	uint32_t value = 0;

	for (unsigned i = 0; i < length && offset + i < BRIDGE_CONFIG_BYTES; i++)
		value |= (uint32_t)__atomic_load_n(&values[offset + i], __ATOMIC_RELAXED) << (8 * i);
	return value;
}

static inline void bridge_config_write(struct bridge_config *config, unsigned offset, unsigned length,
				       uint32_t value)
{
	uint8_t *values = bridge_config_own(config);

	for (unsigned i = 0; i < length && offset + i < BRIDGE_CONFIG_BYTES; i++) {
		uint8_t mask = config->writable[offset + i], bits = (uint8_t)(value >> (8 * i));
		uint8_t gone = config->clears[offset + i] & bits;
		uint8_t old = __atomic_load_n(&values[offset + i], __ATOMIC_RELAXED), new;

		do
			new = (uint8_t)((old & ~mask & ~gone) | (bits & mask));
		while (!__atomic_compare_exchange_n(&values[offset + i], &old, new, true, __ATOMIC_ACQ_REL,
						    __ATOMIC_RELAXED));
	}
}

#endif
