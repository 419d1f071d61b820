/* SPDX-License-Identifier: MIT */
/*
 * What is done very often: starts and stops, masks with interrupts in between, decode toggles. Nothing
 * is lost, and what is held at the end is what was held after the first of them.
 */
#include <malloc.h>

#include <linux/pci_regs.h>

#include "lend/reset.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"
#include "tests/unit/open_files.h"

/* A mask and its unmask are two of MASKS, and so are decode on and off two of TOGGLES. */
enum { STARTS = 1000, MASKS = 20000, TOGGLES = 100000, VECTORS = 8, EACH = 16 };
enum { MSI = 0x60, MSIX_CONTROL = 0x53, MSIX_ENABLE = 0x80, COMMAND_HIGH = 5, NO_INTX = 4 };
enum { MSI_CONTROL = PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT | 3 << 1 | 3 << 4 };

#define ADDRESS UINT64_C(0xfee00000)

/* All that could grow. */
struct held {
	size_t memory;
	uint64_t log;
	unsigned fds, watches, maps, doorbells, routes;
};

static struct held held(const struct world *world)
{
	struct held now = {.memory = mallinfo2().uordblks,
			   .log = world->log_bytes,
			   .fds = open_fds(),
			   .watches = world->watch_count,
			   .maps = world->map_count,
			   .doorbells = world->device_ioeventfds + world->ioeventfd_count};

	for (unsigned i = 0; i < world->route_end; i++)
		now.routes += world->routes[i].set;
	return now;
}

static void no_more_than(const struct world *world, const struct held *before)
{
	struct held now = held(world);

	assert_true(now.memory <= before->memory);
	assert_int_equal(now.log, before->log);
	assert_int_equal(now.fds, before->fds);
	assert_int_equal(now.watches, before->watches);
	assert_int_equal(now.maps, before->maps);
	assert_int_equal(now.doorbells, before->doorbells);
	assert_int_equal(now.routes, before->routes);
}

static unsigned chance(void)
{
	static uint32_t state = 1;

	state = state * 1664525 + 1013904223;
	return state >> 8;
}

/* A drive with every kind of interrupt; it comes to life with its first reset, as all do. */
static struct world *start(bool by_loop)
{
	struct world *world = world_new();
	struct lend_reset_report report;

	world->mute = true;
	world_nvme(world);
	world_msi(world, MSI_CONTROL & ~(7 << 4), VECTORS);
	world->vectors[LEND_IRQ_INTX] = 1;
	world->function_config.no_msi_bypass = by_loop;
	world->function_config.no_msix_bypass = by_loop;
	world->function_config.no_intx_bypass = by_loop;
	assert_int_equal(world_open(world), 0);
	assert_int_equal(lend_context_reset(world->context, &world->function, 1, &report, sizeof(report)), 0);
	world_start(world);
	return world;
}

static void stop(struct world *world)
{
	world_close(world);
	world_free(world);
}

static void msix_on(struct world *world, bool on)
{
	world_write(world, MSIX_CONTROL, 1, on ? MSIX_ENABLE : 0);
	for (unsigned i = 0; on && i < VECTORS; i++)
		world_vector(world, i, ADDRESS, 0x40 + i, false);
}

static void msix_mask(struct world *world, unsigned vector, bool masked)
{
	world_vector(world, vector, ADDRESS, 0x40 + vector, masked);
}

static void msi_on(struct world *world, bool on)
{
	world_write(world, MSI + PCI_MSI_ADDRESS_LO, 4, (uint32_t)ADDRESS);
	world_write(world, MSI + PCI_MSI_DATA_64, 2, 0x40);
	world_write(world, MSI + PCI_MSI_FLAGS, 2, on ? MSI_CONTROL | PCI_MSI_FLAGS_ENABLE : 0);
}

static void msi_mask(struct world *world, unsigned vector, bool masked)
{
	uint32_t bits = world_read(world, MSI + PCI_MSI_MASK_64, 4);

	bits = masked ? bits | 1u << vector : bits & ~(1u << vector);
	world_write(world, MSI + PCI_MSI_MASK_64, 4, bits);
}

struct kind {
	void (*on)(struct world *world, bool on);
	void (*mask)(struct world *world, unsigned vector, bool masked);
};

static const struct kind msix = {msix_on, msix_mask}, msi = {msi_on, msi_mask};

/* What the device signalled while a vector was masked arrives once, when it is not any more. */
static void settle(struct world *world, const struct kind *kind, bool *masked, bool *owed, unsigned *sent)
{
	for (unsigned i = 0; i < VECTORS; i++) {
		if (masked[i])
			kind->mask(world, i, false);
		world_run(world);
		sent[i] += owed[i];
		masked[i] = owed[i] = false;
		assert_int_equal(world->routes[i].delivered, sent[i]);
	}
}

static void masks(const struct kind *kind, bool by_loop)
{
	struct world *world = start(by_loop);
	bool masked[VECTORS] = {false}, owed[VECTORS] = {false};
	unsigned sent[VECTORS] = {0}, done = 0;
	struct held before = {0};

	kind->on(world, true);
	while (done < MASKS) {
		unsigned v = chance() % VECTORS, what = chance() % 3;

		if (what == 0) {
			assert_true(world_interrupt(world, v));
			owed[v] |= masked[v];
			sent[v] += !masked[v];
			world_run(world);
		} else if (masked[v] == (what == 2)) {
			masked[v] = !masked[v];
			kind->mask(world, v, masked[v]);
			world_run(world);
			sent[v] += owed[v] && !masked[v];
			owed[v] &= masked[v];
			done++;
		}
		assert_int_equal(world->routes[v].delivered, sent[v]);
		if (done % (MASKS / EACH))
			continue;
		settle(world, kind, masked, owed, sent);
		if (!before.fds)
			before = held(world);
		no_more_than(world, &before);
	}
	settle(world, kind, masked, owed, sent);
	no_more_than(world, &before);
	kind->on(world, false);
	stop(world);
}

static void masks_of_messages(void **state)
{
	(void)state;
	for (unsigned by_loop = 0; by_loop < 2; by_loop++) {
		masks(&msix, by_loop);
		masks(&msi, by_loop);
	}
}

/* The guest's controller ends an interrupt, by KVM's way; by ours an access to the device does. */
static void serve_line(struct world *world, bool by_loop)
{
	if (by_loop)
		lend_function_bar_read(world->function, 0, 0x10, 4);
	else
		world_eoi(world);
	world_run(world);
}

/* The bit of COMMAND that masks the line comes and goes while the device raises it. */
static void masks_of_the_line(void **state)
{
	(void)state;
	for (unsigned by_loop = 0; by_loop < 2; by_loop++) {
		struct world *world = start(by_loop);
		unsigned high = world_read(world, COMMAND_HIGH, 1) & ~(unsigned)NO_INTX;
		struct held before = held(world);

		for (unsigned i = 0; i < MASKS / 2; i++) {
			unsigned had = world->line.delivered;

			world_write(world, COMMAND_HIGH, 1, high | NO_INTX);
			world_write(world, COMMAND_HIGH, 1, high);
			assert_true(world_raise(world));
			world_run(world);
			assert_true(by_loop ? world->line.raised : world->line.delivered == had + 1);
			serve_line(world, by_loop);
			assert_false(by_loop && world->line.raised);
		}
		no_more_than(world, &before);
		stop(world);
	}
}

/* Decode goes and comes; every few times the BAR comes back somewhere else. */
static void decode_toggles(void **state)
{
	struct world *world = start(false);
	uint32_t at = 0xe0000000;
	struct held before;

	(void)state;
	msix_on(world, true);
	before = held(world);
	for (unsigned i = 0; i < TOGGLES / 2; i++) {
		world_write(world, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
		assert_false(world->bars[0].placed);
		if (i % EACH == 0) {
			at ^= 0x1000000;
			world_write(world, PCI_BASE_ADDRESS_0, 4, at);
		}
		world_write(world, PCI_COMMAND, 2, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY);
		assert_true(world->bars[0].placed && world->bars[0].address == at);
		if (i % 1000)
			continue;
		assert_true(world_interrupt(world, 0));
		world_run(world);
		assert_int_equal(world->routes[0].delivered, i / 1000 + 1);
	}
	no_more_than(world, &before);
	stop(world);
}

/* One life of a device; world_close() asserts that nothing of it is left with monitor, kernel or IOMMU. */
static void live(unsigned number)
{
	struct world *world = start(number & 1);

	(number & 2 ? msix : msi).on(world, true);
	for (unsigned i = 0; i < VECTORS; i++) {
		assert_true(world_interrupt(world, i));
		world_run(world);
		assert_int_equal(world->routes[i].delivered, 1);
	}
	stop(world);
}

static void starts_and_stops(void **state)
{
	unsigned fds = open_fds();
	size_t memory = 0;

	(void)state;
	for (unsigned i = 0; i < STARTS; i++) {
		live(i);
		if (i == EACH)
			memory = mallinfo2().uordblks;
	}
	assert_int_equal(open_fds(), fds);
	assert_true(mallinfo2().uordblks <= memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(masks_of_messages),
		cmocka_unit_test(masks_of_the_line),
		cmocka_unit_test(decode_toggles),
		cmocka_unit_test(starts_and_stops),
	};

	return cmocka_run_group_tests_name("pci_soak", tests, NULL, NULL);
}
