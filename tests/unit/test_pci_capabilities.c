/* SPDX-License-Identifier: MIT */
/* Capabilities: a row for each id, chains rebuilt, chains that are broken, and what PCI Express says. */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lib/pci/capabilities.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"

static struct world *start(struct world *world)
{
	assert_int_equal(world_open(world), 0);
	world_clear(world);
	return world;
}

static void stop(struct world *world)
{
	world_close(world);
	world_free(world);
}

static void every_id_has_a_row(void **state)
{
	unsigned known = 0;

	(void)state;
	for (unsigned id = 0; id <= 0xffff; id++) {
		const struct cap_row *row = cap_row_extended((uint16_t)id);

		assert_non_null(row);
		assert_true(row->name[0] && row->reason[0]);
		assert_true(row->policy == CAP_EMULATED ? row->setup != NULL : row->policy <= CAP_HIDDEN);
		known += row->id == id;
		if (id > 0xff)
			continue;
		row = cap_row((uint8_t)id);
		assert_true(row->name[0] && row->reason[0]);
		assert_true(row->policy != CAP_EMULATED || row->setup);
		assert_true(id > 0x15 ? !strcmp(row->name, "unknown") : row->id == id);
	}
	assert_int_equal(known, 0x30); /* 0 to 0x2f */
}

/* Each standard id between two others: in the chain or not, as its row says. */
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

/* Spec 14, case 13. */
static void extended_head_hidden(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_exp(world, PCI_EXP_TYPE_ENDPOINT, 0);
	set_header(world, 0x100, PCI_EXT_CAP_ID_SRIOV, 0x180);
	set_header(world, 0x180, PCI_EXT_CAP_ID_ARI, 0x200);
	set_header(world, 0x200, PCI_EXT_CAP_ID_DSN, 0);
	start(world);
	assert_int_equal(world_read(world, 0x100, 4), 0x20000000);
	assert_int_equal(world_read(world, 0x200, 4), PCI_EXT_CAP_ID_DSN | 1 << 16);
	stop(world);
}

static void extended_only_one_hidden(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_exp(world, PCI_EXP_TYPE_ENDPOINT, 0);
	set_header(world, 0x100, PCI_EXT_CAP_ID_SRIOV, 0);
	start(world);
	assert_int_equal(world_read(world, 0x100, 4), 0);
	stop(world);
}

static void standard_only_one_hidden(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_cap(world, 0x40, PCI_CAP_ID_MSI);
	start(world);
	assert_int_equal(world_read(world, PCI_CAPABILITY_LIST, 1), 0);
	assert_int_equal(world_read(world, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST, 0);
	stop(world);
}

/* cloud-hypervisor 009555684, a0065452d: pointers that leave, loop, or have low bits. */
static void broken_standard_chains(void **state)
{
	static const uint8_t bad[] = {0x04, 0x3c, 0x40, 0x60};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad); i++) {
		struct world *world = world_new();

		world_cap(world, 0x40, PCI_CAP_ID_VNDR);
		world_cap(world, 0x60, PCI_CAP_ID_VPD);
		world->config[0x61] = bad[i];
		start(world);
		assert_int_equal(world->log_lines, 1);
		assert_int_equal(world_read(world, 0x34, 1), 0x40);
		assert_int_equal(world_read(world, 0x41, 1), 0x60);
		assert_int_equal(world_read(world, 0x61, 1), 0);
		stop(world);
	}
}

static void pointer_low_bits_are_masked(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_cap(world, 0x40, PCI_CAP_ID_VNDR);
	world->config[0x34] = 0x43;
	world->config[0x41] = 0xff; /* 0xfc: the last place there is */
	world->config[0xfc] = PCI_CAP_ID_VNDR;
	start(world);
	assert_int_equal(world_read(world, 0x34, 1), 0x40);
	assert_int_equal(world_read(world, 0x41, 1), 0xfc);
	assert_int_equal(world->log_lines, 0);
	stop(world);
}

static void longest_standard_chain(void **state)
{
	struct world *world = world_new();

	(void)state;
	for (unsigned at = 0x40; at < 0x100; at += 4)
		world_cap(world, at, PCI_CAP_ID_VNDR);
	start(world);
	assert_int_equal(world->log_lines, 0);
	assert_int_equal(world_read(world, 0xf9, 1), 0xfc);
	stop(world);
}

static void broken_extended_chains(void **state)
{
	static const unsigned bad[] = {0x0f0, 0x004, 0x100, 0x140};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct world *world = world_new();

		world_exp(world, PCI_EXP_TYPE_ENDPOINT, 0);
		set_header(world, 0x100, PCI_EXT_CAP_ID_DSN, 0x140);
		set_header(world, 0x140, PCI_EXT_CAP_ID_VNDR, bad[i]);
		start(world);
		assert_int_equal(world->log_lines, 1);
		assert_int_equal(world_read(world, 0x140, 4), PCI_EXT_CAP_ID_VNDR | 1 << 16);
		stop(world);
	}
}

static void longest_extended_chain(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_exp(world, PCI_EXP_TYPE_ENDPOINT, 0);
	for (unsigned at = 0x100; at < 0x1000; at += 4)
		set_header(world, at, PCI_EXT_CAP_ID_DSN, at + 4 < 0x1000 ? at + 4 : 0);
	start(world);
	assert_int_equal(world->log_lines, 0);
	assert_int_equal(world_read(world, 0xff8, 4) >> 20, 0xffc);
	stop(world);
}

/* Any 4 KiB at all: the function is refused with a sentence, or works within bounds. */
static void random_images(void **state)
{
	uint32_t random = 99;

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		struct world *world = world_new();

		world->mute = true;
		for (unsigned i = 0x10; i < 4096; i++) {
			random = random * 1664525 + 1013904223;
			world->config[i] = (uint8_t)(random >> 24);
		}
		random = random * 1664525 + 1013904223;
		if (random >> 30) { /* else the extended chain is not looked at */
			world_set(world, PCI_CAPABILITY_LIST, 1, 0x80);
			world_set(world, 0x80, 1, PCI_CAP_ID_EXP);
			world_set(world, 0x82, 2, 2);
		}
		world->config[PCI_STATUS] = PCI_STATUS_CAP_LIST;
		world->config[PCI_HEADER_TYPE] = 0;
		if (random >> 28 & 1) /* dense in the ids that are known */
			for (unsigned i = 0x40; i < 0x100; i += 4)
				if (i != 0x80)
					world->config[i] = (uint8_t)(world->config[i] % 0x16);
		world_bar(world, 0, 0, 0x10000);
		world->vectors[LEND_IRQ_MSIX] = 2048;
		if (world_open(world)) {
			assert_true(world->error.text[0]);
			world_free(world);
			continue;
		}
		for (unsigned i = 0; i < 4096; i += 4)
			world_read(world, i, 4);
		world_write(world, PCI_COMMAND, 2, 7);
		memset(world->config, 0,
		       sizeof(world->config)); /* nothing pending that quiesce would wait for */
		stop(world);
	}
}

static void dead_device_is_refused(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_nvme(world);
	world->dead = true;
	assert_int_equal(world_open(world), -EPROTO);
	assert_non_null(strstr(world->error.text, "all ones"));
	world_free(world);
}

static void bridges_are_refused(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_set(world, PCI_HEADER_TYPE, 1, 0x81);
	assert_int_equal(world_open(world), -ENOTSUP);
	world_free(world);
	world = world_new();
	world_exp(world, PCI_EXP_TYPE_ROOT_PORT, 0);
	assert_int_equal(world_open(world), -ENOTSUP);
	world_free(world);
}

static void cut_short_capability_is_refused(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_bar(world, 0, 0, 0x4000);
	world_msix(world, 4, 0, 0, 0, 0x1000);
	world_cap(world, 0x58, PCI_CAP_ID_VNDR); /* MSI-X at 0x50 has 12 bytes */
	assert_int_equal(world_open(world), -EPROTO);
	assert_non_null(strstr(world->error.text, "MSI-X capability at 0x50"));
	world_free(world);
}

static struct world *place(unsigned type, enum lend_place where)
{
	struct world *world = world_new();

	world->place = where;
	world_exp(world, type, 0);
	return start(world);
}

/* Spec 14, case 14. */
static void type_follows_the_place(void **state)
{
	struct lend_link link;
	struct world *world;

	(void)state;
	world = place(PCI_EXP_TYPE_ENDPOINT, LEND_PLACE_PORT);
	assert_int_equal(world_read(world, 0x82, 2), 0x02);
	assert_int_equal(world_read(world, 0x8c, 4), 0x43);
	lend_function_link(world->function, &link);
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
	assert_int_equal(world_read(world, 0x90, 2), 0);
	stop(world);
	world = place(PCI_EXP_TYPE_RC_END, LEND_PLACE_ROOT);
	assert_int_equal(world_read(world, 0x82, 2), 0x92);
	stop(world);
}

static void version_zero_becomes_one(void **state)
{
	struct world *world = world_new();

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
	struct world *world = world_new();

	(void)state;
	world_set(world, PCI_HEADER_TYPE, 1, 0x80);
	start(world);
	assert_int_equal(world_read(world, PCI_HEADER_TYPE, 1), 0);
	assert_int_equal(world_read(world, PCI_INTERRUPT_PIN, 1), 0);
	assert_int_equal(world_read(world, PCI_ROM_ADDRESS, 4), 0);
	stop(world);
	world = world_new();
	world->multifunction = true;
	start(world);
	assert_int_equal(world_read(world, PCI_HEADER_TYPE, 1), 0x80);
	stop(world);
}

static void rebar_that_lies_is_hidden(void **state)
{
	static const uint32_t control[] = {0, 7 << 5 | 2 << 8, 1 << 5 | 28 << 8};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct world *world = world_new();

		world_exp(world, PCI_EXP_TYPE_ENDPOINT, 0);
		set_header(world, 0x100, PCI_EXT_CAP_ID_DSN, 0x200);
		set_header(world, 0x200, PCI_EXT_CAP_ID_REBAR, 0);
		world_set(world, 0x208, 4, control[i]);
		start(world);
		assert_int_equal(world_read(world, 0x100, 4), PCI_EXT_CAP_ID_DSN | 1 << 16);
		stop(world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_id_has_a_row),
		cmocka_unit_test(walk_all_standard_ids),
		cmocka_unit_test(walk_all_extended_ids),
		cmocka_unit_test(extended_head_hidden),
		cmocka_unit_test(extended_only_one_hidden),
		cmocka_unit_test(standard_only_one_hidden),
		cmocka_unit_test(broken_standard_chains),
		cmocka_unit_test(pointer_low_bits_are_masked),
		cmocka_unit_test(longest_standard_chain),
		cmocka_unit_test(broken_extended_chains),
		cmocka_unit_test(longest_extended_chain),
		cmocka_unit_test(random_images),
		cmocka_unit_test(dead_device_is_refused),
		cmocka_unit_test(bridges_are_refused),
		cmocka_unit_test(cut_short_capability_is_refused),
		cmocka_unit_test(type_follows_the_place),
		cmocka_unit_test(version_zero_becomes_one),
		cmocka_unit_test(header_fields),
		cmocka_unit_test(rebar_that_lies_is_hidden),
	};

	return cmocka_run_group_tests_name("pci_capabilities", tests, NULL, NULL);
}
