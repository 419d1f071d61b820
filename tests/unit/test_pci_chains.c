/* SPDX-License-Identifier: MIT */
/* Chains of capabilities: rebuilt without what is hidden, broken, too long, random. */
#include <string.h>

#include <linux/pci_regs.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"
#include "tests/unit/test_pci.h"

static void set_header(struct world *world, unsigned at, unsigned id, unsigned next)
{
	world_set(world, at, 4, id | 1 << 16 | next << 20);
}

/* The kernel takes one without a length out. */
static void vendor(struct world *world, unsigned at)
{
	world_set(world, world_cap(world, at, PCI_CAP_ID_VNDR) + 2, 1, 4);
}

/* Spec 14, case 13. */
static void case_14_13_head_hidden(void **state)
{
	struct world *world = world_filtered();

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

static void case_14_13_only_one_hidden(void **state)
{
	struct world *world = world_filtered();

	(void)state;
	world_exp(world, PCI_EXP_TYPE_ENDPOINT, 0);
	set_header(world, 0x100, PCI_EXT_CAP_ID_SRIOV, 0);
	start(world);
	assert_int_equal(world_read(world, 0x100, 4), 0);
	stop(world);
}

static void standard_only_one_hidden(void **state)
{
	struct world *world = world_filtered();

	(void)state;
	world_cap(world, 0x40, PCI_CAP_ID_MSI);
	start(world);
	assert_int_equal(world_read(world, PCI_CAPABILITY_LIST, 1), 0);
	assert_int_equal(world_read(world, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST, 0);
	stop(world);
}

/* cloud-hypervisor 009555684, a0065452d: pointers that leave, loop, or have low bits. */
static void ch_009555684_broken_standard_chains(void **state)
{
	static const uint8_t bad[] = {0x04, 0x3c, 0x40, 0x60};

	(void)state;
	for (unsigned i = 0; i < 2 * sizeof(bad); i++) {
		struct world *world = i & 1 ? world_filtered() : world_new();

		vendor(world, 0x40);
		world_cap(world, 0x60, PCI_CAP_ID_VPD);
		world->config[0x61] = bad[i / 2];
		start(world);
		/* What leads into the header the kernel ends itself. */
		assert_int_equal(world->log_lines, i & 1 && bad[i / 2] < 0x40 ? 0 : 1);
		assert_int_equal(world_read(world, 0x34, 1), 0x40);
		assert_int_equal(world_read(world, 0x41, 1), 0x60);
		assert_int_equal(world_read(world, 0x61, 1), 0);
		stop(world);
	}
}

static void ch_a0065452d_low_bits_are_masked(void **state)
{
	struct world *world = world_new();

	(void)state;
	vendor(world, 0x40);
	world->config[0x34] = 0x43;
	world->config[0x41] = 0xff; /* 0xfc: the last place there is */
	world->config[0xfc] = PCI_CAP_ID_VNDR;
	world->config[0xfe] = 4;
	start(world);
	assert_int_equal(world_read(world, 0x34, 1), 0x40);
	assert_int_equal(world_read(world, 0x41, 1), 0xfc);
	assert_int_equal(world->log_lines, 0);
	stop(world);
}

static void longest_standard_chain(void **state)
{
	struct world *world = world_filtered();

	(void)state;
	for (unsigned at = 0x40; at < 0x100; at += 4)
		vendor(world, at);
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
		struct world *world = world_filtered();

		world_exp(world, PCI_EXP_TYPE_ENDPOINT, 0);
		set_header(world, 0x100, PCI_EXT_CAP_ID_DSN, 0x140);
		set_header(world, 0x140, PCI_EXT_CAP_ID_PWR, bad[i]);
		start(world);
		assert_int_equal(world->log_lines, 1);
		assert_int_equal(world_read(world, 0x140, 4), PCI_EXT_CAP_ID_PWR | 1 << 16);
		stop(world);
	}
}

static void longest_extended_chain(void **state)
{
	struct world *world = world_filtered();

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
		struct world *world = world_filtered();

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(case_14_13_head_hidden),
		cmocka_unit_test(case_14_13_only_one_hidden),
		cmocka_unit_test(standard_only_one_hidden),
		cmocka_unit_test(ch_009555684_broken_standard_chains),
		cmocka_unit_test(ch_a0065452d_low_bits_are_masked),
		cmocka_unit_test(longest_standard_chain),
		cmocka_unit_test(broken_extended_chains),
		cmocka_unit_test(longest_extended_chain),
		cmocka_unit_test(random_images),
	};

	return cmocka_run_group_tests_name("pci_chains", tests, NULL, NULL);
}
