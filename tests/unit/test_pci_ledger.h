/* SPDX-License-Identifier: MIT */
/* For one test program each: a drive that is on, and what tests of its ledger do with it. */
#ifndef TESTS_UNIT_TEST_PCI_LEDGER_H
#define TESTS_UNIT_TEST_PCI_LEDGER_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "lib/context.h"
#include "lib/pci/ledger/ledger.h"
#include "lib/pci/ledger/lock.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_private.h"

enum { MSIX_CONTROL = 0x53, MSIX_ENABLE = 0x80, DEVCTL = 0x88, DEVSTA = 0x8a };
enum { ERR, REQ };

static inline struct world *make(void)
{
	struct world *world = world_new();

	world_nvme(world);
	world->vectors[LEND_IRQ_INTX] = world->vectors[LEND_IRQ_ERR] = world->vectors[LEND_IRQ_REQ] = 1;
	world->function_config.intx_timeout_ms = 1100;
	return world;
}

static inline struct world *start(struct world *world)
{
	struct lend_reset_report report;

	assert_int_equal(world_open(world), 0);
	assert_int_equal(lend_context_reset(world->context, &world->function, 1, &report, sizeof(report)), 0);
	world_start(world);
	return world;
}

static inline void stop(struct world *world)
{
	world_close(world);
	world_free(world);
}

static inline void tell(int fd)
{
	uint64_t one = 1;

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

static inline bool readable(int fd)
{
	struct pollfd what = {.fd = fd, .events = POLLIN};

	return poll(&what, 1, 0) == 1;
}

/* Vector 0 is on, vector 1 masked, watched and known to VFIO. */
static inline void use_msix(struct world *world)
{
	world_write(world, MSIX_CONTROL, 1, MSIX_ENABLE);
	world_vector(world, 0, 0xfee00000, 1, false);
	world_vector(world, 1, 0xfee00000, 2, false);
	world_vector(world, 1, 0xfee00000, 2, true);
}

static inline bool is_pending(struct world *world, unsigned vector)
{
	return lend_function_bar_read(world->function, 0, 0x3000, 8) >> vector & 1;
}

#endif
