/* SPDX-License-Identifier: MIT */
/*
 * A guest that writes anything anywhere: commands, lists, registers, doorbells, and
 * memory that changes under the controller. Choices come from a sequence with a seed, or
 * from bytes that somebody chooses.
 */
#ifndef TESTS_UNIT_NVME_HAMMER_H
#define TESTS_UNIT_NVME_HAMMER_H

#include <stddef.h>
#include <stdint.h>

void hammer_open(uint64_t seed);
/** After whatever was done the controller must work; it is freed. */
void hammer_close(void);

/** Resets the controller, and enables it with three queue pairs. */
void hammer_begin(void);
void hammer_step(void);

/** Begins, and goes on for as long as the bytes make choices. */
void hammer_bytes(const uint8_t *data, size_t size);

#endif
