/* SPDX-License-Identifier: MIT */
/* What the tests of MSI-X share: a started NVMe with 64 vectors, and what its guest writes. */
#ifndef TESTS_UNIT_TEST_PCI_MSIX_H
#define TESTS_UNIT_TEST_PCI_MSIX_H

#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"

enum { ENABLE = 0x80, MASKALL = 0x40, CONTROL = 0x53 };

#define ADDRESS UINT64_C(0xfee00000)

static inline struct world *start_with(struct world *world)
{
	world_nvme(world);
	assert_int_equal(world_open(world), 0);
	world_start(world);
	world_clear(world);
	return world;
}

static inline struct world *start(void)
{
	return start_with(world_new());
}

static inline struct world *start_noresize(void)
{
	struct world *world = world_new();

	world->noresize = true;
	return start_with(world);
}

static inline void stop(struct world *world)
{
	world_close(world);
	world_free(world);
}

static inline void control(struct world *world, uint8_t value)
{
	world_write(world, CONTROL, 1, value);
}

static inline void unmask(struct world *world, unsigned vector)
{
	world_vector(world, vector, ADDRESS, 0x4000 + vector, false);
}

static inline void mask(struct world *world, unsigned vector)
{
	world_vector(world, vector, ADDRESS, 0x4000 + vector, true);
}

static inline unsigned pba(struct world *world, unsigned vector)
{
	return lend_function_bar_read(world->function, 0, 0x3000 + vector / 8, 1) >> vector % 8 & 1;
}

#endif
