/* SPDX-License-Identifier: MIT */
/* What the tests of the doorbell buffer share: a guest whose driver uses it. */
#ifndef TESTS_UNIT_NVME_BUFFER_STAGE_H
#define TESTS_UNIT_NVME_BUFFER_STAGE_H

#include "tests/unit/nvme_stage.h"

static unsigned rings; /* doorbells that the guest wrote because it was asked to */

static inline int start(void **state)
{
	(void)state;
	rings = 0;
	return begin(2, 32);
}

static inline uint32_t word(uint64_t page, unsigned id, bool head)
{
	return get32(guest_at(&guest, page + 8 * id + 4 * head));
}

/* As a driver does it: it stores the number, and rings if it passed the one of events. */
static inline void set(unsigned id, bool head, unsigned value)
{
	uint16_t old = (uint16_t)word(DOORBELLS, id, head), event;

	put32(guest_at(&guest, DOORBELLS + 8 * id + 4 * head), value);
	event = (uint16_t)word(EVENTS, id, head);
	if ((uint16_t)(value - event - 1) < (uint16_t)(value - old)) {
		rings++;
		guest_write32(&guest, REG_DOORBELLS + 8 * id + 4 * head, value);
	}
}

static inline void put(unsigned id, unsigned block)
{
	unsigned *tail = &guest.queues[id].tail;

	guest_blocks(&guest, sqe, IO_READ, block, 1, GUEST_DATA + block * NVME_PAGE, 0);
	memcpy(guest_at(&guest, guest_sq(id) + *tail * NVME_SQE), sqe, NVME_SQE);
	*tail = (*tail + 1) % guest.queues[id].entries;
	set(id, false, *tail);
}

static inline unsigned take(unsigned id)
{
	unsigned *head = &guest.queues[id].head, count = 0;

	while ((guest_at(&guest, guest_cq(id) + *head * NVME_CQE)[14] & 1U) == guest.queues[id].phase) {
		*head = (*head + 1) % guest.queues[id].entries;
		guest.queues[id].phase ^= *head ? 0 : 1;
		count++;
	}
	if (count)
		set(id, true, *head);
	return count;
}

#endif
