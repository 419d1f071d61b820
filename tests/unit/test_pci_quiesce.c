/* SPDX-License-Identifier: MIT */
/* Stopping a function: the order, what the guest and the device have then, and what goes wrong is said. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include <linux/pci_regs.h>

#include "tests/unit/fake_private.h"
#include "tests/unit/test_pci.h"

static struct world *running(void)
{
	struct world *world = world_new();

	world_nvme(world);
	assert_int_equal(world_open(world), 0);
	world_start(world);
	world_write(world, 0x53, 1, 0x80);
	world_vector(world, 0, 0xfee00000, 1, false);
	world_clear(world);
	return world;
}

/* XSA-302: interrupts, BARs, bus master, and only then the device is closed and memory unmapped. */
static void xsa_302_quiesce_order(void **state)
{
	struct world *world = running();
	struct lend_range range = {.iova = 0x100000, .length = 0x1000, .va = (void *)0x10000, .fd = -1};

	(void)state;
	assert_int_equal(lend_space_map(world->space, &range, 1, NULL), 0);
	world_clear(world);
	lend_function_free(world->function);
	world->function = NULL;
	lend_device_close(world->device);
	world->device = NULL;
	lend_space_free(world->space);
	world->space = NULL;
	world_expect_order(world, "detach 0", "irqs off", "msi_free 0", "msi_commit", "dma_unmap e0000000",
			   "dma_unmap e0003000", "unmap 0", "commit", "cfg_write 4 2 0", "cfg_read 8a 2",
			   "close", "dma_unmap 100000", "domain_close", NULL);
	stop(world);
}

static void quiesce_twice_does_nothing_more(void **state)
{
	struct world *world = running();

	(void)state;
	lend_function_quiesce(world->function);
	world_clear(world);
	lend_function_quiesce(world->function);
	assert_int_equal(world_count(world, "cfg_"), 0);
	assert_int_equal(world_count(world, "begin"), 0);
	assert_int_equal(world_count(world, "irqs"), 0);
	stop(world);
}

static void pending_transactions_are_waited_for(void **state)
{
	struct world *world = running();
	struct timespec from, to;
	double ms;

	(void)state;
	world_set(world, 0x80 + PCI_EXP_DEVSTA, 2, PCI_EXP_DEVSTA_TRPND);
	clock_gettime(CLOCK_MONOTONIC, &from);
	lend_function_quiesce(world->function);
	clock_gettime(CLOCK_MONOTONIC, &to);
	ms = (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
	assert_true(ms >= 990 && ms < 60000);
	assert_int_equal(world->log_lines, 1);
	world_set(world, 0x80 + PCI_EXP_DEVSTA, 2, 0);
	stop(world);
}

/* What the guest turned on is off, and the rest of those registers is as it was. */
static void what_was_on_is_off(void **state)
{
	struct world *world = running();

	(void)state;
	world_write(world, PCI_COMMAND, 2,
		    PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE | PCI_COMMAND_SERR);
	lend_function_quiesce(world->function);
	assert_int_equal(world_read(world, 0x50 + PCI_MSIX_FLAGS, 2), 63);
	assert_int_equal(world_read(world, PCI_COMMAND, 2), PCI_COMMAND_SERR);
	assert_int_equal(world_get(world, PCI_COMMAND, 2), PCI_COMMAND_SERR);
	stop(world);
	world = world_new();
	world_msi(world, PCI_MSI_FLAGS_64BIT | 2 << 1, 4);
	start(world);
	world_write(world, 0x60 + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE | 2 << 4);
	assert_int_equal(world_read(world, 0x60 + PCI_MSI_FLAGS, 2) & PCI_MSI_FLAGS_ENABLE, 1);
	lend_function_quiesce(world->function);
	assert_int_equal(world_read(world, 0x60 + PCI_MSI_FLAGS, 2), PCI_MSI_FLAGS_64BIT | 2 << 1);
	stop(world);
}

static unsigned lost; /* a register whose writes fail, or are lost */
static int how;

static int losing_write(void *dev, unsigned region, uint64_t offset, const void *data, unsigned length)
{
	if (region == LEND_REGION_CONFIG && offset == lost)
		return how ? how : (int)length;
	return fake_transport.write(dev, region, offset, data, length);
}

/* A bus master that cannot be turned off, and a power state that the device does not leave. */
static void what_the_device_does_not_do_is_said(void **state)
{
	static const struct {
		unsigned at;
		int how;
		const char *said;
	} rows[] = {
		{PCI_COMMAND, -EIO, "cannot turn its bus master off"},
		{0x44, 0, "does not leave power state D3"},
	};
	struct transport_ops ops = fake_transport;

	(void)state;
	ops.write = losing_write;
	for (unsigned i = 0; i < 2; i++) {
		struct world *world = running();
		struct lend_reset_report report;

		world_write(world, 0x44, 2, 3);
		assert_int_equal(world->log_lines, 0);
		lost = rows[i].at;
		how = rows[i].how;
		world->device->ops = &ops;
		lend_context_reset(world->context, &world->function, 1, &report, sizeof(report));
		assert_int_equal(world->log_lines, 1);
		assert_non_null(strstr(world->last_log, rows[i].said));
		world->device->ops = &fake_transport;
		stop(world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xsa_302_quiesce_order),
		cmocka_unit_test(quiesce_twice_does_nothing_more),
		cmocka_unit_test(pending_transactions_are_waited_for),
		cmocka_unit_test(what_was_on_is_off),
		cmocka_unit_test(what_the_device_does_not_do_is_said),
	};

	return cmocka_run_group_tests_name("pci_quiesce", tests, NULL, NULL);
}
