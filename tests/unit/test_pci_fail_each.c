/* SPDX-License-Identifier: MIT */
/*
 * Fails each call in turn, in lives with all that a function can have: ROM,
 * relocated table, MSI, MSI-X by either way, the line by either way, errors and
 * requests, resets of the bus, peers. A call fails when the function is made,
 * while it lives, or when it goes. Afterwards nothing is left anywhere
 * (world_close() looks), and what is said is one line.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "lend/reset.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/failing_allocations.h"
#include "tests/unit/fake_world.h"

enum { MSIX_CONTROL = 0x53, MSIX_ENABLE = 0x80, MSI = 0x60, MSI_ENABLE = 1, ASK_4 = 2 << 4, TABLE_BAR = 2 };

struct life {
	const char *name;
	bool noresize, by_loop, relocated, bus, strict;
	int ends_by; /* 0: the guest; else one of the two below */
};
enum { BY_ERROR = 1, BY_REQUEST };

static const struct life lives[] = {
	{"by the hypervisor", false, false, false, false, false, 0},
	{"by the loop", false, true, false, false, true, 0},
	{"without dynamic vectors", true, true, true, true, false, 0},
	{"relocated, reset by its bus", false, false, true, true, false, 0},
	{"stopped by an error", false, false, false, true, false, BY_ERROR},
	{"wanted back by the host", true, true, false, false, false, BY_REQUEST},
};

static struct world *make(const struct life *life)
{
	struct world *world = world_new();
	struct lend_function_config *config = &world->function_config;

	world_nvme(world);
	world_msi(world, 2 << 1 | PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT, 4);
	world_bar(world, 4, PCI_BASE_ADDRESS_SPACE_IO, 0x20);
	world->vectors[LEND_IRQ_INTX] = world->vectors[LEND_IRQ_ERR] = world->vectors[LEND_IRQ_REQ] = 1;
	world->regions[LEND_REGION_ROM] = (struct lend_region){.size = 0x1000, .readable = true};
	world->rom_length = 4096;
	world->noresize = life->noresize;
	world->can_reset = !life->bus;
	world->reset_methods = life->bus ? "bus" : "flr bus";
	world->no_bus = !life->bus;
	world->by_id = world->owned = true;
	world->dependents[0].bdf.bus = 5;
	world->dependents[0].group = -1;
	world->dependent_count = 1;
	config->no_intx_bypass = config->no_msi_bypass = config->no_msix_bypass = life->by_loop;
	config->msix_to = life->relocated ? LEND_MSIX_TO_BAR + TABLE_BAR : LEND_MSIX_STAYS;
	config->strict_config = life->strict;
	config->intx_timeout_ms = 1100;
	return world;
}

static void reset(struct world *world)
{
	struct lend_reset_report report;

	lend_context_reset(world->context, &world->function, 1, &report, sizeof(report));
	world_start(world);
	world_write(world, PCI_BASE_ADDRESS_4, 4, 0xc000);
	world_write(world, PCI_BASE_ADDRESS_2, 4, 0xe0100000);
	world_write(world, PCI_COMMAND, 2, 7);
}

static void use_line(struct world *world)
{
	world_raise(world);
	world_run(world);
	lend_function_line_changed(world->function);
	world_raise(world);
	world_run(world);
	lend_function_bar_read(world->function, 0, 0, 4);
	world_eoi(world);
	world_timer(world);
}

static void use_msi(struct world *world)
{
	world_write(world, MSI + PCI_MSI_ADDRESS_LO, 4, 0xfee00000);
	world_write(world, MSI + PCI_MSI_MASK_64, 4, 2);
	world_write(world, MSI + PCI_MSI_FLAGS, 2, ASK_4 | MSI_ENABLE);
	world_interrupt(world, 0);
	world_interrupt(world, 1);
	world_run(world);
	world_write(world, MSI + PCI_MSI_MASK_64, 4, 0);
	world_write(world, MSI + PCI_MSI_DATA_64, 2, 0x40);
	world_write(world, MSI + PCI_MSI_FLAGS, 2, 0);
}

static void vector(struct world *world, const struct life *life, unsigned number, bool masked)
{
	uint64_t at = (life->relocated ? 0 : 0x2000) + number * 16;
	unsigned bar = life->relocated ? TABLE_BAR : 0;

	lend_function_bar_write(world->function, bar, at, 8, 0xfee00000);
	lend_function_bar_write(world->function, bar, at + 8, 4, number);
	lend_function_bar_write(world->function, bar, at + 12, 4, masked);
}

static void use_msix(struct world *world, const struct life *life)
{
	vector(world, life, 0, false);
	vector(world, life, 1, false);
	world_write(world, MSIX_CONTROL, 1, MSIX_ENABLE);
	vector(world, life, 5, false);
	vector(world, life, 1, true);
	world_interrupt(world, 1);
	world_run(world);
	lend_function_bar_read(world->function, life->relocated ? TABLE_BAR : 0,
			       life->relocated ? 64 * 16 : 0x3000, 8);
	vector(world, life, 1, false);
	world_run(world);
}

static void use_the_rest(struct world *world)
{
	world_write(world, PCI_ROM_ADDRESS, 4, 0xf0000001);
	lend_function_bar_read(world->function, LEND_REGION_ROM, 0, 4);
	world_write(world, PCI_BASE_ADDRESS_0, 4, 0xd0000000);
	world_write(world, 0x44, 2, 3);
	world_write(world, 0x44, 2, 0);
	world_write(world, 0x80 + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	lend_function_bar_fault(world->function);
	world_write(world, 0x200, 4, 1);
}

static void tell(struct world *world, unsigned kind)
{
	uint64_t one = 1;

	if (world->notify_fd[kind] < 0)
		return;
	assert_int_equal(write(world->notify_fd[kind], &one, sizeof(one)), sizeof(one));
	world_run(world);
}

static void live(struct world *world, const struct life *life)
{
	reset(world);
	use_line(world);
	use_msi(world);
	use_msix(world, life);
	use_the_rest(world);
	reset(world);
	use_msix(world, life);
	if (life->ends_by == BY_ERROR) {
		tell(world, 0);
		reset(world); /* and is back */
		tell(world, 0);
	}
	if (life->ends_by == BY_REQUEST)
		tell(world, 1);
}

struct ends {
	unsigned made, lived, gone; /* calls by then */
};

static void check_text(const char *text)
{
	assert_null(strchr(text, '\n'));
	assert_true(strlen(text) < sizeof(((struct lend_error *)0)->text));
}

static void whole(struct world *world, const struct life *life, struct ends *out)
{
	unsigned lines;

	if (world_open(world)) { /* closes what is open, and looks at what is left */
		check_text(world->error.text);
		assert_non_null(strstr(world->error.text, "0000:05:00.0"));
		return;
	}
	out->made = world->calls;
	live(world, life);
	out->lived = world->calls;
	lines = world->log_lines;
	world_close(world);
	out->gone = world->calls;
	check_text(world->last_log);
	assert_true(!lines || strstr(world->last_log, "0000:05:00.0") || strstr(world->last_log, "peer"));
	if (world->fail_at && world->log_lines > 1)
		fail_msg("call %u of %s: %u lines, the last: %s", world->fail_at, life->name,
			 world->log_lines, world->last_log);
}

static void g5_each_call_of_each_life(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lives) / sizeof(*lives); i++) {
		const struct life *life = &lives[i];
		struct world *world = make(life);
		struct ends ends = {0}, other;

		whole(world, life, &ends);
		assert_int_equal(world->log_lines, 0);
		world_free(world);
		for (unsigned n = 1; n <= ends.gone; n++) {
			world = make(life);
			world->fail_at = n;
			whole(world, life, &other);
			world_free(world);
		}
		assert_true(ends.made > 15 && ends.lived > ends.made && ends.gone > ends.lived);
		print_message("%s: calls 1 to %u of making it, to %u of its life, to %u of its end failed in "
			      "turn\n",
			      life->name, ends.made, ends.lived, ends.gone);
	}
}

/* From each call on, all that is read of the device is ones: it was pulled out, or has hung. */
static void case_14_1_dies_at_each_call(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lives) / sizeof(*lives); i++) {
		struct world *world = make(&lives[i]);
		struct ends ends = {0}, other;

		whole(world, &lives[i], &ends);
		world_free(world);
		for (unsigned n = 1; n <= ends.lived; n++) {
			world = make(&lives[i]);
			world->mute = true;
			world->dies_at = n;
			whole(world, &lives[i], &other);
			world_free(world);
		}
	}
}

static void count_from_now(struct world *world)
{
	(void)world;
	counting = true;
}

/* One life, of which allocation `at` fails; how many there were. */
static unsigned with_allocation(const struct life *life, unsigned at)
{
	struct world *world = make(life);

	world->mute = true; /* the record allocates, too */
	world->before_function = count_from_now;
	allocations = 0;
	fails_at = at;
	if (!world_open(world)) {
		live(world, life);
		world_close(world);
	} else {
		check_text(world->error.text);
	}
	counting = false;
	world_free(world);
	return allocations;
}

static void each_allocation_of_each_life(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lives) / sizeof(*lives); i++) {
		unsigned count = with_allocation(&lives[i], 0);

		assert_true(count > 4);
		for (unsigned n = 1; n <= count; n++)
			with_allocation(&lives[i], n);
		print_message("%s: allocations 1 to %u failed in turn\n", lives[i].name, count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(g5_each_call_of_each_life),
		cmocka_unit_test(case_14_1_dies_at_each_call),
		cmocka_unit_test(each_allocation_of_each_life),
	};

	return cmocka_run_group_tests_name("pci_fail_each", tests, NULL, NULL);
}
