/* SPDX-License-Identifier: MIT */
/* MSI-X: vectors going on and off, VFIO's side, what is pending, order of host operations. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "lib/pci/function.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"

enum { ENABLE = 0x80, MASKALL = 0x40, CONTROL = 0x53 };

#define ADDRESS UINT64_C(0xfee00000)

static struct world *start_with(struct world *world)
{
	world_nvme(world);
	assert_int_equal(world_open(world), 0);
	world_start(world);
	world_clear(world);
	return world;
}

static struct world *start(void)
{
	return start_with(world_new());
}

static struct world *start_noresize(void)
{
	struct world *world = world_new();

	world->noresize = true;
	return start_with(world);
}

static void stop(struct world *world)
{
	world_close(world);
	world_free(world);
}

static void control(struct world *world, uint8_t value)
{
	world_write(world, CONTROL, 1, value);
}

static void unmask(struct world *world, unsigned vector)
{
	world_vector(world, vector, ADDRESS, 0x4000 + vector, false);
}

static void mask(struct world *world, unsigned vector)
{
	world_vector(world, vector, ADDRESS, 0x4000 + vector, true);
}

/* Linux enables MSI-X with everything masked; the device has to see it on. */
static void enable_with_all_masked(void **state)
{
	struct world *world = start();

	(void)state;
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(lend_function_bar_read(world->function, 0, 0x2000 + i * 16 + 12, 4), 1);
	control(world, ENABLE | MASKALL);
	assert_int_equal(world->line_count, 1);
	assert_int_equal(world_find(world, 0, "irqs 0+1 -"), 0);
	control(world, ENABLE);
	assert_int_equal(world->line_count, 1);
	assert_int_equal(world_read(world, 0x52, 2), 63 | ENABLE << 8);
	assert_int_equal(world_get(world, 0x52, 2), 63);
	stop(world);
}

static void first_unmask_order(void **state)
{
	struct world *world = start();

	(void)state;
	control(world, ENABLE);
	world_clear(world);
	unmask(world, 5);
	world_expect_order(world, "msi_begin", "msi_set 5 fee00000 4005", "msi_commit", "attach 5",
			   "irqs 5+1 x", NULL);
	assert_int_equal(world->line_count, 5);
	assert_true(world_interrupt(world, 5));
	world_run(world);
	assert_int_equal(world->routes[5].delivered, 1);
	assert_int_equal(world->watch_count, 0); /* never masked again: the loop has nothing to watch */
	stop(world);
}

/* Spec 14, case 3. */
static void noresize_grows(void **state)
{
	struct world *world = start_noresize();

	(void)state;
	control(world, ENABLE);
	world_clear(world);
	unmask(world, 5);
	world_expect_order(world, "attach 5", "irqs off", "irqs 0+6 -----x", NULL);
	world_clear(world);
	unmask(world, 3); /* no growth: this one alone */
	assert_int_equal(world_count(world, "irqs"), 1);
	world_expect_order(world, "attach 3", "irqs 3+1 x", NULL);
	world_clear(world);
	unmask(world, 7); /* those that were live may have lost one: each is signalled once */
	world_expect_order(world, "irqs off", "irqs 0+8 ---x-x-x", NULL);
	world_run(world);
	assert_int_equal(world->routes[3].delivered, 1);
	assert_int_equal(world->routes[5].delivered, 1);
	assert_int_equal(world->routes[7].delivered, 0);
	stop(world);
}

/* Many vectors unmasked before enabling: one routing update, and vectors in one call. */
static void enable_in_one_batch(void **state)
{
	struct world *world = start();

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		if (i != 3)
			unmask(world, i);
	assert_int_equal(world->line_count, 0);
	control(world, ENABLE);
	assert_int_equal(world_count(world, "msi_begin"), 1);
	assert_int_equal(world_count(world, "msi_commit"), 1);
	assert_int_equal(world_count(world, "msi_set"), 7);
	assert_int_equal(world_count(world, "attach"), 7);
	world_expect_order(world, "irqs 0+1 -", "msi_commit", "attach 0", "irqs 0+8 xxx-xxxx", NULL);
	assert_int_equal(world_count(world, "irqs"), 2);
	stop(world);
}

static void enable_in_one_batch_noresize(void **state)
{
	struct world *world = start_noresize();

	(void)state;
	unmask(world, 0);
	unmask(world, 2);
	control(world, ENABLE);
	assert_int_equal(world_count(world, "irqs"), 1);
	world_expect_order(world, "msi_commit", "attach 2", "irqs 0+3 x-x", NULL);
	stop(world);
}

static unsigned pba(struct world *world, unsigned vector)
{
	return lend_function_bar_read(world->function, 0, 0x3000 + vector / 8, 1) >> vector % 8 & 1;
}

/* Spec 14, case 4. */
static void pending_is_delivered_once(void **state)
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
	lend_function_count(world->function, &counters);
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
	mask(world, 1);
	world_interrupt(world, 1);
	assert_int_equal(pba(world, 1), 1);
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

/* Spec 4.4: what is written to an unmasked vector counts at the next unmask. */
static void change_while_unmasked(void **state)
{
	struct world *world = start();

	(void)state;
	control(world, ENABLE);
	unmask(world, 0);
	world_clear(world);
	world_vector(world, 0, ADDRESS + 0x1000, 0x77, false);
	assert_int_equal(world->line_count, 0);
	assert_int_equal(world->routes[0].address, ADDRESS);
	world_vector(world, 0, ADDRESS + 0x1000, 0x77, true);
	world_vector(world, 0, ADDRESS + 0x1000, 0x77, false);
	assert_int_equal(world->routes[0].address, ADDRESS + 0x1000);
	assert_int_equal(world->routes[0].data, 0x77);
	world_expect_order(world, "detach 0", "msi_set 0 fee01000 77", "msi_commit", "attach 0", NULL);
	stop(world);
}

static void disable_order(void **state)
{
	struct world *world = start();

	(void)state;
	control(world, ENABLE);
	unmask(world, 0);
	unmask(world, 9);
	mask(world, 9);
	world_interrupt(world, 9);
	world_run(world);
	world_clear(world);
	control(world, 0);
	world_expect_order(world, "detach 0", "irqs off", "msi_begin", "msi_free 0", "msi_free 9",
			   "msi_commit", NULL);
	assert_int_equal(world_count(world, "detach"), 1);
	assert_int_equal(world_count(world, "irqs"), 1);
	assert_int_equal(pba(world, 9), 0);
	control(world, ENABLE);
	world_run(world);
	assert_int_equal(pba(world, 9), 0);
	assert_int_equal(world->routes[9].delivered, 0);
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
	lend_function_bar_write(world->function, 0, 0x3000, 8, UINT64_MAX);
	assert_int_equal(world->bytes[0][0x3000], 0x10);
	stop(world);
}

/* Spec 14, case 5, for MSI-X without dynamic allocation. */
static void partial_grant(void **state)
{
	struct world *world = world_new();

	(void)state;
	world->noresize = true;
	world->grant = 4;
	start_with(world);
	for (unsigned i = 0; i < 8; i++)
		unmask(world, i);
	control(world, ENABLE);
	assert_int_equal(world->log_lines, 1);
	world_expect_order(world, "irqs 0+8 xxxxxxxx", "irqs 0+4 xxxx", NULL);
	assert_true(world_interrupt(world, 3));
	assert_false(world_interrupt(world, 4));
	mask(world, 6);
	world_clear(world);
	unmask(world, 6); /* does not try again, and turns nothing off */
	assert_int_equal(world_count(world, "irqs"), 0);
	stop(world);
}

static void growth_refused_keeps_the_old(void **state)
{
	struct world *world = start_noresize();

	(void)state;
	control(world, ENABLE);
	unmask(world, 1);
	world->fail_at = world->calls + 5; /* set, commit, attach, off, on */
	unmask(world, 9);
	assert_true(world_interrupt(world, 1));
	assert_false(world_interrupt(world, 9));
	stop(world);
}

/* More vectors in the table than VFIO has interrupts for. */
static void fewer_interrupts_than_vectors(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_nvme(world);
	world->vectors[LEND_IRQ_MSIX] = 2;
	assert_int_equal(world_open(world), 0);
	world_start(world);
	for (unsigned i = 0; i < 4; i++)
		unmask(world, i);
	control(world, ENABLE);
	assert_true(world_interrupt(world, 1));
	assert_false(world_interrupt(world, 2));
	stop(world);
}

static void failed_commit_is_retried(void **state)
{
	struct world *world = start();

	(void)state;
	control(world, ENABLE);
	world->fail_at = world->calls + 2; /* set, commit */
	unmask(world, 0);
	assert_int_equal(world->routes[0].attached, -1);
	mask(world, 0);
	unmask(world, 0);
	assert_true(world->routes[0].attached >= 0);
	stop(world);
}

/* exam.md, cloud-hypervisor b77fdeba2: in any order of steps each interrupt arrives, none twice. */
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

static void refuse(unsigned vectors, unsigned bar, uint32_t table, unsigned pba_bar, uint32_t pba_offset)
{
	struct world *world = world_new();

	world_bar(world, 0, 0, 0x4000);
	world_bar(world, 1, PCI_BASE_ADDRESS_SPACE_IO, 0x40);
	world_msix(world, vectors, bar, table, pba_bar, pba_offset);
	assert_int_equal(world_open(world), -EPROTO);
	assert_non_null(strstr(world->error.text, "MSI-X"));
	world_free(world);
}

/* Spec 14, case 12. */
static void layouts_that_make_no_sense(void **state)
{
	(void)state;
	refuse(64, 6, 0, 0, 0x3000);
	refuse(64, 0, 0, 7, 0x3000);
	refuse(64, 0, 0x4000, 0, 0);
	refuse(64, 0, 0x3c10, 0, 0);
	refuse(64, 0, 0, 0, 0x4000);
	refuse(64, 0, 0, 0, 0x3f8);
	refuse(64, 1, 0, 0, 0);
	refuse(64, 2, 0, 0, 0);
	refuse(64, 0, 0xfffffff8, 0, 0);
}

static void pba_fixups(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_set(world, PCI_VENDOR_ID, 4, 0x58011425);
	world_bar(world, 0, 0, 0x4000);
	world_msix(world, 64, 0, 0, 0, 0x8000);
	assert_int_equal(world_open(world), 0);
	assert_int_equal(world_read(world, 0x58, 4), 0x1000);
	stop(world);
}

static void no_interrupts_hides_it(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_nvme(world);
	world->vectors[LEND_IRQ_MSIX] = 0;
	assert_int_equal(world_open(world), 0);
	assert_int_equal(world_read(world, 0x41, 1), 0x80);
	world_write(world, CONTROL, 1, ENABLE);
	assert_int_equal(world_get(world, 0x52, 2), 63);
	stop(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enable_with_all_masked),
		cmocka_unit_test(first_unmask_order),
		cmocka_unit_test(noresize_grows),
		cmocka_unit_test(enable_in_one_batch),
		cmocka_unit_test(enable_in_one_batch_noresize),
		cmocka_unit_test(pending_is_delivered_once),
		cmocka_unit_test(pending_without_the_loop),
		cmocka_unit_test(loop_late),
		cmocka_unit_test(mask_all_keeps_interrupts),
		cmocka_unit_test(change_while_unmasked),
		cmocka_unit_test(disable_order),
		cmocka_unit_test(stale_event_is_dropped),
		cmocka_unit_test(pba_is_withdrawn_while_pending),
		cmocka_unit_test(pba_of_the_device_shows),
		cmocka_unit_test(partial_grant),
		cmocka_unit_test(growth_refused_keeps_the_old),
		cmocka_unit_test(fewer_interrupts_than_vectors),
		cmocka_unit_test(failed_commit_is_retried),
		cmocka_unit_test(g3_no_interrupt_is_lost),
		cmocka_unit_test(layouts_that_make_no_sense),
		cmocka_unit_test(pba_fixups),
		cmocka_unit_test(no_interrupts_hides_it),
	};

	return cmocka_run_group_tests_name("pci_msix", tests, NULL, NULL);
}
