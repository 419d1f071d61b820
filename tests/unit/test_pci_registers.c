/* SPDX-License-Identifier: MIT */
/* Single registers (spec 2.2 to 2.6, 11): whose they are, and what their writes do. */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lend/reset.h"
#include "lib/pci/function.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"
#include "tests/unit/test_pci.h"

enum { AF = 0xa0, EXP = 0x80 };

static struct world *start_nvme(void)
{
	struct world *world = world_new();

	world_nvme(world);
	return start(world);
}

/* 11 and 2.3: those that are given are ours and cannot be written, the others stay the device's. */
static void ids_of_the_users_choice(void **state)
{
	struct world *world = world_new();
	struct lend_ids ids = {.given = LEND_ID_VENDOR | LEND_ID_SUBSYSTEM | LEND_ID_CLASS,
			       .vendor = 0x8086,
			       .device = 0xdead,
			       .subsystem = 0x1234,
			       .class_code = 0x030000};

	(void)state;
	world_nvme(world);
	world_set(world, PCI_SUBSYSTEM_VENDOR_ID, 4, 0x55556666);
	world->function_config.ids = ids;
	start(world);
	assert_int_equal(world_read(world, PCI_VENDOR_ID, 4), 0x11228086);
	assert_int_equal(world_read(world, PCI_SUBSYSTEM_VENDOR_ID, 4), 0x12346666);
	assert_int_equal(world_read(world, PCI_CLASS_REVISION, 4),
			 0x03000000); /* the revision is the device's */
	world_write(world, PCI_VENDOR_ID, 4, 0);
	world_write(world, PCI_CLASS_REVISION, 4, 0xffffffff);
	assert_int_equal(world_read(world, PCI_VENDOR_ID, 2), 0x8086);
	assert_int_equal(world_read(world, PCI_CLASS_PROG, 1), 0);
	assert_int_equal(lend_device_info(world->device)->vendor, 0x1b36); /* the host's view stays */
	stop(world);
}

static void all_ids(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_nvme(world);
	world->function_config.ids = (struct lend_ids){31, 1, 2, 3, 4, 5};
	start(world);
	assert_int_equal(world_read(world, PCI_VENDOR_ID, 4), 0x00020001);
	assert_int_equal(world_read(world, PCI_SUBSYSTEM_VENDOR_ID, 4), 0x00040003);
	assert_int_equal(world_read(world, PCI_CLASS_REVISION, 4), 0x00000500);
	stop(world);
}

/* 2.2: what the guest may write of COMMAND reaches the device; STATUS is cleared by the device itself. */
static void command_and_status(void **state)
{
	struct world *world = start_nvme();

	(void)state;
	world_write(world, PCI_COMMAND, 2, 0x507);
	assert_int_equal(world_get(world, PCI_COMMAND, 2), 0x507);
	assert_int_equal(world_read(world, PCI_COMMAND, 2), 0x507);
	world_clear(world);
	world_write(world, PCI_STATUS, 2, PCI_STATUS_DETECTED_PARITY);
	assert_int_equal(world_count(world, "cfg_write 6 2 8000"), 1);
	world_write(world, PCI_CACHE_LINE_SIZE, 1, 0x10);
	world_write(world, PCI_INTERRUPT_LINE, 1, 11);
	assert_int_equal(world_get(world, PCI_CACHE_LINE_SIZE, 1), 0x10);
	assert_int_equal(world_get(world, PCI_INTERRUPT_LINE, 1), 11);
	stop(world);
}

/* The decode bits that the guest reads are those that it wrote, whatever the device says now. */
static void decode_bits_are_the_guests(void **state)
{
	struct world *world = start_nvme();

	(void)state;
	world_start(world);
	world_set(world, PCI_COMMAND, 2, PCI_COMMAND_SERR);
	assert_int_equal(world_read(world, PCI_COMMAND, 2) & 3, PCI_COMMAND_MEMORY);
	assert_int_equal(world_read(world, PCI_COMMAND, 2) & PCI_COMMAND_SERR, PCI_COMMAND_SERR);
	stop(world);
}

/* 2.4: without the bit in STATUS there is no chain, and a pointer that leads to none is 0, the bit too. */
static void no_capabilities(void **state)
{
	static const uint8_t pointers[] = {0x40, 0, 0x24, 0x0a, 0x31, 0x3f};

	(void)state;
	for (unsigned i = 0; i < sizeof(pointers); i++) {
		struct world *world = world_new();

		world_cap(world, 0x40, PCI_CAP_ID_VNDR);
		world->config[PCI_CAPABILITY_LIST] = pointers[i];
		if (!i)
			world_set(world, PCI_STATUS, 2, 0);
		start(world);
		assert_int_equal(world_read(world, PCI_CAPABILITY_LIST, 1), i ? 0 : 0x40);
		assert_int_equal(world_read(world, PCI_STATUS, 2), 0);
		assert_int_equal(world->log_lines, i > 1);
		stop(world);
	}
}

/* A function level reset by advanced features: for the judge, and when the guest starts one. */
static void advanced_features(void **state)
{
	static const uint8_t have[] = {PCI_AF_CAP_TP | PCI_AF_CAP_FLR, PCI_AF_CAP_FLR, PCI_AF_CAP_TP, 0};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct world *world = world_new();
		struct lend_reset_report report;

		world_bar(world, 0, 0, 0x1000);
		world->reset_methods = "";
		world_set(world, world_cap(world, AF, PCI_CAP_ID_AF) + PCI_AF_CAP, 1, have[i]);
		start(world);
		assert_int_equal(
			lend_context_reset(world->context, &world->function, 1, &report, sizeof(report)), 0);
		assert_int_equal(report.ran, i ? LEND_RESET_FUNCTION : LEND_RESET_OPEN);
		assert_int_equal(world_read(world, AF + PCI_AF_CAP, 1), have[i]); /* as it is */
		world_start(world);
		world_clear(world);
		world_write(world, AF + PCI_AF_CTRL, 1, PCI_AF_CTRL_FLR);
		if (have[i] & PCI_AF_CAP_FLR)
			world_expect_order(world, "unmap 0", "commit", "cfg_write a4 1 1", "map 0", NULL);
		else
			assert_int_equal(world->line_count, 1);
		stop(world);
	}
}

/* Quiesced, it waits for its transactions by advanced features' status where it has nothing better. */
static void advanced_features_pending(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_set(world, world_cap(world, AF, PCI_CAP_ID_AF) + PCI_AF_CAP, 1, 3);
	start(world);
	lend_function_quiesce(world->function);
	assert_int_equal(world_count(world, "cfg_read a5 1"), 1);
	stop(world);
}

/* 2.6: with D1 and D2; only down, or up to D0. */
static void every_power_transition(void **state)
{
	(void)state;
	for (unsigned have = 0; have < 4; have++) {
		for (unsigned i = 0; i < 16; i++) {
			struct world *world = world_new();
			unsigned from = i / 4, to = i % 4;
			bool refused = (to && to < from) || (to == 1 && from != 1 && !(have & 1)) ||
				       (to == 2 && from != 2 && !(have & 2));

			world_nvme(world);
			world_set(world, 0x40 + PCI_PM_PMC, 2,
				  3 | (have & 1 ? PCI_PM_CAP_D1 : 0) | (have & 2 ? PCI_PM_CAP_D2 : 0));
			world_set(world, 0x44, 2, from); /* as it was opened */
			start(world);
			world_start(world);
			assert_int_equal(world->bars[0].placed, !from);
			world_write(world, 0x44, 2, to | PCI_PM_CTRL_PME_ENABLE);
			assert_int_equal(world_read(world, 0x44, 2),
					 (refused ? from : to) | PCI_PM_CTRL_PME_ENABLE);
			assert_int_equal(world->bars[0].placed, !(refused ? from : to));
			stop(world);
		}
	}
}

/* 2.5: on, or as it comes, it stays; off, it is out of the chain. */
static void address_translation(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct world *world = world_new();

		world_exp(world, PCI_EXP_TYPE_ENDPOINT, 0);
		world_set(world, 0x100, 4, PCI_EXT_CAP_ID_DSN | 1 << 16 | 0x200u << 20);
		world_set(world, 0x200, 4, PCI_EXT_CAP_ID_ATS | 1 << 16);
		world->function_config.ats = (enum lend_ats)i;
		start(world);
		assert_int_equal(world_read(world, 0x102, 2) >> 4, i == LEND_ATS_OFF ? 0 : 0x200);
		stop(world);
	}
}

/* 2.5: the size that it has and no other; of control nothing but BAR, count and size is kept. */
static void resizable_bars_are_frozen(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_exp(world, PCI_EXP_TYPE_ENDPOINT, 0);
	world_set(world, 0x100, 4, PCI_EXT_CAP_ID_REBAR | 1 << 16);
	world_set(world, 0x104, 4, 0xfffffff0);
	world_set(world, 0x108, 4, 0xffff0010 | 2 << 5 | 27 << 8); /* BAR 0 of two: 128 TiB */
	world_set(world, 0x10c, 4, 0x000003f0);
	world_set(world, 0x110, 4, 0x00000008 | 2 | 0 << 8); /* BAR 2: 1 MiB */
	start(world);
	assert_int_equal(world_read(world, 0x104, 4), 0x80000000);
	assert_int_equal(world_read(world, 0x108, 4), 2 << 5 | 27 << 8);
	assert_int_equal(world_read(world, 0x10c, 4), 0x10);
	assert_int_equal(world_read(world, 0x110, 4), 2);
	for (unsigned at = 0x104; at < 0x114; at += 4) {
		uint32_t before = world_read(world, at, 4);

		world_write(world, at, 4, ~before);
		assert_int_equal(world_read(world, at, 4), before);
	}
	assert_int_equal(world_count(world, "cfg_write"), 0);
	stop(world);
}

/* 2.5: not in 256 bytes, not without PCI Express, not where the first header is 0 or all ones. */
static void no_extended_capabilities(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct world *world = world_new();

		if (i != 1)
			world_exp(world, PCI_EXP_TYPE_ENDPOINT, 0);
		world->config_size = i ? 4096 : 256;
		if (i != 2)
			world_set(world, 0x100, 4,
				  i == 3 ? UINT32_MAX : (uint32_t)PCI_EXT_CAP_ID_DSN | 1 << 16);
		start(world);
		assert_int_equal(world_read(world, 0x100, 4), i == 0 ? UINT32_MAX : 0);
		stop(world);
	}
}

/* Device control is the kernel's: every bit of a write reaches it. */
static void device_control_is_passed(void **state)
{
	struct world *world = start_nvme();

	(void)state;
	world_write(world, EXP + PCI_EXP_DEVCTL, 2, 0x7fff);
	assert_int_equal(world_get(world, EXP + PCI_EXP_DEVCTL, 2), 0x7fff);
	assert_int_equal(world_count(world, "cfg_write 88 2 7fff"), 1);
	stop(world);
}

/* 4.1, and 4.4: the second known device, and entries that are not all in one page. */
static void pba_of_kunlun(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_set(world, PCI_VENDOR_ID, 4, 0x36851d22);
	world_bar(world, 0, 0, 0x10000);
	world_msix(world, 64, 0, 0, 0, 0x20000);
	start(world);
	assert_int_equal(world_read(world, 0x58, 4), 0xb400);
	stop(world);
	world = world_new(); /* the ids of the user's choice are what quirks go by (spec 11) */
	world_set(world, PCI_VENDOR_ID, 4, 0x36851d22);
	world->function_config.ids = (struct lend_ids){.given = LEND_ID_VENDOR, .vendor = 0x8086};
	world_bar(world, 0, 0, 0x10000);
	world_msix(world, 64, 0, 0, 0, 0x20000);
	start(world);
	assert_int_equal(world_read(world, 0x58, 4), 0x401); /* they moved into a BAR that is free */
	stop(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_of_the_users_choice),
		cmocka_unit_test(all_ids),
		cmocka_unit_test(command_and_status),
		cmocka_unit_test(decode_bits_are_the_guests),
		cmocka_unit_test(no_capabilities),
		cmocka_unit_test(advanced_features),
		cmocka_unit_test(advanced_features_pending),
		cmocka_unit_test(every_power_transition),
		cmocka_unit_test(address_translation),
		cmocka_unit_test(resizable_bars_are_frozen),
		cmocka_unit_test(no_extended_capabilities),
		cmocka_unit_test(device_control_is_passed),
		cmocka_unit_test(pba_of_kunlun),
	};

	return cmocka_run_group_tests_name("pci_registers", tests, NULL, NULL);
}
