/* SPDX-License-Identifier: MIT */
/*
 * Several vCPUs and the event loop in one function at once (XSA-467).
 * What it can show by itself is little: it is for SAN=thread.
 */
#include <pthread.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"

enum { ROUNDS = 20000 };

static void *config_writer(void *arg)
{
	struct world *world = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		world_write(world, PCI_COMMAND, 2, i & 1 ? PCI_COMMAND_MEMORY : 0);
		world_write(world, PCI_BASE_ADDRESS_0, 4, i & 2 ? 0xe0000000 : 0xd0000000);
		world_write(world, 0x53, 1, i & 4 ? 0x80 : i & 8 ? 0xc0 : 0);
		world_write(world, 0x44, 1, i & 16 ? 3 : 0);
	}
	return NULL;
}

static void *reader(void *arg)
{
	struct world *world = arg;
	struct lend_function_counters counters;

	for (unsigned i = 0; i < ROUNDS; i++) {
		world_read(world, PCI_COMMAND, 4);
		world_read(world, PCI_BASE_ADDRESS_0, 4);
		lend_function_bar_read(world->function, 0, 0x10, 4);
		lend_function_bar_read(world->function, 0, 0x2010, 8);
		lend_function_bar_read(world->function, 0, 0x3000, 8);
		lend_function_bar_write(world->function, 0, 0x1000, 4, i);
		lend_function_bar_fault(world->function);
		lend_function_count(world->function, &counters, sizeof(counters));
	}
	return NULL;
}

static void *masker(void *arg)
{
	struct world *world = arg;

	for (unsigned i = 0; i < ROUNDS; i++)
		world_vector(world, i & 7, 0xfee00000 + (i & 0x100), i & 7, i & 8);
	return NULL;
}

static void *loop(void *arg)
{
	struct world_watch *watch = arg;
	uint64_t one = 1;

	for (unsigned i = 0; i < ROUNDS; i++) {
		if (write(watch->fd, &one, sizeof(one)) == sizeof(one))
			watch->fn(watch->opaque);
	}
	return NULL;
}

static void xsa_467_threads(void **state)
{
	void *(*const bodies[])(void *) = {config_writer, reader, reader, masker};
	struct world *world = world_new();
	struct world_watch watch;
	pthread_t threads[5];

	(void)state;
	world_nvme(world);
	assert_int_equal(world_open(world), 0);
	world->mute = true;
	world_start(world);
	world_write(world, 0x53, 1, 0x80);
	world_vector(world, 0, 0xfee00000, 0, false);
	world_vector(world, 0, 0xfee00000, 0, true);
	assert_int_equal(world->watch_count, 1);
	watch = world->watches[0];
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, bodies[i], world), 0);
	assert_int_equal(pthread_create(&threads[4], NULL, loop, &watch), 0);
	for (unsigned i = 0; i < 5; i++)
		pthread_join(threads[i], NULL);
	world_close(world);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(xsa_467_threads)};

	return cmocka_run_group_tests_name("pci_threads", tests, NULL, NULL);
}
