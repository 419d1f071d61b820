/* SPDX-License-Identifier: MIT */
/*
 * For libFuzzer: the life of a function, and calls that fail in it. The bytes make a device, say which
 * of its calls fails while it is made, and then what guest, kernel, monitor and loop do, with one call
 * more that fails from time to time. After each step a model (life_model.c) says what the function is
 * and what it has outside:
 *
 *  - While it runs: BARs where the registers say, doorbells and peers of these alone.
 *  - Once it is stopped, by an error, by the host that wants it back, or by the monitor: nothing. It is
 *    turned on by a reset whose result is good; not after the host wants it.
 *  - A reset is made in the first way that is open to it, in the order that lend/reset.h has.
 *  - Each event is sent once.
 *  - Whatever call failed: the next stop or reset that works takes all back, and in the end descriptors,
 *    maps and watches are as before.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "lend/state.h"
#include "lib/pci/function.h"
#include "lib/pci/ledger/ledger.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/life_model.h"
#include "tests/unit/cmocka.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS = 48, MSIX_CONTROL = 0x53, MSI = 0x60 };

static struct life_model model;
static uint8_t saved[65536];
static bool has_saved;

static void tell(unsigned kind)
{
	const uint64_t one = 1;

	if (model.world->notify_fd[kind] < 0)
		return;
	assert_int_equal(write(model.world->notify_fd[kind], &one, sizeof(one)), sizeof(one));
	if (kind)
		life_model_request(&model);
	else
		life_model_error(&model, true);
	world_run(model.world);
}

static void check_report(const struct lend_reset_report *got, const struct lend_reset_report *want, int ret)
{
	if (got->ran != want->ran)
		fail_msg("reset in way %d and not %d: %s", got->ran, want->ran, got->obstacle);
	assert_int_equal(got->result, want->result);
	assert_int_equal(ret, want->result);
	assert_int_equal(got->checked, want->checked);
	assert_string_equal(got->offered, model.world->reset_methods);
	assert_true(got->ran != LEND_RESET_BUS || !got->obstacle[0]);
	assert_int_equal(got->ran == LEND_RESET_BUS && model.world->dependent_count > 1, !!got->along[0]);
}

/* `fails`: one of its calls may. Then what it reports is not known. */
static void reset(bool with_sibling, bool fails)
{
	struct lend_function *both[] = {model.world->function, model.sibling};
	struct lend_reset_report reports[2], want = {0};
	unsigned count = with_sibling && model.sibling && !fails ? 2 : 1;
	int ret;

	model.restarted = true;
	if (!fails) {
		model.left_on = model.failed && life_of(model.world->function) > LIFE_ON &&
				world_get(model.world, PCI_COMMAND, 2) & 7;
		want = life_model_reset(&model, count == 2);
	}
	ret = lend_context_reset(model.world->context, both, count, reports, sizeof(*reports));
	if (fails)
		return;
	check_report(&reports[0], &want, ret);
	model.unsure = false;
	model.failed &= model.left_on;
}

static void start(void)
{
	struct world *world = model.world;

	model.withdrawn = false;
	model.power = 0;
	world_write(world, 0x40 + PCI_PM_CTRL, 2, 0);
	world_write(world, PCI_BASE_ADDRESS_1, 4, 0);
	world_write(world, PCI_BASE_ADDRESS_2, 4, 0xc0000000);
	world_write(world, PCI_BASE_ADDRESS_4, 4, 0xc000);
	world_start(world);
	world_write(world, PCI_COMMAND, 2, 7);
	model.touched |= model.state == RUNS;
}

static void write_config(uint8_t which, struct input *input)
{
	static const uint32_t places[] = {0, 0xe0000000, 0xd0000000, 0xb0000000};
	struct world *world = model.world;
	uint8_t value = take(input);

	switch (which & 7) {
	case 0:
		world_write(world, PCI_COMMAND, 2, value & 7 ? value & 0x407 : 7);
		break;
	case 1:
		world_write(world, PCI_BASE_ADDRESS_0, 4, places[value & 3]);
		break;
	case 2:
		world_write(world, PCI_BASE_ADDRESS_2, 4, value & 1 ? 0xc0000000 : 0xa0000000);
		break;
	case 3:
		world_write(world, 0x40 + PCI_PM_CTRL, 2, value & 3);
		if (model.state == RUNS && (!(value & 3) || (value & 3) == 3)) /* it has no other states */
			model.power = value & 3;
		break;
	case 4:
		world_write(world, MSIX_CONTROL, 1, value & 0xc0);
		break;
	case 5:
		world_write(world, MSI + PCI_MSI_FLAGS, 2, value & 0x71);
		break;
	case 6:
		world_write(world, AER_CAP + (value & 1 ? PCI_ERR_UNCOR_SEVER : PCI_ERR_UNCOR_STATUS), 4,
			    (uint32_t)take_number(input, 4));
		break;
	default:
		world_write(world, EXP_CAP + PCI_EXP_DEVCTL, 2, value & 1 ? PCI_EXP_DEVCTL_BCR_FLR : value);
	}
	if ((which & 7) < 4 || (which & 7) == 7)
		model.withdrawn &= model.state != RUNS || (which & 7) == 7;
	world_write(world, PCI_CACHE_LINE_SIZE, 1,
		    value); /* whatever the write was: this one is the device's */
	model.touched |= model.state == RUNS;
}

static void vectors(uint8_t which, uint8_t what)
{
	struct world *world = model.world;

	world_vector(world, which & 63, 0xfee00000, which, what & 1);
	if (what & 2)
		world_interrupt(world, which & 63);
	if (what & 4)
		world_run(world);
	if (what & 8)
		lend_function_bar_read(world->function, 0, PBA_AT, 8);
}

static void line(uint8_t what)
{
	if (what & 1)
		world_raise(model.world);
	if (what & 2)
		world_run(model.world);
	if (what & 4)
		lend_function_line_changed(model.world->function);
	if (what & 8)
		lend_function_bar_read(model.world->function, 0, 0x10, 4);
	if (what & 16)
		world_eoi(model.world);
	if (what & 32)
		world_timer(model.world);
}

/* Somebody on the host changed the device, and the guest's access to a BAR meets it. */
static void withdraw(uint8_t what)
{
	struct world *world = model.world;
	bool served;

	if (what & 1)
		world_set(world, PCI_COMMAND, 2, 0);
	if (what & 2)
		world_set(world, 0x44, 2, 3);
	served = world_get(world, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY && !(world_get(world, 0x44, 2) & 3);
	lend_function_bar_fault(world->function);
	model.withdrawn |= model.state == RUNS && (!served || world->dead);
}

static void save_and_load(bool load)
{
	struct world *world = model.world;
	bool gone = model.state >= FAILED;
	int ret;

	if (!load) {
		ret = lend_function_save(world->function, saved, sizeof(saved));
		assert_true(gone ? ret == -ENODEV : ret > 0 || model.unsure || world->fail_at);
		has_saved |= ret > 0 && !world->dead;
	} else if (has_saved) {
		model.restarted = true;
		ret = lend_function_load(world->function, saved, sizeof(saved), &world->error);
		assert_true(ret == (gone ? -ENODEV : 0) || world->fail_at);
		if (!gone)
			model.state = RUNS;
		model.withdrawn = false;
		model.touched |= !gone;
		model.power = world_read(world, 0x40 + PCI_PM_CTRL, 1) & 3;
	}
}

static void reconnect(void)
{
	struct world *world = model.world;

	assert_int_equal(lend_function_reconnect(world->function, -1, &world->error) == -ENODEV,
			 model.state >= FAILED);
	assert_true(world->error.text[0]);
}

/* What anybody may ask at any time. */
static void ask(void)
{
	struct world *world = model.world;
	struct lend_page_count pages[8];
	struct lend_vector_count interrupts[8];
	struct lend_function_counters counters;
	struct lend_link link;
	struct lend_bar bar;

	lend_function_pages(world->function, pages, 8, sizeof(*pages));
	lend_function_vectors(world->function, interrupts, 8, sizeof(*interrupts));
	lend_function_count(world->function, &counters, sizeof(counters));
	lend_function_link(world->function, &link, sizeof(link));
	assert_true(link.is_pcie && link.speed == 3 && link.width == 4);
	for (unsigned i = 0; i < LIFE_BARS; i++) {
		lend_function_bar(world->function, i, &bar, sizeof(bar));
		assert_true(bar.size == world->regions[i].size && bar.io == (i == 4));
	}
}

static void other_steps(uint8_t what, uint8_t which)
{
	struct world *world = model.world;

	switch (what & 7) {
	case 0:
		if (which & 1)
			life_open_sibling(&model);
		else
			life_close_sibling(&model);
		break;
	case 1:
		world->dead = which & 1;
		if (!world->dead) /* what was asked of it while it did not answer is asked again */
			start();
		break;
	case 2:
		withdraw(which);
		break;
	case 3:
		save_and_load(which & 1);
		break;
	case 4:
		world->hidden_bars = 0;
		model.hidden = false;
		lend_function_bars_shown(world->function);
		break;
	case 5:
		lend_function_fail(world->function);
		life_model_error(&model, false);
		break;
	case 6:
		reconnect();
		break;
	default:
		ask();
	}
}

static void step(struct input *input, bool fails)
{
	struct world *world = model.world;
	uint8_t what = take(input), which = take(input);

	world->config[EXP_CAP + PCI_EXP_DEVSTA] = 0; /* no transaction is pending, which takes a second */
	model.restarted = false;
	switch (what & 15) {
	case 0:
		start();
		break;
	case 1:
	case 2:
		write_config(which, input);
		break;
	case 3:
		vectors(which, what >> 4);
		break;
	case 4:
		line(which);
		break;
	case 5:
		if (which & 1)
			world_set(world, AER_CAP + PCI_ERR_UNCOR_STATUS, 4, (uint32_t)take_number(input, 4));
		tell(0);
		break;
	case 6:
		tell(which & 3 ? 0 : 1);
		break;
	case 7:
	case 8:
		reset(which & 1, fails);
		break;
	case 9:
		lend_function_quiesce(world->function);
		model.state = model.state == RUNS ? STOPPED : model.state;
		model.unsure &= fails;
		break;
	case 10:
		life_ways(world, which);
		break;
	case 11:
		lend_function_bar_write(world->function, which % 6, which / 6 * 8u + 0x40, 4, what);
		break;
	default:
		other_steps(what >> 4, which);
	}
}

/* After a step in which a call may have failed, the function is what it says. */
static void settle(void)
{
	struct world *world = model.world;

	model.unsure = model.failed = true;
	/* From outside it is not known how far it came. */
	model.touched = world->function->used;
	model.was_reset = world->function->reset_since_open;
	world->fail_at = 0;
	memset(model.events, 0, sizeof(model.events));
	world_clear(world);
	assert_true(model.state != STOPPED || model.restarted || life_of(world->function) != LIFE_ON);
	if (model.state != LEAVING)
		model.state = lend_function_gone(world->function)   ? FAILED
			      : life_of(world->function) == LIFE_ON ? RUNS
								    : STOPPED;
}

/* A call that fails while the function is made: it is refused with a sentence, or works without a part. */
static bool opens(struct world *world)
{
	int ret = world_open(world);

	model.made_whole = world->calls < world->fail_at || !world->fail_at;
	if (ret < 0) {
		assert_false(model.made_whole);
		assert_true(world->error.text[0] && !strchr(world->error.text, '\n'));
	} else if (!model.made_whole) {
		model.unsure = model.failed = true;
		model.touched = world->function->used;
	}
	world->fail_at = 0;
	world_clear(world);
	return !ret;
}

static void live(struct input *input)
{
	struct world *world = model.world;

	for (unsigned i = 0; i < STEPS && input->left; i++) {
		uint8_t fails = take(input);

		/* Only a few steps meet a call that fails. */
		world->fail_at = fails >= 0xc0 ? world->calls + 1 + (fails & 0x1f) : 0;
		step(input, world->fail_at);
		if (world->fail_at)
			settle();
		world->fail_at = 0;
		life_model_check(&model);
		world_clear(world);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct world *world;
	uint8_t last = take(&input);

	life_make(&model, &input);
	world = model.world;
	has_saved = false;

	if (opens(world)) {
		live(&input);
		life_close_sibling(&model);
		world->config[EXP_CAP + PCI_EXP_DEVSTA] = 0;
		world->fail_at = last & 0x80 ? world->calls + 1 + (last & 0x3f) : 0;
		world_close(world);
	}
	world_free(world);
	close(model.door);
	return 0;
}
