/* SPDX-License-Identifier: MIT */
/* Message interrupts by way of the monitor's loop (x-no-kvm-msi, x-no-kvm-msix), and what is counted. */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"

static struct world *running(bool no_bypass)
{
	struct world *world = world_new();

	world_nvme(world);
	world->function_config.no_msix_bypass = no_bypass;
	assert_int_equal(world_open(world), 0);
	world_start(world);
	world_write(world, 0x53, 1, 0x80);
	world_vector(world, 0, 0xfee00000, 1, false);
	return world;
}

static void stop(struct world *world)
{
	world_close(world);
	world_free(world);
}

static void interrupt(struct world *world, unsigned vector)
{
	assert_true(world_interrupt(world, vector));
	world_run(world);
}

static void msix_by_the_loop(void **state)
{
	struct world *world = running(true);

	(void)state;
	assert_int_equal(world_count(world, "attach"), 0);
	interrupt(world, 0);
	interrupt(world, 0);
	assert_int_equal(world->routes[0].delivered, 2);
	stop(world);
}

/* Each signal counts, also one whose message does not reach the guest; that is said. */
static void signals_are_counted_and_failures_said(void **state)
{
	struct world *world = running(true);
	struct lend_function_counters counters;
	unsigned lines = world->log_lines;

	(void)state;
	interrupt(world, 0);
	interrupt(world, 0);
	assert_int_equal(world->log_lines, lines);
	world->fail_at = world->calls + 1; /* the message */
	interrupt(world, 0);
	assert_int_equal(world->routes[0].delivered, 2);
	assert_int_equal(world->log_lines, lines + 1);
	assert_non_null(strstr(world->last_log, "cannot deliver interrupt vector 0"));
	lend_function_count(world->function, &counters, sizeof(counters));
	assert_int_equal(counters.slow_interrupts, 3);
	stop(world);
}

/* A hypervisor that keeps the eventfd of a vector that the guest masks. */
static void one_that_cannot_be_detached_is_said(void **state)
{
	struct world *world = running(false);
	unsigned lines = world->log_lines;

	(void)state;
	world_vector(world, 0, 0xfee00000, 1, true);
	assert_int_equal(world->log_lines, lines);
	world_vector(world, 0, 0xfee00000, 1, false);
	world->fail_detaches = 1;
	world_vector(world, 0, 0xfee00000, 1, true);
	assert_true(world->routes[0].attached >= 0);
	assert_int_equal(world->log_lines, lines + 1);
	assert_non_null(strstr(world->last_log, "cannot detach interrupt vector 0"));
	world_vector(world, 0, 0xfee00000, 2, true); /* the next access of its entry tries again */
	assert_int_equal(world->routes[0].attached, -1);
	stop(world);
}

/* Masked, it waits and shows as pending; unmasked, it arrives once. */
static void a_mask_loses_nothing(void **state)
{
	struct world *world = running(true);

	(void)state;
	world_vector(world, 0, 0xfee00000, 1, true);
	interrupt(world, 0);
	assert_int_equal(world->routes[0].delivered, 0);
	assert_int_equal(lend_function_bar_read(world->function, 0, 0x3000, 4), 1);
	world_vector(world, 0, 0xfee00000, 1, false);
	world_run(world);
	assert_int_equal(world->routes[0].delivered, 1);
	assert_int_equal(lend_function_bar_read(world->function, 0, 0x3000, 4), 0);
	interrupt(world, 0);
	assert_int_equal(world->routes[0].delivered, 2);
	stop(world);
}

/* What is signalled and not yet seen by the loop when the guest masks is pending, not lost. */
static void a_mask_before_the_loop_ran(void **state)
{
	struct world *world = running(true);

	(void)state;
	assert_true(world_interrupt(world, 0));
	world_vector(world, 0, 0xfee00000, 1, true);
	world_run(world);
	assert_int_equal(world->routes[0].delivered, 0);
	world_vector(world, 0, 0xfee00000, 1, false);
	world_run(world);
	assert_int_equal(world->routes[0].delivered, 1);
	stop(world);
}

/* spec 4.7: a hypervisor that does not take it is no reason to lose it. */
static void refused_by_the_hypervisor(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_nvme(world);
	world->refuse_attach = true;
	assert_int_equal(world_open(world), 0);
	world_start(world);
	world_write(world, 0x53, 1, 0x80);
	world_vector(world, 0, 0xfee00000, 1, false);
	assert_int_equal(world->log_lines, 1);
	interrupt(world, 0);
	assert_int_equal(world->routes[0].delivered, 1);
	stop(world);
}

static void msi_by_the_loop(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_msi(world, PCI_MSI_FLAGS_64BIT | 2 << 1, 4);
	world->function_config.no_msi_bypass = true;
	assert_int_equal(world_open(world), 0);
	world_write(world, 0x64, 4, 0xfee00000);
	world_write(world, 0x6c, 2, 0x40);
	world_write(world, 0x62, 2, PCI_MSI_FLAGS_ENABLE | 2 << 4);
	assert_int_equal(world_count(world, "attach"), 0);
	interrupt(world, 3);
	assert_int_equal(world->routes[3].delivered, 1);
	assert_int_equal(world->routes[3].data, 0x43);
	world_write(world, 0x62, 2, 0);
	assert_int_equal(world->watch_count, 0);
	stop(world);
}

static void paths_and_counts(void **state)
{
	struct lend_vector_count rows[8];
	struct world *world = running(false);

	(void)state;
	world_vector(world, 5, 0xfee00000, 5, false);
	world_vector(world, 5, 0xfee00000, 5, true);
	interrupt(world, 0);
	interrupt(world, 5);
	assert_int_equal(lend_function_vectors(world->function, rows, 8, sizeof(*rows)), 2);
	assert_int_equal(rows[0].vector, 0);
	assert_int_equal(rows[0].irq, LEND_IRQ_MSIX);
	assert_true(rows[0].bypass);
	assert_int_equal(rows[0].slow, 0);
	assert_int_equal(rows[1].vector, 5);
	assert_false(rows[1].bypass);
	assert_int_equal(rows[1].slow, 1);
	assert_int_equal(lend_function_vectors(world->function, NULL, 0, 0), 2);
	stop(world);
	world = running(true);
	interrupt(world, 0);
	assert_int_equal(lend_function_vectors(world->function, rows, 8, sizeof(*rows)), 1);
	assert_false(rows[0].bypass);
	assert_int_equal(rows[0].slow, 1);
	stop(world);
}

static uint64_t reads_of(struct world *world, unsigned bar, uint64_t offset)
{
	struct lend_page_count rows[80];
	size_t count = lend_function_pages(world->function, rows, 80, sizeof(*rows));

	for (size_t i = 0; i < count; i++)
		if (rows[i].bar == bar && rows[i].offset == offset)
			return rows[i].reads;
	return 0;
}

static void accesses_by_page(void **state)
{
	struct world *world = world_new();
	struct lend_page_count rows[80];
	uint64_t sum = 0;

	(void)state;
	world_bar(world, 0, 0, 0x100000);
	world_bar(world, 1, 0, 0x1000);
	world->function_config.no_mmap = true;
	assert_int_equal(world_open(world), 0);
	world_write(world, PCI_BASE_ADDRESS_1, 4, 0xe0200000);
	world_start(world);
	for (unsigned i = 0; i < 3; i++)
		lend_function_bar_read(world->function, 0, 0x2000 + 4 * i, 4);
	lend_function_bar_read(world->function, 1, 0, 4);
	assert_int_equal(reads_of(world, 0, 0x2000), 3);
	assert_int_equal(reads_of(world, 1, 0), 1);
	/* More pages than there is room for are counted together, and nothing is lost. */
	for (unsigned i = 0; i < 0x100; i++)
		lend_function_bar_read(world->function, 0, i * 0x1000, 4);
	assert_int_equal(reads_of(world, 0, 0x2000), 4);
	assert_true(reads_of(world, LEND_PAGE_REST, 0) > 0);
	for (size_t i = 0, count = lend_function_pages(world->function, rows, 80, sizeof(*rows)); i < count;
	     i++)
		sum += rows[i].reads;
	assert_int_equal(sum, 4 + 0x100);
	stop(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(msix_by_the_loop),
		cmocka_unit_test(signals_are_counted_and_failures_said),
		cmocka_unit_test(one_that_cannot_be_detached_is_said),
		cmocka_unit_test(a_mask_loses_nothing),
		cmocka_unit_test(a_mask_before_the_loop_ran),
		cmocka_unit_test(refused_by_the_hypervisor),
		cmocka_unit_test(msi_by_the_loop),
		cmocka_unit_test(paths_and_counts),
		cmocka_unit_test(accesses_by_page),
	};

	return cmocka_run_group_tests_name("pci_loop", tests, NULL, NULL);
}
