/* SPDX-License-Identifier: MIT */
/*
 * For libFuzzer: the bytes are what a client sends. The first one tells whether it has
 * told its version already; then come messages, each with its own length before it, or
 * raw. A device notes nothing: what is looked for is a crash, a leak or an endless loop.
 */
#include "tests/unit/server_hostile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hostile *hostile;

	if (!hostile)
		hostile = hostile_new();
	hostile_bytes(hostile, data, size);
	return 0;
}
