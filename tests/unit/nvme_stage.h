/* SPDX-License-Identifier: MIT */
/* What the tests of the NVMe controller share: one guest, the command that it writes, and its life. */
#ifndef TESTS_UNIT_NVME_STAGE_H
#define TESTS_UNIT_NVME_STAGE_H

#include "tests/unit/cmocka.h"
#include "tests/unit/nvme_guest.h"

/** Guest addresses of the doorbell buffer, where there is one. */
enum { DOORBELLS = GUEST_BASE + 0x80000, EVENTS = GUEST_BASE + 0x81000 };

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

/** Gives the controller a doorbell buffer: the status of the command. */
static inline unsigned configure(uint64_t doorbells, uint64_t events)
{
	guest_command(&guest, sqe, ADMIN_DOORBELL_BUFFER, 0);
	put64(sqe + 24, doorbells);
	put64(sqe + 32, events);
	return guest_do(&guest, 0, sqe, NULL);
}

#endif
