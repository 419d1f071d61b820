/* SPDX-License-Identifier: MIT */
/* Little-endian loads and stores at any alignment: PCI's registers are little-endian bytes. */
#ifndef LIB_LE_H
#define LIB_LE_H

#include <stdint.h>

static inline uint16_t le16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t le32(const uint8_t *bytes)
{
	return le16(bytes) | (uint32_t)le16(bytes + 2) << 16;
}

static inline uint64_t le64(const uint8_t *bytes)
{
	return le32(bytes) | (uint64_t)le32(bytes + 4) << 32;
}

/** The low `length` bytes (at most 8) of `value`, least significant first. */
static inline void le_store(uint8_t *bytes, unsigned length, uint64_t value)
{
	for (unsigned i = 0; i < length; i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
}

static inline uint64_t le_load(const uint8_t *bytes, unsigned length)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < length; i++)
		value |= (uint64_t)bytes[i] << 8 * i;
	return value;
}

#endif
