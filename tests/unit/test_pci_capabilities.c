/* SPDX-License-Identifier: MIT */
/* Capabilities: a row for each id, what is refused, and what PCI Express says. */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lib/pci/caps/capabilities.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"
#include "tests/unit/test_pci.h"

static void every_id_has_a_row(void **state)
{
	unsigned known = 0;

	(void)state;
	for (unsigned id = 0; id <= 0xffff; id++) {
		const struct cap_row *row = cap_row_extended((uint16_t)id);

		assert_non_null(row);
		assert_true(row->name[0]);
		assert_true(row->policy == CAP_EMULATED ? row->setup != NULL : row->policy <= CAP_HIDDEN);
		known += row->id == id;
		if (id > 0xff)
			continue;
		row = cap_row((uint8_t)id);
		assert_true(row->name[0]);
		assert_true(row->policy != CAP_EMULATED || row->setup);
		assert_true(id > 0x15 ? !strcmp(row->name, "unknown") : row->id == id);
	}
	assert_int_equal(known, 0x32); /* 0 to 0x31 */
}

/* Each standard id between two others: in the chain or not, as its row says, by a kernel that shows all. */
static void walk_all_standard_ids(void **state)
{
	(void)state;
	for (unsigned id = 0; id <= 0xff; id++) {
		const struct cap_row *row = cap_row((uint8_t)id);
		struct world *world = world_new();
		bool shown;

		if (row->policy == CAP_EMULATED) {
			world_free(world);
			continue;
		}
		world_cap(world, 0x40, PCI_CAP_ID_VNDR);
		world_cap(world, 0x60, (uint8_t)id);
		world_cap(world, 0x90, PCI_CAP_ID_VPD);
		start(world);
		shown = world_read(world, 0x41, 1) == 0x60;
		assert_int_equal(shown, row->policy == CAP_PASSED);
		assert_int_equal(world_read(world, shown ? 0x61 : 0x41, 1), 0x90);
		assert_int_equal(world_read(world, 0x91, 1), 0);
		world_clear(world);
		world_write(world, 0x62, 2, 0x1234);
		assert_int_equal(world_count(world, "cfg_write"), shown);
		stop(world);
	}
}

static void set_header(struct world *world, unsigned at, unsigned id, unsigned next)
{
	world_set(world, at, 4, id | 1 << 16 | next << 20);
}

static void walk_all_extended_ids(void **state)
{
	struct world *world;

	(void)state;
	for (unsigned id = 0; id <= 0xffff; id++) {
		const struct cap_row *row = cap_row_extended((uint16_t)id);
		bool shown = row->policy != CAP_HIDDEN;

		world = world_new();
		world->mute = true;
		world_exp(world, PCI_EXP_TYPE_ENDPOINT, 0);
		set_header(world, 0x100, PCI_EXT_CAP_ID_DSN, 0x200);
		set_header(world, 0x200, id, 0x300);
		world_set(world, 0x208, 4, 1 << 5 | 3 << 8); /* a resizable BAR that makes sense */
		set_header(world, 0x300, PCI_EXT_CAP_ID_VNDR, 0);
		start(world);
		assert_int_equal(world_read(world, 0x100, 4),
				 PCI_EXT_CAP_ID_DSN | 1 << 16 | (shown ? 0x200u : 0x300u) << 20);
		assert_int_equal(world_read(world, 0x202, 2) >> 4, shown ? 0x300 : 0);
		stop(world);
	}
}

static void case_14_1_dead_device_is_refused(void **state)
{
	struct world *world = world_filtered();

	(void)state;
	world_nvme(world);
	world->dead = true;
	assert_int_equal(world_open(world), -EPROTO);
	assert_non_null(strstr(world->error.text, "all ones"));
	world_free(world);
}

static void bridges_are_refused(void **state)
{
	struct world *world = world_filtered();

	(void)state;
	world_set(world, PCI_HEADER_TYPE, 1, 0x81);
	assert_int_equal(world_open(world), -ENOTSUP);
	world_free(world);
	world = world_filtered();
	world_exp(world, PCI_EXP_TYPE_ROOT_PORT, 0);
	assert_int_equal(world_open(world), -ENOTSUP);
	world_free(world);
}

static void cut_short_capability_is_refused(void **state)
{
	struct world *world = world_filtered();

	(void)state;
	world_bar(world, 0, 0, 0x4000);
	world_msix(world, 4, 0, 0, 0, 0x1000);
	world_set(world, world_cap(world, 0x58, PCI_CAP_ID_VNDR) + 2, 1, 4); /* MSI-X at 0x50 has 12 bytes */
	assert_int_equal(world_open(world), -EPROTO);
	assert_non_null(strstr(world->error.text, "MSI-X capability at 0x50"));
	world_free(world);
}

static struct world *place(unsigned type, enum lend_place where)
{
	struct world *world = world_filtered();

	world->function_config.place = where;
	world_exp(world, type, 0);
	return start(world);
}

/* Spec 14, case 14. */
static void case_14_14_type_follows_the_place(void **state)
{
	struct lend_link link;
	struct world *world;

	(void)state;
	world = place(PCI_EXP_TYPE_ENDPOINT, LEND_PLACE_PORT);
	assert_int_equal(world_read(world, 0x82, 2), 0x02);
	assert_int_equal(world_read(world, 0x8c, 4), 0x43);
	lend_function_link(world->function, &link, sizeof(link));
	assert_true(link.is_pcie && link.speed == 3 && link.width == 4);
	stop(world);
	world = place(PCI_EXP_TYPE_ENDPOINT, LEND_PLACE_ROOT);
	assert_int_equal(world_read(world, 0x82, 2), 0x92);
	assert_int_equal(world_read(world, 0x8c, 4), 0);
	assert_int_equal(world_read(world, 0x90, 4), 0);
	assert_int_equal(world_read(world, 0xac, 4), 0);
	stop(world);
	world = place(PCI_EXP_TYPE_LEG_END, LEND_PLACE_ROOT);
	assert_int_equal(world_read(world, 0x34, 1), 0);
	stop(world);
	world = place(PCI_EXP_TYPE_RC_END, LEND_PLACE_PORT);
	assert_int_equal(world_read(world, 0x82, 2), 0x02);
	assert_int_equal(world_read(world, 0x8c, 4), 0x11);
	assert_int_equal(world_read(world, 0x90, 4), 0x11 << 16);
	stop(world);
	world = place(PCI_EXP_TYPE_RC_END, LEND_PLACE_ROOT);
	assert_int_equal(world_read(world, 0x82, 2), 0x92);
	stop(world);
}

/* PCI Express 1.x: an integrated endpoint may end before the registers of a link. */
static void integrated_endpoint_without_a_link(void **state)
{
	static const enum lend_place places[] = {LEND_PLACE_PORT, LEND_PLACE_ROOT};

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		unsigned type = i & 2 ? PCI_EXP_TYPE_ENDPOINT : PCI_EXP_TYPE_RC_END, room = i & 4 ? 8 : 12;
		struct world *world = world_filtered();

		world->function_config.place = places[i & 1];
		world_exp(world, type, 0);
		world_set(world, 0x82, 2, 1 | type << 4);
		world_cap(world, 0x80 + room, PCI_CAP_ID_PM);
		if (i >= 2) {
			assert_int_equal(world_open(world), -EPROTO);
			assert_non_null(strstr(world->error.text, "capability at 0x80 has only"));
			world_free(world);
			continue;
		}
		start(world);
		assert_int_equal(world_read(world, 0x82, 2), 0x91);
		assert_int_equal(world_read(world, 0x8c, 2), PCI_CAP_ID_PM);
		stop(world);
	}
}

static void version_zero_becomes_one(void **state)
{
	struct world *world = world_filtered();

	(void)state;
	world_exp(world, PCI_EXP_TYPE_ENDPOINT, 0);
	world_set(world, 0x82, 2, 0);
	start(world);
	assert_int_equal(world_read(world, 0x82, 2), 1);
	stop(world);
}

/* 347f8a036, 421b896ab: bit 7 of the header type is ours, and there is no pin without INTx. */
static void header_fields(void **state)
{
	struct world *world = world_filtered();

	(void)state;
	world_set(world, PCI_HEADER_TYPE, 1, 0x80);
	start(world);
	assert_int_equal(world_read(world, PCI_HEADER_TYPE, 1), 0);
	assert_int_equal(world_read(world, PCI_INTERRUPT_PIN, 1), 0);
	assert_int_equal(world_read(world, PCI_ROM_ADDRESS, 4), 0);
	stop(world);
	world = world_filtered();
	world->function_config.multifunction = true;
	start(world);
	assert_int_equal(world_read(world, PCI_HEADER_TYPE, 1), 0x80);
	stop(world);
}

static void rebar_that_lies_is_hidden(void **state)
{
	static const uint32_t control[] = {0, 7 << 5 | 2 << 8, 1 << 5 | 28 << 8};
	struct world *cut = world_filtered();

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct world *world = world_filtered();

		world_exp(world, PCI_EXP_TYPE_ENDPOINT, 0);
		set_header(world, 0x100, PCI_EXT_CAP_ID_DSN, 0x200);
		set_header(world, 0x200, PCI_EXT_CAP_ID_REBAR, 0);
		world_set(world, 0x208, 4, control[i]);
		start(world);
		assert_int_equal(world_read(world, 0x100, 4), PCI_EXT_CAP_ID_DSN | 1 << 16);
		stop(world);
	}
	/* It says two BARs, and the next capability begins where the second one is told. */
	world_exp(cut, PCI_EXP_TYPE_ENDPOINT, 0);
	set_header(cut, 0x100, PCI_EXT_CAP_ID_REBAR, 0x110);
	set_header(cut, 0x110, PCI_EXT_CAP_ID_DSN, 0);
	world_set(cut, 0x108, 4, 2 << 5 | 2 << 8);
	start(cut);
	assert_int_equal(world_read(cut, 0x100, 4), UINT32_C(0x110) << 20);
	stop(cut);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_id_has_a_row),
		cmocka_unit_test(walk_all_standard_ids),
		cmocka_unit_test(walk_all_extended_ids),
		cmocka_unit_test(case_14_1_dead_device_is_refused),
		cmocka_unit_test(bridges_are_refused),
		cmocka_unit_test(cut_short_capability_is_refused),
		cmocka_unit_test(case_14_14_type_follows_the_place),
		cmocka_unit_test(integrated_endpoint_without_a_link),
		cmocka_unit_test(version_zero_becomes_one),
		cmocka_unit_test(header_fields),
		cmocka_unit_test(rebar_that_lies_is_hidden),
	};

	return cmocka_run_group_tests_name("pci_capabilities", tests, NULL, NULL);
}
