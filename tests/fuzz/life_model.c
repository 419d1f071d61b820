/* SPDX-License-Identifier: MIT */
/* See life_model.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "tests/fuzz/life_model.h"
#include "tests/unit/cmocka.h"

enum { PAGE = 4096, INTERNAL = 0x00400000, CMB_SIZE = 0x3c, BUS = 1 << 5 };

static uint32_t guest(const struct life_model *model, unsigned at, unsigned length)
{
	return lend_function_config_read(model->world->function, at, length);
}

/* Whether the guest can go on: it is told, and the error is none that lost the device its state. */
static bool goes_on(struct life_model *model)
{
	struct world *world = model->world;
	uint32_t decode = guest(model, PCI_COMMAND, 2) & 3, status;

	if (!model->reports || model->state != RUNS || world->dead ||
	    (world_get(world, PCI_COMMAND, 2) & decode) != decode)
		return false;
	status = world_get(world, AER_CAP + PCI_ERR_UNCOR_STATUS, 4);
	return !status || status == UINT32_MAX || status == INTERNAL ||
	       !(status & guest(model, AER_CAP + PCI_ERR_UNCOR_SEVER, 4));
}

void life_model_error(struct life_model *model, bool by_kernel)
{
	if (by_kernel && goes_on(model)) {
		model->events[LEND_EVENT_REPORTED]++;
	} else if (model->state < FAILED) {
		model->state = FAILED;
		model->events[LEND_EVENT_ERROR]++;
	}
}

void life_model_request(struct life_model *model)
{
	bool first = model->state != LEAVING;

	if (!model->world->function_config.tells_request)
		model->state = LEAVING;
	model->events[LEND_EVENT_REQUEST] += first;
}

static bool is_first(const char *methods, const char *one)
{
	size_t length = strlen(one);

	return !strncmp(methods, one, length) && (methods[length] == ' ' || !methods[length]);
}

/* The kernel's reset clears all of the device, as far as it can be told. */
static bool is_good(const struct life_model *model)
{
	const char *methods = model->world->reset_methods;

	if (!methods[0])
		return model->flr;
	return is_first(methods, "flr") || is_first(methods, "af_flr") || is_first(methods, "acpi") ||
	       is_first(methods, "device_specific");
}

/* It changes the power state, which many devices take for nothing. */
static bool is_weak(const struct life_model *model)
{
	const char *methods = model->world->reset_methods;

	return methods[0] ? is_first(methods, "pm") : !model->flr && model->soft;
}

/* A rule says that the method which the kernel takes first does not work. */
static bool is_broken(const struct life_model *model)
{
	static const char *const names[] = {"device_specific", "acpi", "flr", "af_flr", "pm", "bus",
					    "cxl_bus"};
	const char *methods = model->world->reset_methods;
	const char *first = methods[0] ? methods : model->flr ? "flr" : model->soft ? "pm" : "";

	for (unsigned i = 0; i < 7; i++)
		if (is_first(first, names[i]) && model->rules.broken >> i & 1)
			return true;
	return false;
}

/* All functions of the bus are ours, and those that are open are reset with it. */
static bool bus_may(const struct life_model *model, bool with_sibling)
{
	const struct world *world = model->world;

	if (world->no_bus || (world->by_id && !world->owned) || model->rules.broken & BUS)
		return false;
	for (unsigned i = 0; i < world->dependent_count; i++) {
		bool self = !world->dependents[i].bdf.function,
		     other = world->dependents[i].bdf.function == 1;

		if (!self && !world->by_id)
			return false; /* of no group that is open */
		if (other && model->sibling && !with_sibling)
			return false;
	}
	return true;
}

/* The sibling's kernel has an FLR: that of its open counts until it was reset in another way. */
static void reset_sibling(struct life_model *model, bool with_bus)
{
	model->sibling_was_reset |= with_bus;
	model->events[LEND_EVENT_RESET] += model->sibling_was_reset;
}

struct lend_reset_report life_model_reset(struct life_model *model, bool with_sibling)
{
	struct world *world = model->world;
	bool weak = is_weak(model), bus = bus_may(model, with_sibling) && !world->fail_bus_reset;
	bool fresh = is_good(model) && !model->touched && !model->was_reset, ran;
	struct lend_reset_report report = {.ran = LEND_RESET_NONE, .result = -EOPNOTSUPP};

	for (unsigned turn = 0; turn < 3 && report.result && model->state != LEAVING; turn++) {
		bool alone = turn != 1 && world->can_reset && weak == (turn == 2) && !is_broken(model);

		if (turn == 1 && bus)
			report = (struct lend_reset_report){.ran = LEND_RESET_BUS};
		if (alone)
			report = (struct lend_reset_report){.ran = fresh ? LEND_RESET_OPEN
									 : LEND_RESET_FUNCTION,
							    .result = fresh ? 0 : world->fail_reset};
	}
	ran = report.ran == LEND_RESET_FUNCTION || report.ran == LEND_RESET_BUS;
	if (with_sibling)
		reset_sibling(model, report.ran == LEND_RESET_BUS && world->dependent_count > 1);
	if (model->state == LEAVING) {
		report.result = -ENODEV;
		return report;
	}
	model->was_reset |= ran;
	report.checked = !report.result && !world->dead && !model->left_on;
	if (model->state < FAILED || report.checked)
		model->state = RUNS;
	model->withdrawn = false;
	model->power = 0;
	model->events[LEND_EVENT_RESET] += ran;
	model->events[LEND_EVENT_DEAD] += world->dead;
	return report;
}

static bool is_memory(unsigned bar)
{
	return bar != 4;
}

static bool wanted(const struct life_model *model, unsigned bar)
{
	uint32_t command = guest(model, PCI_COMMAND, 2),
		 address = guest(model, PCI_BASE_ADDRESS_0 + 4 * bar, 4);
	uint32_t upper = bar ? 0 : guest(model, PCI_BASE_ADDRESS_1, 4);

	if (!model->world->regions[bar].size || model->power || model->withdrawn)
		return false;
	return command & (is_memory(bar) ? PCI_COMMAND_MEMORY : PCI_COMMAND_IO) && (address >> 4 || upper);
}

static void check_nothing_out(const struct life_model *model)
{
	const struct world *world = model->world;
	unsigned notices = (world->notify_fd[0] >= 0) + (world->notify_fd[1] >= 0);

	for (unsigned i = 0; i < LIFE_BARS; i++)
		assert_false(world->bars[i].placed);
	for (unsigned i = 0; i < world->route_end; i++)
		assert_true(!world->routes[i].set && world->routes[i].attached < 0 && world->irq_fds[i] < 0);
	assert_int_equal(world->intx_fd, -1);
	assert_int_equal(world->line.attached, -1);
	assert_false(world->line.raised);
	assert_true(!world->timer.nanoseconds);
	assert_int_equal(world->ioeventfd_count, 0);
	assert_int_equal(world->map_count, 0);
	assert_int_equal(world->watch_count, notices);
}

static void check_silent(const struct life_model *model)
{
	assert_int_equal(guest(model, PCI_VENDOR_ID, 4), UINT32_MAX);
	assert_int_equal(guest(model, PCI_BASE_ADDRESS_0, 2), UINT16_MAX);
	assert_true(lend_function_bar_read(model->world->function, 0, 0, 8) == UINT64_MAX);
}

static void check_bars(const struct life_model *model)
{
	for (unsigned i = 0; i < LIFE_BARS; i++) {
		uint64_t at = guest(model, PCI_BASE_ADDRESS_0 + 4 * i, 4) & ~UINT32_C(15);

		if (model->world->bars[i].placed != wanted(model, i))
			fail_msg("BAR %u is %splaced", i, wanted(model, i) ? "not " : "");
		if (!i)
			at |= (uint64_t)guest(model, PCI_BASE_ADDRESS_1, 4) << 32;
		assert_true(!model->world->bars[i].placed || model->world->bars[i].address == at);
	}
}

/* A doorbell is the hypervisor's while its BAR answers, but where the table or the PBA is. */
static void check_doorbells(const struct life_model *model)
{
	struct world *world = model->world;
	unsigned count = 0;

	for (unsigned i = 0; i < world->doorbell_count; i++) {
		const struct backend_doorbell *at = &world->doorbells[i].at;
		unsigned bar = world->doorbells[i].bar;
		uint64_t end = at->offset + (at->length ? at->length : 8);
		bool table = !bar && ((at->offset < TABLE_END && end > TABLE_AT) ||
				      (at->offset < PBA_AT + 8 && end > PBA_AT));
		bool want = model->doors_taken && world->bars[bar].placed && !model->hidden && !table;
		bool found = false;

		for (unsigned j = 0; j < world->ioeventfd_count; j++) {
			const struct lend_ioeventfd *one = &world->ioeventfds[j];

			found |= one->bar == bar && one->offset == at->offset && one->length == at->length &&
				 one->any == !at->match;
		}
		if (want != found)
			fail_msg("the doorbell at 0x%llx of BAR %u is %shanded over",
				 (unsigned long long)at->offset, bar, found ? "" : "not ");
		count += want;
	}
	assert_int_equal(world->ioeventfd_count, count);
}

static bool has_range(const struct world *world, uint64_t at, uint64_t length)
{
	for (unsigned i = 0; i < world->map_count; i++)
		if (world->maps[i].iova == at && world->maps[i].length == length)
			return true;
	return false;
}

/* Other devices reach what a guest reaches without a trap, if there are others, or it is the device itself.
 */
static void check_peers(struct life_model *model)
{
	const struct world *world = model->world;
	bool all = world->function_config.p2p == LEND_P2P_ON;
	bool one = world->function_config.p2p == LEND_P2P_AUTO,
	     first = world->bars[0].placed && !model->hidden;
	unsigned count = 0;

	if (one && world->bars[0].placed && !model->peers_known) {
		model->peers_known = true;
		model->peers_itself = world->bytes[0][CMB_SIZE];
	}
	if (all || (one && (model->sibling || model->peers_itself))) {
		count = 2 * first + (world->bars[2].placed && !model->hidden);
		assert_true(!first || (has_range(world, world->bars[0].address, TABLE_AT) &&
				       has_range(world, world->bars[0].address + PBA_AT, PAGE)));
	}
	assert_int_equal(world->map_count, count);
}

static void check_events(struct life_model *model)
{
	for (int i = 0; i < 8; i++) {
		char text[16];

		snprintf(text, sizeof(text), "event %d", i);
		if (world_count(model->world, text) != model->events[i])
			fail_msg("%u times event %d and not %u times", world_count(model->world, text), i,
				 model->events[i]);
		model->events[i] = 0;
	}
}

void life_model_check(struct life_model *model)
{
	struct world *world = model->world;

	if (world->violation[0])
		fail_msg("%s", world->violation);
	check_events(model);
	assert_int_equal(lend_function_gone(world->function), model->state >= FAILED);
	if (model->state >= FAILED)
		check_silent(model);
	if (model->unsure)
		return;
	if (model->state != RUNS) {
		check_nothing_out(model);
		return;
	}
	if (world->dead) /* the registers that decide are partly the device's */
		return;
	check_bars(model);
	if (!model->made_whole)
		return;
	check_doorbells(model);
	check_peers(model);
}
