/* SPDX-License-Identifier: MIT */
/* MSI-X: what is signalled while a vector is masked arrives once, and the PBA shows it. */
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"
#include "tests/unit/test_pci_msix.h"

/* Spec 14, case 4. */
static void case_14_4_pending_is_delivered_once(void **state)
{
	struct world *world = start();
	struct lend_function_counters counters;

	(void)state;
	control(world, ENABLE);
	unmask(world, 1);
	mask(world, 1);
	assert_int_equal(world->watch_count, 1);
	world_interrupt(world, 1);
	world_run(world);
	world_interrupt(world, 1);
	world_run(world);
	assert_int_equal(world->routes[1].delivered, 0);
	assert_int_equal(pba(world, 1), 1);
	assert_int_equal(pba(world, 2), 0);
	lend_function_count(world->function, &counters, sizeof(counters));
	assert_int_equal(counters.slow_interrupts, 2);
	world_clear(world);
	unmask(world, 1);
	assert_int_equal(world_count(world, "irqs"), 0); /* VFIO's side does not change */
	assert_int_equal(world_count(world, "msi_"), 0); /* nor does the route */
	world_run(world);
	assert_int_equal(world->routes[1].delivered, 1);
	assert_int_equal(pba(world, 1), 0);
	mask(world, 1);
	unmask(world, 1);
	world_run(world);
	assert_int_equal(world->routes[1].delivered, 1);
	stop(world);
}

/* The loop did not run before the guest unmasks, or reads the PBA. */
static void pending_without_the_loop(void **state)
{
	struct world *world = start();

	(void)state;
	control(world, ENABLE);
	unmask(world, 1);
	mask(world, 1);
	world_interrupt(world, 1);
	unmask(world, 1);
	world_run(world);
	assert_int_equal(world->routes[1].delivered, 1);
	unmask(world, 9);
	mask(world, 1);
	mask(world, 9);
	world_interrupt(world, 1);
	world_interrupt(world, 9);
	assert_int_equal(pba(world, 1), 1);
	assert_int_equal(lend_function_bar_read(world->function, 0, 0x3000, 8), 1u << 1 | 1u << 9);
	unmask(world, 1);
	world_run(world);
	assert_int_equal(world->routes[1].delivered, 2);
	stop(world);
}

/* The loop was about to run when the guest unmasked: what is counted is the hypervisor's. */
static void loop_late(void **state)
{
	struct world *world = start();
	struct world_watch late;

	(void)state;
	control(world, ENABLE);
	unmask(world, 1);
	mask(world, 1);
	late = world->watches[0];
	unmask(world, 1);
	assert_int_equal(world->watch_count, 0); /* an interrupt does not wake the loop */
	world_interrupt(world, 1);
	late.fn(late.opaque);
	assert_int_equal(pba(world, 1), 0);
	world_run(world);
	assert_int_equal(world->routes[1].delivered, 1);
	mask(world, 1);
	assert_int_equal(world->watch_count, 1);
	late.fn(late.opaque); /* nothing to read */
	assert_int_equal(pba(world, 1), 0);
	stop(world);
}

static void mask_all_keeps_interrupts(void **state)
{
	struct world *world = start();

	(void)state;
	control(world, ENABLE);
	unmask(world, 0);
	unmask(world, 1);
	world_clear(world);
	control(world, ENABLE | MASKALL);
	assert_int_equal(world_count(world, "detach"), 2);
	world_interrupt(world, 0);
	world_run(world);
	assert_int_equal(world->routes[0].delivered, 0);
	assert_int_equal(pba(world, 0), 1);
	control(world, ENABLE);
	world_run(world);
	assert_int_equal(world->routes[0].delivered, 1);
	assert_int_equal(world->routes[1].delivered, 0);
	assert_int_equal(world_count(world, "irqs"), 0);
	stop(world);
}

/* What a device signals while MSI-X goes off must not show up when it is on again. */
static void stale_event_is_dropped(void **state)
{
	struct world *world = start();
	int fd;
	uint64_t one = 1;

	(void)state;
	control(world, ENABLE);
	unmask(world, 0);
	mask(world, 0);
	fd = world->irq_fds[0];
	control(world, 0);
	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
	world_run(world);
	control(world, ENABLE);
	assert_int_equal(pba(world, 0), 0);
	stop(world);
}

static void pba_is_withdrawn_while_pending(void **state)
{
	struct world *world = start();

	(void)state;
	control(world, ENABLE);
	unmask(world, 1);
	mask(world, 1);
	assert_int_equal(world->bars[0].direct_count, 2);
	assert_int_equal(world->bars[0].direct[1].offset, 0x3000);
	world_interrupt(world, 1);
	world_run(world);
	assert_int_equal(world->bars[0].direct_count, 1);
	assert_int_equal(world->bars[0].direct[0].length, 0x2000);
	unmask(world, 1);
	assert_int_equal(world->bars[0].direct_count, 2);
	mask(world, 1);
	world_interrupt(world, 1);
	world_run(world);
	assert_int_equal(world->bars[0].direct_count, 1);
	control(world, 0);
	assert_int_equal(world->bars[0].direct_count, 2);
	stop(world);
}

/* A vector that was never unmasked is masked in the device, whose own bit shows it. */
static void pba_of_the_device_shows(void **state)
{
	struct world *world = start();

	(void)state;
	control(world, ENABLE);
	world->bytes[0][0x3000] = 0x10;
	assert_int_equal(pba(world, 4), 1);
	/* By one access of the guest's width. */
	for (unsigned length = 1; length <= 8; length *= 2) {
		world_clear(world);
		lend_function_bar_read(world->function, 0, 0x3000, length);
		assert_int_equal(world_count(world, "bar_read"), 1);
	}
	lend_function_bar_write(world->function, 0, 0x3000, 8, UINT64_MAX);
	assert_int_equal(world->bytes[0][0x3000], 0x10);
	stop(world);
}

/* In any order of steps each interrupt arrives, none twice. */
static void g3_no_interrupt_is_lost(void **state)
{
	struct world *world = start();
	unsigned sent[8] = {0}, random = 1;
	bool masked[8] = {false}, all = false, owed[8] = {false};

	(void)state;
	world->mute = true;
	control(world, ENABLE);
	for (unsigned i = 0; i < 8; i++)
		unmask(world, i);
	for (unsigned step = 0; step < 200000; step++) {
		unsigned v, had;

		random = random * 1664525 + 1013904223;
		v = random >> 10 & 7;
		switch (random >> 20 & 7) {
		case 0:
			mask(world, v);
			masked[v] = true;
			break;
		case 1:
		case 2:
			unmask(world, v);
			masked[v] = false;
			break;
		case 3:
			all = random >> 27 & 1;
			control(world, (uint8_t)(ENABLE | (all ? MASKALL : 0)));
			break;
		case 4:
			world_run(world);
			break;
		default:
			had = world->routes[v].delivered;
			assert_true(world_interrupt(world, v));
			owed[v] = true;
			if (masked[v] || all)
				break;
			world_run(world);
			assert_true(world->routes[v].delivered == had + 1);
			sent[v]++;
			owed[v] = false;
		}
		for (unsigned i = 0; i < 8; i++) {
			if (!owed[i] || masked[i] || all)
				continue;
			world_run(world);
			sent[i]++;
			owed[i] = false;
			assert_int_equal(world->routes[i].delivered, sent[i]);
		}
	}
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(world->routes[i].delivered, sent[i]);
	stop(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(case_14_4_pending_is_delivered_once),
		cmocka_unit_test(pending_without_the_loop),
		cmocka_unit_test(loop_late),
		cmocka_unit_test(mask_all_keeps_interrupts),
		cmocka_unit_test(stale_event_is_dropped),
		cmocka_unit_test(pba_is_withdrawn_while_pending),
		cmocka_unit_test(pba_of_the_device_shows),
		cmocka_unit_test(g3_no_interrupt_is_lost),
	};

	return cmocka_run_group_tests_name("pci_msix_pending", tests, NULL, NULL);
}
