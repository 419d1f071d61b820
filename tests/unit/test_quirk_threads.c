/* SPDX-License-Identifier: MIT */
/*
 * Several vCPUs in the windows of one function at once, while decode toggles and
 * acknowledgements are learned and forgotten (XSA-467). For SAN=thread;
 * without it, that nobody waits for himself and nothing is left behind.
 */
#include <pthread.h>
#include <unistd.h>

#include "tests/unit/test_quirk.h"

enum { ROUNDS = 20000 };

static unsigned left; /* of the others: the mover goes on as long as they do */

static void *mover(void *arg)
{
	struct world *world = arg;

	for (unsigned i = 0; __atomic_load_n(&left, __ATOMIC_RELAXED); i++) {
		world_write(world, PCI_COMMAND, 2, i & 7 ? DECODE : 0);
		world_write(world, PCI_BASE_ADDRESS_0, 4, i & 2 ? 0xe0000000 : 0xd0000000);
	}
	return NULL;
}

static void *driver(void *arg)
{
	struct world *world = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		for (unsigned j = 0; j < 12; j++)
			bar_put(world, 0, 0x88060, 1, 0xff);
		bar_get(world, 0, 0x88000, 4);
		bar_put(world, 0, 0x1800 + PCI_COMMAND, 2, DECODE);
		bar_put(world, 5, 8, 4, i & 1 ? 0x1800 : 0x88000);
		bar_put(world, 5, 0, 8, UINT64_C(0x100000001));
		bar_get(world, 5, 0xc, 4);
	}
	__atomic_sub_fetch(&left, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void *bios(void *arg)
{
	struct world *world = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		vga_put(world, 0x3d4, 2, i & 1 ? 0x338 : 0x538);
		vga_put(world, 0x3d0, 4, 0x1800 + (i & 0xff));
		vga_get(world, 0x3d0, 4);
		vga_put(world, 0xa0000, 4, i);
	}
	__atomic_sub_fetch(&left, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void xsa_467_threads(void **state)
{
	void *(*const bodies[])(void *) = {mover, driver, driver, bios, bios};
	struct world *world = device(0x10de, 0x11c0, 0x030000);
	pthread_t threads[5];

	(void)state;
	world_vga(world);
	world_bar(world, 0, 0, 0x1000000);
	world_bar(world, 5, PCI_BASE_ADDRESS_SPACE_IO, 0x80);
	world_msi(world, PCI_MSI_FLAGS_64BIT, 1);
	run(world, 5);
	world->mute = true;
	left = 4;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, bodies[i], world), 0);
	for (unsigned i = 0; i < 5; i++)
		pthread_join(threads[i], NULL);
	stop(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(xsa_467_threads)};

	return cmocka_run_group_tests_name("quirk_threads", tests, NULL, NULL);
}
