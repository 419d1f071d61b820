/* SPDX-License-Identifier: MIT */
/* What the tests of the NVMe controller share: one guest, the command that it writes, and its life. */
#ifndef TESTS_UNIT_NVME_STAGE_H
#define TESTS_UNIT_NVME_STAGE_H

#include "tests/unit/cmocka.h"
#include "tests/unit/nvme_guest.h"

static struct nvme_guest guest;
static uint8_t sqe[NVME_SQE];

/* An enabled controller; with queue pair 1, if that has entries. */
static inline int begin(unsigned queue_pairs, unsigned entries)
{
	guest_start(&guest, queue_pairs);
	guest_enable(&guest);
	if (entries)
		guest_queue(&guest, 1, entries);
	return 0;
}

static inline int end(void **state)
{
	(void)state;
	guest_end(&guest);
	return 0;
}

#endif
