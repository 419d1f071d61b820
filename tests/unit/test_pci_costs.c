/* SPDX-License-Identifier: MIT */
/*
 * What each hot path asks of the kernel and of the hypervisor at the most. bench/run measures how
 * long they take; the counts are kept here.
 */
#include <malloc.h>

#include "lib/pci/function.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"
#include "tests/unit/resident.h"
#include "tests/unit/test_pci_msix.h"

enum { BAR0 = 0x10, VENDOR = 0, PAST_TABLE = 0x2800, MESSAGE = 0x2000 + 5 * 16 };

static void read_virtual(struct world *world)
{
	world_read(world, BAR0, 4);
}

static void read_own(struct world *world)
{
	world_read(world, VENDOR, 4);
}

static void read_trapped(struct world *world)
{
	lend_function_bar_read(world->function, 0, PAST_TABLE, 4);
}

static void write_trapped(struct world *world)
{
	lend_function_bar_write(world->function, 0, PAST_TABLE, 4, 1);
}

static void read_table(struct world *world)
{
	lend_function_bar_read(world->function, 0, MESSAGE, 4);
}

static void mask_and_unmask(struct world *world)
{
	mask(world, 5);
	unmask(world, 5);
}

static void move_message(struct world *world)
{
	lend_function_bar_write(world->function, 0, MESSAGE + 12, 4, 1);
	lend_function_bar_write(world->function, 0, MESSAGE + 8, 4, 0x77);
	lend_function_bar_write(world->function, 0, MESSAGE + 12, 4, 0);
}

static const struct path {
	const char *name;
	void (*go)(struct world *world);
	unsigned device; /* system calls on the device: accesses and interrupts */
	unsigned irqfds; /* attach and detach */
	unsigned routings;
} paths[] = {
	{"config read of a virtual register", read_virtual, 0, 0, 0},
	{"config read of a register of the device", read_own, 1, 0, 0},
	{"BAR read that traps", read_trapped, 1, 0, 0},
	{"BAR write that traps", write_trapped, 1, 0, 0},
	{"read of the MSI-X table", read_table, 0, 0, 0},
	{"mask and unmask of a vector", mask_and_unmask, 0, 2, 0},
	{"another message for a vector", move_message, 0, 2, 1},
};

static void paths_cost_no_more(void **state)
{
	struct world *world = start();

	(void)state;
	control(world, ENABLE);
	unmask(world, 5);
	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const struct path *path = &paths[i];
		unsigned device, irqfds, routings;

		world_clear(world);
		path->go(world);
		device = world_count(world, "cfg_") + world_count(world, "bar_") +
			 world_count(world, "irqs") + world_count(world, "intx");
		irqfds = world_count(world, "attach") + world_count(world, "detach");
		routings = world_count(world, "msi_commit");
		if (device > path->device || irqfds > path->irqfds || routings > path->routings)
			fail_msg("%s: %u system calls on the device, %u changes of irqfds, %u of routing",
				 path->name, device, irqfds, routings);
	}
	stop(world);
}

/* However many vectors there are: one update of the routing, and two calls for VFIO's side. */
static void vectors_in_one_go(void **state)
{
	(void)state;
	for (unsigned count = 1; count <= 64; count *= 2) {
		struct world *world = start();

		for (unsigned i = 0; i < count; i++)
			unmask(world, i);
		control(world, ENABLE);
		assert_int_equal(world_count(world, "msi_commit"), 1);
		assert_int_equal(world_count(world, "irqs"), 2);
		assert_int_equal(world_count(world, "attach"), count);
		stop(world);
	}
}

/*
 * Bytes of config space that nobody emulates, and vectors that the device has not, take no memory. That
 * is so where a function has pages of its own, as in lend run.
 */
static void a_function_takes_few_pages(void **state)
{
	struct world *world;
	size_t pages;

	(void)state;
	mallopt(M_MMAP_THRESHOLD, 48 << 10);
	mallopt(M_TOP_PAD, 0); /* else the heap's end may have room for it */
	malloc_trim(0);
	world = start();
	control(world, ENABLE);
	unmask(world, 5);
	pages = resident((uintptr_t)world->function, sizeof(*world->function));
#ifdef __SANITIZE_ADDRESS__ /* which has its own malloc */
	assert_in_range(pages, 1, 25);
#else
	assert_in_range(pages, 1, 10);
#endif
	stop(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {/* The heap has no hole yet that a function fits in. */
					   cmocka_unit_test(a_function_takes_few_pages),
					   cmocka_unit_test(paths_cost_no_more),
					   cmocka_unit_test(vectors_in_one_go)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
