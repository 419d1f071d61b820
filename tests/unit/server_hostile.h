/* SPDX-License-Identifier: MIT */
/* A server, and a client whose bytes a test or a fuzzer chooses. */
#ifndef TESTS_UNIT_SERVER_HOSTILE_H
#define TESTS_UNIT_SERVER_HOSTILE_H

#include <stddef.h>
#include <stdint.h>

struct hostile;

struct hostile *hostile_new(void);
/**
 * A client connects, sends these bytes, and goes. The first byte: with bit 0 it tells
 * its version before; with bit 1 a descriptor comes with each message; with bit 2 memory
 * is mapped before. The device reads guest memory at addresses that the bytes choose.
 */
void hostile_bytes(struct hostile *hostile, const uint8_t *data, size_t size);
/** How many accesses its device has seen, so that a test knows that bytes get so far. */
unsigned hostile_accesses(const struct hostile *hostile);
void hostile_free(struct hostile *hostile);

#endif
