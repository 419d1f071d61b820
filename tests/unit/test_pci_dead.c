/* SPDX-License-Identifier: MIT */
/* Section 14, case 1: a device that answers all ones, to everything or in places, at open or later. */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lend/reset.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"

enum { MSIX_CONTROL = 0x53, MSI_CONTROL = 0x62 };

static struct world *make(void)
{
	struct world *world = world_new();

	world_nvme(world);
	world_msi(world, PCI_MSI_FLAGS_64BIT, 1);
	world->vectors[LEND_IRQ_INTX] = world->vectors[LEND_IRQ_ERR] = world->vectors[LEND_IRQ_REQ] = 1;
	world->regions[LEND_REGION_ROM] = (struct lend_region){.size = 0x1000, .readable = true};
	world->function_config.intx_timeout_ms = 1100;
	return world;
}

static void stop(struct world *world)
{
	world_close(world);
	world_free(world);
}

static void one_line(const char *text)
{
	assert_non_null(strstr(text, "0000:05:00.0"));
	assert_null(strchr(text, '\n'));
}

/* The pin: 0xff is none, said in one line, and the device works by its messages. */
static void case_14_1_pin_of_ones(void **state)
{
	struct world *world = make();
	struct lend_reset_report report;

	(void)state;
	world_set(world, PCI_INTERRUPT_PIN, 1, 0xff);
	assert_int_equal(world_open(world), 0);
	assert_int_equal(world->log_lines, 1);
	one_line(world->last_log);
	assert_int_equal(lend_context_reset(world->context, &world->function, 1, &report, sizeof(report)), 0);
	assert_int_equal(world_read(world, PCI_INTERRUPT_PIN, 1), 0);
	assert_int_equal(world_count(world, "intx"), 0);
	world_start(world);
	world_write(world, MSIX_CONTROL, 1, 0x80);
	world_vector(world, 0, 0xfee00000, 1, false);
	assert_true(world_interrupt(world, 0));
	stop(world);
}

/* Each dword of config space reads ones at open, alone: refused with a line, or a function that works. */
static void case_14_1_each_dword_of_ones(void **state)
{
	unsigned refused = 0;

	(void)state;
	for (unsigned at = 0; at < 0x200; at += 4) {
		struct world *world = make();
		struct lend_reset_report report;

		world_set(world, at, 4, UINT32_MAX);
		if (world_open(world)) {
			one_line(world->error.text);
			refused++;
			world_free(world);
			continue;
		}
		assert_true(world->log_lines <= 2);
		lend_context_reset(world->context, &world->function, 1, &report, sizeof(report));
		world_start(world);
		world_write(world, MSIX_CONTROL, 1, 0x80);
		world_vector(world, 1, 0xfee00000, 1, false);
		world_write(world, MSIX_CONTROL, 1, 0);
		world_write(world, MSI_CONTROL, 1, 1);
		for (unsigned i = 0; i < 0x200; i++)
			world_read(world, i, 1);
		memset(world->config + 0x80, 0, 0x40); /* nothing pending that its end would wait for */
		stop(world);
	}
	print_message("%u of 128 refused\n", refused);
	assert_in_range(refused, 2, 20);
}

/* All of it at once: config space is what decides, and it is refused before anything is set up. */
static void case_14_1_everything_at_open(void **state)
{
	struct world *world = make();

	(void)state;
	world->dead = true;
	assert_int_equal(world_open(world), -EPROTO);
	one_line(world->error.text);
	assert_int_equal(world_count(world, "mmap"), 0);
	assert_int_equal(world_count(world, "notify"), 0);
	world_free(world);
}

/* What cannot be read is ones in each width, also where some bits of it are ours. */
static void case_14_1_no_failed_read_is_narrowed(void **state)
{
	static const unsigned mixed[] = {PCI_COMMAND, PCI_STATUS, PCI_HEADER_TYPE, 0x3c, 0x3d, 0x40,
					 0x80,        0x150};
	struct world *world = make();

	(void)state;
	assert_int_equal(world_open(world), 0);
	world->fail_reads = true;
	for (unsigned i = 0; i < sizeof(mixed) / sizeof(*mixed); i++) {
		assert_int_equal(world_read(world, mixed[i] & ~3u, 4), UINT32_MAX);
		if (mixed[i] & 1)
			continue; /* the pin is all ours */
		assert_int_equal(world_read(world, mixed[i], 2), UINT16_MAX);
	}
	assert_int_equal(world_read(world, PCI_INTERRUPT_PIN, 1), 1);
	world->fail_reads = false;
	stop(world);
}

static void set_mode(struct world *world, unsigned mode)
{
	struct lend_reset_report report;

	lend_context_reset(world->context, &world->function, 1, &report, sizeof(report));
	world_start(world);
	world_write(world, PCI_ROM_ADDRESS, 4, 0xf0000001);
	if (mode == 1)
		world_write(world, MSI_CONTROL, 1, 1);
	if (mode == 2) {
		world_write(world, MSIX_CONTROL, 1, 0x80);
		world_vector(world, 0, 0xfee00000, 1, false);
	}
}

/* It dies in each mode, and the guest, the host and the end of the machine go on. */
static void case_14_1_dies_in_each_mode(void **state)
{
	(void)state;
	for (unsigned mode = 0; mode < 3; mode++) {
		struct world *world = make();
		struct lend_reset_report report;

		assert_int_equal(world_open(world), 0);
		set_mode(world, mode);
		world->dead = true;
		world_clear(world);
		for (unsigned at = 0x40; at < 0x50; at += 4)
			world_read(world, at, 4);
		assert_int_equal(world_read(world, PCI_VENDOR_ID, 4), UINT32_MAX);
		assert_int_equal(world_read(world, PCI_BASE_ADDRESS_0, 4), 0xe0000004); /* ours, as it was */
		assert_int_equal(lend_function_bar_read(world->function, 0, 0x10, 8), UINT64_MAX);
		assert_int_equal(lend_function_bar_read(world->function, 0, 0x3000, 8), UINT64_MAX);
		lend_function_bar_write(world->function, 0, 0x10, 4, 1);
		assert_int_equal(lend_function_bar_read(world->function, LEND_REGION_ROM, 0, 4), UINT32_MAX);
		assert_int_equal(lend_function_bar_fault(world->function), 2); /* BAR 0 and the ROM */
		world_write(world, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
		lend_context_reset(world->context, &world->function, 1, &report, sizeof(report));
		assert_false(report.checked);
		assert_non_null(strstr(report.check, "does not answer"));
		stop(world);
	}
}

/* Ones say nothing of a controller memory buffer: it is asked again at the next turn. */
static void case_14_1_ones_are_no_buffer_and_no_lack_of_it(void **state)
{
	struct world *world = make();

	(void)state;
	world->function_config.p2p = LEND_P2P_AUTO;
	memset(world->bytes[0] + 0x38, 0xff, 8);
	assert_int_equal(world_open(world), 0);
	world_start(world);
	assert_int_equal(world->map_count, 0);
	memset(world->bytes[0] + 0x38, 0, 8);
	world->bytes[0][0x3c] = 1;
	world_write(world, PCI_COMMAND, 2, 0);
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(world->map_count, 2);
	stop(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(case_14_1_pin_of_ones),
		cmocka_unit_test(case_14_1_each_dword_of_ones),
		cmocka_unit_test(case_14_1_everything_at_open),
		cmocka_unit_test(case_14_1_no_failed_read_is_narrowed),
		cmocka_unit_test(case_14_1_dies_in_each_mode),
		cmocka_unit_test(case_14_1_ones_are_no_buffer_and_no_lack_of_it),
	};

	return cmocka_run_group_tests_name("pci_dead", tests, NULL, NULL);
}
