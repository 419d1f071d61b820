/* SPDX-License-Identifier: MIT */
/* What the tests of a server's interrupts share. */
#ifndef TESTS_UNIT_SERVER_IRQS_H
#define TESTS_UNIT_SERVER_IRQS_H

#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/unit/server_stage.h"

/** Of wire_set_irqs.flags. */
enum {
	NONE = WIRE_IRQS_NONE,
	BOOL = WIRE_IRQS_BOOL,
	EVENTFD = WIRE_IRQS_EVENTFD,
	MASK = WIRE_IRQS_MASK,
	UNMASK = WIRE_IRQS_UNMASK,
	TRIGGER = WIRE_IRQS_TRIGGER,
};

static inline int set(struct server_stage *stage, unsigned index, uint32_t flags, unsigned start,
		      unsigned count, const int *fds, unsigned fd_count)
{
	return peer_set_irqs(&stage->peer, index, flags, start, count, fds, fd_count);
}

/** Returns how many descriptors are open then. */
static inline unsigned open_events(int *events, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		events[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return open_fds();
}

static inline void close_all(const int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		close(fds[i]);
}

static inline void write16(struct server_stage *stage, uint64_t offset, uint16_t value)
{
	assert_int_equal(peer_write(&stage->peer, LEND_REGION_CONFIG, offset, &value, 2), 2);
}

#endif
