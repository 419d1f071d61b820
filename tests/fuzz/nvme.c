/* SPDX-License-Identifier: MIT */
/* For libFuzzer: the bytes choose what a guest does to an NVMe controller. */
#include <stdbool.h>
#include <stdlib.h>

#include "tests/unit/nvme_hammer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool open;

	if (!open) {
		hammer_open(1);
		atexit(hammer_close);
		open = true;
	}
	hammer_bytes(data, size);
	return 0;
}
