/* SPDX-License-Identifier: MIT */
/*
 * Interrupts in every order: all sequences of six steps of the guest (masks,
 * enable, disable), the device (an interrupt) and the loop (which runs when the
 * scheduler here says so), against three rules. None is lost: what was
 * signalled while the mode was on has arrived once the guest listens again.
 * None is made up: no more arrive than were signalled. None arrives masked.
 *
 * One world serves all sequences of a kind; each ends with the mode off.
 */
#include <stdio.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"

enum { DEPTH = 6, STEPS_MAX = 8, MSIX_FLAGS = 0x52, MSI_FLAGS = 0x62, MSI_MASK = 0x70, TABLE = 0x2000 };

/* What the guest sees of the vector under test, and what is owed to it. */
struct model {
	struct world *world;
	bool on, masked_all, masked; /* as the guest set them */
	unsigned signalled;          /* since the mode went on */
	unsigned seen;               /* deliveries that were checked */
	bool owed;
};

struct kind {
	const char *name;
	void (*describe)(struct world *world);
	void (*steps[STEPS_MAX])(struct model *model); /* NULL ends */
	unsigned (*delivered)(const struct world *world);
	bool (*quiet)(const struct model *model); /* nothing may arrive now */
	void (*listen)(struct model *model);      /* the guest unmasks all, if the mode is on */
};

static char trail[128];

static void check(const struct kind *kind, struct model *model, bool was_quiet)
{
	unsigned now = kind->delivered(model->world);

	if (now > model->seen && was_quiet && kind->quiet(model))
		fail_msg("%s:%s: an interrupt arrived while masked or off", kind->name, trail);
	if (now > model->seen)
		model->owed = false;
	model->seen = now;
}

static void step(const struct kind *kind, struct model *model, unsigned which)
{
	bool quiet = kind->quiet(model);
	size_t length = strlen(trail);

	snprintf(trail + length, sizeof(trail) - length, " %u", which);
	kind->steps[which](model);
	check(kind, model, quiet);
}

static void sequence(const struct kind *kind, struct model *model, const unsigned *steps)
{
	unsigned before = kind->delivered(model->world);

	trail[0] = '\0';
	model->seen = before;
	model->signalled = 0;
	model->owed = false;
	for (unsigned i = 0; i < DEPTH; i++)
		step(kind, model, steps[i]);
	kind->listen(model);
	world_run(model->world);
	check(kind, model, false);
	if (model->owed)
		fail_msg("%s:%s: an interrupt was lost", kind->name, trail);
	if (model->seen - before > model->signalled)
		fail_msg("%s:%s: %u signalled, %u arrived", kind->name, trail, model->signalled,
			 model->seen - before);
}

static void every_order(const struct kind *kind, void (*rest)(struct model *model))
{
	struct world *world = world_new();
	struct model model = {.world = world};
	unsigned steps[DEPTH] = {0}, count = 0, total = 0, i;

	while (count < STEPS_MAX && kind->steps[count])
		count++;
	kind->describe(world);
	assert_int_equal(world_open(world), 0);
	world->mute = true;
	world_start(world);
	rest(&model);
	do {
		sequence(kind, &model, steps);
		rest(&model);
		total++;
		for (i = 0; i < DEPTH && ++steps[i] == count; i++)
			steps[i] = 0;
	} while (i < DEPTH);
	print_message("%s: %u orders of %u steps\n", kind->name, total, count);
	assert_true(total >= 15625);
	world_close(world);
	world_free(world);
}

/* Steps that all kinds share. */

static void signal_vector(struct model *model)
{
	if (world_interrupt(model->world, 0) && model->on) {
		model->signalled++;
		model->owed = true;
	}
}

static void loop_runs(struct model *model)
{
	world_run(model->world);
}

static unsigned delivered(const struct world *world)
{
	return world->routes[0].delivered;
}

static bool quiet(const struct model *model)
{
	return !model->on || model->masked_all || model->masked;
}

/* MSI-X */

static void msix_control(struct model *model)
{
	world_write(model->world, MSIX_FLAGS, 2,
		    (model->on ? PCI_MSIX_FLAGS_ENABLE : 0) |
			    (model->masked_all ? PCI_MSIX_FLAGS_MASKALL : 0));
}

static void msix_mask(struct model *model)
{
	model->masked = true;
	lend_function_bar_write(model->world->function, 0, TABLE + 12, 4, 1);
}

static void msix_unmask(struct model *model)
{
	model->masked = false;
	lend_function_bar_write(model->world->function, 0, TABLE + 12, 4, 0);
}

static void msix_mask_all(struct model *model)
{
	model->masked_all = true;
	msix_control(model);
}

static void msix_unmask_all(struct model *model)
{
	model->masked_all = false;
	msix_control(model);
}

/* What is pending when the mode goes off is the guest's to lose (PCI Local Bus 3.0, 6.8.3.4). */
static void msix_toggle(struct model *model)
{
	model->on = !model->on;
	msix_control(model);
	model->owed = model->owed && model->on;
}

static void msix_listen(struct model *model)
{
	msix_unmask_all(model);
	msix_unmask(model);
}

static void msix_rest(struct model *model)
{
	model->on = model->masked_all = false;
	msix_control(model);
	world_run(model->world);
	world_vector(model->world, 0, 0xfee00000, 1, false);
	model->masked = false;
	model->on = true;
	msix_control(model);
}

static void describe_msix(struct world *world)
{
	world_nvme(world);
}

static void describe_noresize(struct world *world)
{
	world_nvme(world);
	world->noresize = true;
}

static void describe_msix_loop(struct world *world)
{
	world_nvme(world);
	world->function_config.no_msix_bypass = true;
}

#define MSIX_STEPS                                                                                           \
	{                                                                                                    \
		msix_mask, msix_unmask, msix_mask_all, msix_unmask_all, msix_toggle, signal_vector,          \
			loop_runs, NULL                                                                      \
	}

static void msix(void **state)
{
	static const struct kind kind = {"MSI-X", describe_msix, MSIX_STEPS, delivered, quiet, msix_listen};

	(void)state;
	every_order(&kind, msix_rest);
}

static void msix_noresize(void **state)
{
	static const struct kind kind = {"MSI-X without dynamic vectors",
					 describe_noresize,
					 MSIX_STEPS,
					 delivered,
					 quiet,
					 msix_listen};

	(void)state;
	every_order(&kind, msix_rest);
}

static void msix_by_the_loop(void **state)
{
	static const struct kind kind = {
		"MSI-X by the loop", describe_msix_loop, MSIX_STEPS, delivered, quiet, msix_listen};

	(void)state;
	every_order(&kind, msix_rest);
}

/* MSI with masks of its vectors */

static void msi_control(struct model *model)
{
	world_write(model->world, MSI_FLAGS, 2, model->on ? PCI_MSI_FLAGS_ENABLE : 0);
}

static void msi_mask(struct model *model)
{
	model->masked = true;
	world_write(model->world, MSI_MASK, 4, 1);
}

static void msi_unmask(struct model *model)
{
	model->masked = false;
	world_write(model->world, MSI_MASK, 4, 0);
}

static void msi_toggle(struct model *model)
{
	model->on = !model->on;
	msi_control(model);
	model->owed = model->owed && model->on;
}

/* A new message while it is on: what is signalled goes to the old one or the new one, but goes. */
static void msi_rewrite(struct model *model)
{
	world_write(model->world, 0x6c, 2, world_read(model->world, 0x6c, 2) ^ 1);
}

static void msi_rest(struct model *model)
{
	model->on = false;
	msi_control(model);
	world_run(model->world);
	world_write(model->world, 0x64, 4, 0xfee00000);
	msi_unmask(model);
	model->on = true;
	msi_control(model);
}

static void describe_msi(struct world *world)
{
	world_bar(world, 0, 0, 0x1000);
	world_msi(world, PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT, 1);
}

static void describe_msi_loop(struct world *world)
{
	describe_msi(world);
	world->function_config.no_msi_bypass = true;
}

#define MSI_STEPS                                                                                            \
	{                                                                                                    \
		msi_mask, msi_unmask, msi_toggle, msi_rewrite, signal_vector, loop_runs, NULL                \
	}

static void msi(void **state)
{
	static const struct kind kind = {"MSI", describe_msi, MSI_STEPS, delivered, quiet, msi_unmask};

	(void)state;
	every_order(&kind, msi_rest);
}

static void msi_by_the_loop(void **state)
{
	static const struct kind kind = {"MSI by the loop", describe_msi_loop, MSI_STEPS, delivered, quiet,
					 msi_unmask};

	(void)state;
	every_order(&kind, msi_rest);
}

/*
 * The line: a level, so the rule is another one. The device asserts until the
 * guest has served it; then the line must be down and the kernel's mask gone.
 */

static void line_asserts(struct model *model)
{
	model->owed = true;
	world_raise(model->world);
}

/* The guest serves the device by a BAR access, and ends the interrupt at its controller. */
static void line_served(struct model *model)
{
	if (!model->world->line.raised && model->world->line.attached < 0)
		return; /* it does not know of any */
	model->owed = false;
	lend_function_bar_read(model->world->function, 0, 0, 4);
	world_eoi(model->world);
}

static void line_timer(struct model *model)
{
	world_timer(model->world);
}

static void line_off(struct model *model)
{
	world_write(model->world, PCI_COMMAND, 2,
		    world_read(model->world, PCI_COMMAND, 2) | PCI_COMMAND_INTX_DISABLE);
}

static void line_on(struct model *model)
{
	world_write(model->world, PCI_COMMAND, 2,
		    world_read(model->world, PCI_COMMAND, 2) & ~(uint32_t)PCI_COMMAND_INTX_DISABLE);
}

static void line_rerouted(struct model *model)
{
	lend_function_line_changed(model->world->function);
}

static unsigned line_delivered(const struct world *world)
{
	return world->line.delivered;
}

static bool never(const struct model *model)
{
	(void)model;
	return false;
}

/* Still asserting, it is heard again; served, it is down and can be heard. */
static void line_listen(struct model *model)
{
	struct world *world = model->world;

	line_on(model);
	for (unsigned i = 0; i < 2; i++) {
		if (model->owed)
			world_raise(world); /* a level does not go away */
		world_run(world);
		if (model->owed && !world->line.raised && world->line.attached < 0 && world->intx_masked)
			fail_msg("line:%s: masked for good, and the guest does not know", trail);
		lend_function_bar_read(world->function, 0, 0, 4);
		world_eoi(world);
	}
	model->owed = false;
	world_run(world);
	assert_false(world->line.raised);
	if (world->intx_masked)
		fail_msg("line:%s: the kernel's mask stays after the guest has served it", trail);
	model->signalled = UINT16_MAX; /* a level may be heard more than once */
	model->seen = 0;
}

static void line_rest(struct model *model)
{
	model->world->line.delivered = 0;
	line_on(model);
}

static void describe_line(struct world *world)
{
	world_bar(world, 0, 0, 0x1000);
	world->vectors[LEND_IRQ_INTX] = 1;
}

static void describe_line_loop(struct world *world)
{
	describe_line(world);
	world->function_config.no_intx_bypass = true;
	world->function_config.intx_timeout_ms = 1100;
}

#define LINE_STEPS                                                                                           \
	{                                                                                                    \
		line_asserts, line_served, line_timer, line_off, line_on, line_rerouted, loop_runs, NULL     \
	}

static void start_line(struct model *model)
{
	struct lend_reset_report report;

	if (model->world->intx_fd < 0) {
		lend_context_reset(model->world->context, &model->world->function, 1, &report,
				   sizeof(report));
		world_start(model->world);
	}
	line_rest(model);
}

static void line(void **state)
{
	static const struct kind kind = {"line",         describe_line, LINE_STEPS,
					 line_delivered, never,         line_listen};

	(void)state;
	every_order(&kind, start_line);
}

static void line_by_the_loop(void **state)
{
	static const struct kind kind = {
		"line by the loop", describe_line_loop, LINE_STEPS, line_delivered, never, line_listen};

	(void)state;
	every_order(&kind, start_line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(msix),
		cmocka_unit_test(msix_noresize),
		cmocka_unit_test(msix_by_the_loop),
		cmocka_unit_test(msi),
		cmocka_unit_test(msi_by_the_loop),
		cmocka_unit_test(line),
		cmocka_unit_test(line_by_the_loop),
	};

	return cmocka_run_group_tests_name("pci_orders", tests, NULL, NULL);
}
