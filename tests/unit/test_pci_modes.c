/* SPDX-License-Identifier: MIT */
/*
 * All ways to interrupt, one after the other (spec 6; XSA-157): from each of
 * none, INTx, MSI and MSI-X to each, on a device that has all three,
 * undisturbed and with each call failing in turn.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lend/reset.h"
#include "lib/pci/function.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_private.h"
#include "tests/unit/fake_world.h"

enum { MSIX_CONTROL = 0x53, MSIX_ENABLE = 0x80, MSI = 0x60, MSI_ENABLE = 1, ASK_4 = 2 << 4, MODES = 4 };

static const char *const names[MODES] = {"none", "INTx", "MSI", "MSI-X"};

/* An NVMe drive with a pin, four vectors of MSI and 64 of MSI-X; nothing is on yet. */
static struct world *start(bool bypass)
{
	struct world *world = world_new();

	world_nvme(world);
	world_msi(world, 2 << 1 | PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT, 4);
	world->vectors[LEND_IRQ_INTX] = 1;
	world->function_config.intx_timeout_ms = 1100;
	world->function_config.no_intx_bypass = !bypass;
	world->function_config.no_msi_bypass = world->function_config.no_msix_bypass = !bypass;
	assert_int_equal(world_open(world), 0);
	world_start(world);
	return world;
}

static void stop(struct world *world)
{
	world_close(world);
	world_free(world);
}

static void reset(struct world *world)
{
	struct lend_reset_report report;

	lend_context_reset(world->context, &world->function, 1, &report, sizeof(report));
	world_start(world);
}

static void msi_on(struct world *world)
{
	world_write(world, MSI + PCI_MSI_ADDRESS_LO, 4, 0xfee00000);
	world_write(world, MSI + PCI_MSI_DATA_64, 2, 0x40);
	world_write(world, MSI + PCI_MSI_FLAGS, 2, ASK_4 | MSI_ENABLE);
}

static void msix_on(struct world *world)
{
	world_vector(world, 0, 0xfee00000, 0x50, false);
	world_write(world, MSIX_CONTROL, 1, MSIX_ENABLE);
}

static enum mode now(const struct world *world)
{
	return world->function->mode;
}

/*
 * What a guest does to get there. The new one goes on while the old one is
 * still on, and the old one off after it, as well as the other way round.
 */
static void go(struct world *world, enum mode to, bool first_off)
{
	if (to == MODE_NONE) {
		lend_function_quiesce(world->function);
		return;
	}
	if (now(world) == MODE_NONE) /* stopped: it is turned on by a reset */
		reset(world);
	if (first_off || to == MODE_INTX) {
		world_write(world, MSIX_CONTROL, 1, 0);
		world_write(world, MSI + PCI_MSI_FLAGS, 2, 0);
	}
	if (to == MODE_MSI)
		msi_on(world);
	if (to == MODE_MSIX)
		msix_on(world);
	if (to == MODE_MSI)
		world_write(world, MSIX_CONTROL, 1, 0);
	if (to == MODE_MSIX)
		world_write(world, MSI + PCI_MSI_FLAGS, 2, 0);
}

/* Exactly one way is on in VFIO and in the monitor, and an interrupt arrives by it. */
static void check(struct world *world, enum mode mode, bool bypass)
{
	unsigned before = world->line.delivered + world->routes[0].delivered;

	assert_int_equal(now(world), mode);
	assert_int_equal(world->intx_fd >= 0, mode == MODE_INTX);
	assert_int_equal(world->line.attached >= 0, mode == MODE_INTX && bypass);
	assert_int_equal(world->msix_on, mode == MODE_MSI || mode == MODE_MSIX);
	assert_int_equal(world->routes[0].set, mode == MODE_MSI || mode == MODE_MSIX);
	assert_int_equal(world->routes[3].set, mode == MODE_MSI);
	assert_false(world->line.raised);
	if (mode >= MODE_MSI) {
		assert_int_equal(world->irq_index, mode == MODE_MSI ? LEND_IRQ_MSI : LEND_IRQ_MSIX);
		assert_true(world_interrupt(world, 0));
		assert_int_equal(world->routes[0].data, mode == MODE_MSI ? 0x40 : 0x50);
	}
	assert_int_equal(world_raise(world), mode == MODE_INTX);
	world_run(world);
	if (mode == MODE_INTX && !bypass) {
		assert_true(world->line.raised);
		lend_function_bar_read(world->function, 0, 0, 4);
		assert_false(world->line.raised);
	} else {
		assert_int_equal(world->line.delivered + world->routes[0].delivered,
				 before + (mode == MODE_NONE ? 0 : 1));
	}
	world_eoi(world);
}

static void xsa_157_every_transition(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MODES * MODES * 4; i++) {
		enum mode from = (enum mode)(i / MODES % MODES), to = (enum mode)(i % MODES);
		bool bypass = i & 16, first_off = i & 32;
		struct world *world = start(bypass);

		go(world, from, false);
		check(world, from == MODE_NONE ? MODE_NONE : from, bypass);
		if (from == MODE_NONE)
			world_start(world);
		world_clear(world);
		go(world, to, first_off);
		check(world, to, bypass);
		if (from != MODE_NONE) /* the line is back by itself */
			assert_int_equal(world_count(world, "reset"), 0);
		stop(world);
	}
}

/* The Nth call of a transition fails, and maybe the machine ends; returns how many calls it made. */
static unsigned disturbed(enum mode from, enum mode to, bool bypass, unsigned n, bool ends)
{
	struct world *world = start(bypass);
	unsigned before, calls;

	go(world, from, false);
	world_start(world);
	if (from == MODE_INTX && world_raise(world)) /* it leaves with its line up */
		world_run(world);
	before = world->calls;
	world->fail_at = n ? before + n : 0;
	go(world, to, false);
	calls = world->calls - before;
	world->fail_at = 0;
	if (now(world) != to && now(world) != MODE_NONE && now(world) != MODE_INTX && now(world) != from)
		fail_msg("%s to %s, call %u: %s", names[from], names[to], n, names[now(world)]);
	/* Whatever failed, the function has not lost any way: each still works after a reset. */
	for (unsigned mode = MODE_NONE; mode < MODES && !ends; mode++) {
		reset(world);
		go(world, (enum mode)mode, false);
		check(world, (enum mode)mode, bypass);
		if (mode == MODE_NONE)
			world_start(world);
	}
	stop(world);
	return calls;
}

static void xsa_157_each_call_fails(void **state)
{
	unsigned total = 0;

	(void)state;
	for (unsigned i = 0; i < MODES * MODES * 2; i++) {
		enum mode from = (enum mode)(i / MODES % MODES), to = (enum mode)(i % MODES);
		bool bypass = i & 16;
		unsigned last = disturbed(from, to, bypass, 0, false);

		for (unsigned n = 1; n <= last; n++) {
			disturbed(from, to, bypass, n, false);
			disturbed(from, to, bypass, n, true);
		}
		if (from != to && to != MODE_NONE)
			assert_true(last > 0);
		print_message("%s to %s%s: calls 1 to %u failed in turn\n", names[from], names[to],
			      bypass ? "" : " by the loop", last);
		total += last;
	}
	assert_true(total > 200);
}

/* VFIO knows messages by the index that they were turned on with: until that is off, no other can be on. */
static struct transport_ops stubborn;
static unsigned refusals;

static int stubborn_set_irqs(void *dev, const struct backend_irqs *irqs)
{
	if (irqs->index == LEND_IRQ_MSI && !irqs->count && refusals) {
		refusals--;
		return -EIO;
	}
	assert_true(irqs->index != LEND_IRQ_MSIX || !refusals);
	return fake_transport.set_irqs(dev, irqs);
}

static void messages_that_stay_on_are_turned_off_first(void **state)
{
	struct world *world = start(true);

	(void)state;
	stubborn = fake_transport;
	stubborn.set_irqs = stubborn_set_irqs;
	world->device->ops = &stubborn;
	msi_on(world);
	assert_int_equal(world->function->mode, MODE_MSI);
	/* MSI does not go off, nor when the line is wanted, nor when MSI-X is: all stays off. */
	refusals = 3;
	world_write(world, MSI + PCI_MSI_FLAGS, 2, ASK_4);
	msix_on(world);
	assert_int_equal(world->function->mode, MODE_NONE);
	assert_int_equal(refusals, 0);
	/* The next time that the guest asks, it goes off, and MSI-X comes. */
	world_write(world, MSIX_CONTROL, 1, 0);
	msix_on(world);
	assert_int_equal(world->function->mode, MODE_MSIX);
	world->device->ops = &fake_transport;
	stop(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xsa_157_every_transition),
		cmocka_unit_test(xsa_157_each_call_fails),
		cmocka_unit_test(messages_that_stay_on_are_turned_off_first),
	};

	return cmocka_run_group_tests_name("pci_modes", tests, NULL, NULL);
}
