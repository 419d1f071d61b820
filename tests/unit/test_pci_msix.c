/* SPDX-License-Identifier: MIT */
/* MSI-X: vectors going on and off, VFIO's side, order of host operations. */
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"
#include "tests/unit/test_pci_msix.h"

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

/* Writes to the table may be kept while all vectors are masked by one bit, and then alone. */
static void table_is_postable_while_all_is_masked(void **state)
{
	static const uint8_t controls[] = {0, MASKALL, ENABLE | MASKALL, ENABLE, ENABLE | MASKALL, 0};
	struct world *world = start();
	struct lend_bar_part part = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(controls); i++) {
		control(world, controls[i]);
		assert_int_equal(lend_function_postable(world->function, &part, sizeof(part)),
				 controls[i] == (ENABLE | MASKALL));
	}
	assert_int_equal(part.bar, 0);
	assert_int_equal(part.offset, 0x2000);
	assert_int_equal(part.length, 64 * 16);
	control(world, ENABLE | MASKALL);
	world_clear(world);
	unmask(world, 5); /* what it is that may come late: nobody hears of it */
	assert_int_equal(world->line_count, 0);
	control(world, ENABLE);
	assert_int_equal(world_find(world, 0, "attach 5") >= 0, 1);
	control(world, ENABLE | MASKALL);
	world_write(world, 4, 2, 0); /* the BAR leaves its place */
	assert_false(lend_function_postable(world->function, &part, sizeof(part)));
	world_write(world, 4, 2, 6);
	assert_true(lend_function_postable(world->function, &part, sizeof(part)));
	lend_function_quiesce(world->function);
	assert_false(lend_function_postable(world->function, &part, sizeof(part)));
	stop(world);
}

/* A driver of the host may leave it on: the guest finds it off, as after a reset. */
static void off_whatever_the_device_says(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_nvme(world);
	world_set(world, 0x52, 2, 63 | ENABLE << 8 | MASKALL << 8);
	assert_int_equal(world_open(world), 0);
	assert_int_equal(world_read(world, 0x52, 2), 63);
	world_start(world);
	assert_int_equal(world_count(world, "irqs"), 0);
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

/* A guest may write the mask as a byte, or together with the data before it. */
static void the_mask_alone_is_enough(void **state)
{
	struct world *world = start();

	(void)state;
	control(world, ENABLE);
	unmask(world, 5);
	world_clear(world);
	lend_function_bar_write(world->function, 0, 0x205c, 1, 1);
	assert_true(world->routes[5].attached < 0);
	lend_function_bar_write(world->function, 0, 0x205c, 1, 0);
	assert_true(world->routes[5].attached >= 0);
	lend_function_bar_write(world->function, 0, 0x2058, 8, UINT64_C(1) << 32 | 0x4a05);
	assert_true(world->routes[5].attached < 0);
	lend_function_bar_write(world->function, 0, 0x2058, 8, 0x4a05);
	assert_true(world->routes[5].attached >= 0);
	assert_int_equal(world->routes[5].data, 0x4a05);
	stop(world);
}

/* Spec 14, case 3. */
static void case_14_3_noresize_grows(void **state)
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

/* Spec 14, case 5, for MSI-X without dynamic allocation. */
static void case_14_5_partial_grant(void **state)
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

/*
 * Each try to grow turns all vectors off and on again, which loses what the
 * device signals in between: who was refused once is not tried again.
 */
static void growth_is_refused_once(void **state)
{
	struct world *world = start_noresize();

	(void)state;
	control(world, ENABLE);
	unmask(world, 1);
	world->fail_at = world->calls + 5; /* set, commit, attach, off, on */
	unmask(world, 9);
	assert_false(world_interrupt(world, 9));
	world_clear(world);
	unmask(world, 7);
	mask(world, 9);
	unmask(world, 9);
	assert_int_equal(world_count(world, "irqs"), 0);
	assert_true(world_interrupt(world, 1));
	/* Off and on again by the guest: it is asked anew. */
	control(world, 0);
	control(world, ENABLE);
	assert_true(world_interrupt(world, 9));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enable_with_all_masked),
		cmocka_unit_test(table_is_postable_while_all_is_masked),
		cmocka_unit_test(off_whatever_the_device_says),
		cmocka_unit_test(first_unmask_order),
		cmocka_unit_test(the_mask_alone_is_enough),
		cmocka_unit_test(case_14_3_noresize_grows),
		cmocka_unit_test(enable_in_one_batch),
		cmocka_unit_test(enable_in_one_batch_noresize),
		cmocka_unit_test(change_while_unmasked),
		cmocka_unit_test(disable_order),
		cmocka_unit_test(case_14_5_partial_grant),
		cmocka_unit_test(growth_refused_keeps_the_old),
		cmocka_unit_test(growth_is_refused_once),
		cmocka_unit_test(fewer_interrupts_than_vectors),
		cmocka_unit_test(failed_commit_is_retried),
	};

	return cmocka_run_group_tests_name("pci_msix", tests, NULL, NULL);
}
