/* SPDX-License-Identifier: MIT */
/* How most tests of lib/pci begin and end. */
#ifndef TESTS_UNIT_TEST_PCI_H
#define TESTS_UNIT_TEST_PCI_H

#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"

static inline struct world *start(struct world *world)
{
	assert_int_equal(world_open(world), 0);
	world_clear(world);
	return world;
}

/* Whose config space is behind the kernel's filter, as a real one is. */
static inline struct world *world_filtered(void)
{
	struct world *world = world_new();

	world->filtered = true;
	return world;
}

static inline void stop(struct world *world)
{
	world_close(world);
	world_free(world);
}

#endif
