/* SPDX-License-Identifier: MIT */
/* The exam (docs/security.md): the line, MSI and MSI-X. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>

#include <linux/pci_regs.h>

#include "lend/reset.h"
#include "lib/pci/function.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_private.h"
#include "tests/unit/test_pci.h"

enum { MSI = 0x60, MSI_ON = 1, ASK_32 = 5 << 4, OFFER_32 = 5 << 1, MSIX_CONTROL = 0x53, MSIX_ON = 0x80 };

/* MSI of 32 vectors with masks, and nothing else that interrupts. */
static struct world *start_msi(void)
{
	struct world *world = world_new();

	world_bar(world, 0, 0, 0x1000);
	world_msi(world, OFFER_32 | PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT, 32);
	start(world);
	world_start(world);
	world_write(world, MSI + PCI_MSI_ADDRESS_LO, 4, 0xfee00000);
	world_clear(world);
	return world;
}

/* A line, MSI and MSI-X. */
static struct world *start_all(void)
{
	struct world *world = world_new();
	struct lend_reset_report report;

	world_nvme(world);
	world_msi(world, PCI_MSI_FLAGS_64BIT, 1);
	world->vectors[LEND_IRQ_INTX] = 1;
	start(world);
	/* A function comes to life with its first reset. */
	assert_int_equal(lend_context_reset(world->context, &world->function, 1, &report, sizeof(report)), 0);
	world_start(world);
	world_write(world, MSI + PCI_MSI_ADDRESS_LO, 4, 0xfee00000);
	world_clear(world);
	return world;
}

static void set_msi(struct world *world, unsigned control)
{
	world_write(world, MSI + PCI_MSI_FLAGS, 2, control);
}

static unsigned delivered(struct world *world, unsigned vector)
{
	unsigned before = world->routes[vector].delivered;

	if (world_interrupt(world, vector))
		world_run(world);
	return world->routes[vector].delivered - before;
}

/* Whatever the guest does to its mask bits, the device's are the host's. */
static void xsa_129_masks_stay_with_us(void **state)
{
	struct world *world = start_msi();

	(void)state;
	set_msi(world, ASK_32 | MSI_ON);
	for (unsigned i = 0; i < 32; i++) {
		world_write(world, MSI + PCI_MSI_MASK_64, 4, 1u << i);
		assert_int_equal(world_read(world, MSI + PCI_MSI_MASK_64, 4), 1u << i);
		world_write(world, MSI + PCI_MSI_MASK_64 + i % 4, 1, 0xff);
	}
	assert_int_equal(world_count(world, "cfg_write"), 0);
	stop(world);
	world = start_all();
	for (unsigned i = 0; i < 4; i++)
		world_write(world, MSIX_CONTROL, 1, i << 6);
	assert_int_equal(world_count(world, "cfg_write"), 0);
	assert_int_equal(world_count(world, "bar_write"), 0);
	stop(world);
}

/* The kernel gives k of n vectors, or fails at one of the calls: the next try finds nothing in its way. */
static void xsa_458_k_of_n_vectors(void **state)
{
	struct world *world = start_msi();

	(void)state;
	world->mute = true;
	for (unsigned k = 1; k < 32; k++) {
		world->grant = k;
		set_msi(world, ASK_32 | MSI_ON);
		assert_int_equal(delivered(world, k - 1), 1);
		assert_int_equal(world->irq_fds[k], -1);
		set_msi(world, 0);
		assert_false(world->msix_on);
	}
	world->grant = 0;
	for (unsigned k = 1; k < 80; k++) {
		world->fail_at = world->calls + k;
		set_msi(world, ASK_32 | MSI_ON);
		/* Whoever has no trigger has no irqfd either. */
		for (unsigned i = 0; i < 32; i++)
			assert_true(world->irq_fds[i] >= 0 || world->routes[i].attached < 0);
		world->fail_at = 0;
		set_msi(world, 0);
		set_msi(world, ASK_32 | MSI_ON);
		for (unsigned i = 0; i < 32; i++)
			assert_int_equal(delivered(world, i), 1);
		set_msi(world, 0);
	}
	stop(world);
}

/* The transport as it is, but for the looks that a test takes. */
static struct {
	struct transport_ops ops;
	struct world *world;
	unsigned looks;
} watched;

static void watch_transport(struct world *world)
{
	watched.ops = fake_transport;
	watched.world = world;
	watched.looks = 0;
	world->device->ops = &watched.ops;
}

static void expect_locked(void)
{
	assert_int_equal(pthread_mutex_trylock(&watched.world->function->lock), EBUSY);
	watched.looks++;
}

static int write_locked(void *dev, unsigned region, uint64_t offset, const void *data, unsigned length)
{
	if (region == LEND_REGION_CONFIG)
		expect_locked();
	return fake_transport.write(dev, region, offset, data, length);
}

static int set_irqs_locked(void *dev, const struct backend_irqs *irqs)
{
	expect_locked();
	return fake_transport.set_irqs(dev, irqs);
}

/* A write of Interrupt Disable and a change of the interrupts never meet in the kernel. */
static void cve_2024_26810_one_at_a_time(void **state)
{
	struct world *world = start_all();

	(void)state;
	watch_transport(world);
	watched.ops.write = write_locked;
	watched.ops.set_irqs = set_irqs_locked;
	for (unsigned i = 0; i < 4; i++) {
		world_write(world, PCI_COMMAND, 2, i & 1 ? PCI_COMMAND_INTX_DISABLE : 0);
		lend_function_line_changed(world->function);
		world_write(world, MSIX_CONTROL, 1, i & 1 ? MSIX_ON : 0);
	}
	lend_function_quiesce(world->function);
	assert_true(watched.looks > 12);
	world->device->ops = &fake_transport;
	stop(world);
}

/* Before the trigger goes, the unmask eventfd is gone; both are still open when it does. */
static int set_irqs_in_order(void *dev, const struct backend_irqs *irqs)
{
	const struct intx *intx = &watched.world->function->intx;

	if (irqs->index == LEND_IRQ_INTX && irqs->action == BACKEND_IRQ_TRIGGER && !irqs->count) {
		assert_int_equal(watched.world->intx_unmask_fd, -1);
		assert_true(fcntl(intx->fd, F_GETFD) >= 0);
		assert_true(intx->resample >= 0 && fcntl(intx->resample, F_GETFD) >= 0);
		watched.looks++;
	}
	return fake_transport.set_irqs(dev, irqs);
}

static void cve_2024_26812_unmask_trigger_descriptors(void **state)
{
	struct world *world = start_all();

	(void)state;
	watch_transport(world);
	watched.ops.set_irqs = set_irqs_in_order;
	world_write(world, MSIX_CONTROL, 1, MSIX_ON);
	world_write(world, MSIX_CONTROL, 1, 0);
	lend_function_line_changed(world->function);
	set_msi(world, MSI_ON);
	set_msi(world, 0);
	lend_function_quiesce(world->function);
	assert_int_equal(watched.looks, 3);
	world->device->ops = &fake_transport;
	stop(world);
}

/* The fake monitor keeps the rule as well: an eventfd on a route that is not committed breaks it. */
static void ch_3827_route_before_irqfd(void **state)
{
	struct world *world = start_all();

	(void)state;
	world_write(world, MSIX_CONTROL, 1, MSIX_ON);
	world_clear(world);
	world_vector(world, 3, 0xfee00000, 7, false);
	world_expect_order(world, "msi_set 3", "msi_commit", "attach 3", NULL);
	world_clear(world);
	world_write(world, MSIX_CONTROL, 1, 0);
	world_expect_order(world, "detach 3", "msi_free 3", "msi_commit", NULL);
	world_vector(world, 4, 0xfee00000, 7, false);
	world_write(world, MSIX_CONTROL, 1, MSIX_ON);
	world_clear(world);
	lend_function_quiesce(world->function);
	world_expect_order(world, "detach 4", "msi_free 4", "msi_commit", NULL);
	stop(world);
}

/* A masked vector keeps its route, and what came meanwhile comes at the unmask. */
static void ch_b77fdeba2_masking_loses_nothing(void **state)
{
	struct world *world = start_all();

	(void)state;
	world_vector(world, 3, 0xfee00000, 7, false);
	world_write(world, MSIX_CONTROL, 1, MSIX_ON);
	for (unsigned i = 0; i < 10; i++) {
		world_clear(world);
		world_vector(world, 3, 0xfee00000, 7, true);
		assert_int_equal(world_count(world, "msi_free"), 0);
		assert_int_equal(world_count(world, "irqs"), 0);
		assert_int_equal(delivered(world, 3), 0);
		world_vector(world, 3, 0xfee00000, 7, false);
		world_run(world);
		assert_int_equal(world->routes[3].delivered, i + 1);
	}
	stop(world);
}

/* Only the kernel sets and clears the device's enable bits. A write of ours could undo what it set. */
static void ch_23929f41a_enable_is_the_kernels(void **state)
{
	struct world *world = start_all();

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		world_write(world, MSIX_CONTROL, 1, MSIX_ON);
		world_write(world, MSIX_CONTROL, 1, 0);
		world_write(world, MSIX_CONTROL - 1, 2, MSIX_ON << 8);
		world_write(world, MSIX_CONTROL - 1, 2, 0);
		set_msi(world, MSI_ON);
		set_msi(world, 0);
	}
	assert_true(world_count(world, "irqs") > 8);
	assert_int_equal(world_count(world, "cfg_write"), 0);
	stop(world);
}

static void ch_363b47804_msi_alone(void **state)
{
	struct world *world = start_msi();

	(void)state;
	set_msi(world, ASK_32 | MSI_ON);
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(delivered(world, i), 1);
	stop(world);
}

static void kvmtool_a1ff6f8_the_line_comes_back(void **state)
{
	struct world *world = start_all();

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		world_clear(world);
		if (i & 1) {
			set_msi(world, MSI_ON);
			set_msi(world, 0);
		} else {
			world_write(world, MSIX_CONTROL, 1, MSIX_ON);
			world_write(world, MSIX_CONTROL, 1, 0);
		}
		world_expect_order(world, "intx off", "irqs off", "intx on", NULL);
		assert_true(world_raise(world));
		world_run(world);
		assert_int_equal(world->line.delivered, i + 1);
		world_eoi(world);
	}
	stop(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xsa_129_masks_stay_with_us),
		cmocka_unit_test(xsa_458_k_of_n_vectors),
		cmocka_unit_test(cve_2024_26810_one_at_a_time),
		cmocka_unit_test(cve_2024_26812_unmask_trigger_descriptors),
		cmocka_unit_test(ch_3827_route_before_irqfd),
		cmocka_unit_test(ch_b77fdeba2_masking_loses_nothing),
		cmocka_unit_test(ch_23929f41a_enable_is_the_kernels),
		cmocka_unit_test(ch_363b47804_msi_alone),
		cmocka_unit_test(kvmtool_a1ff6f8_the_line_comes_back),
	};

	return cmocka_run_group_tests_name("exam_interrupts", tests, NULL, NULL);
}
