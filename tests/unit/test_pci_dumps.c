/* SPDX-License-Identifier: MIT */
/*
 * Config spaces of real devices (tests/data/config), behind the kernel's
 * filter: the chains that the guest has, by heart; which bytes ones reach, at
 * each place and width; and the same after bytes of them were changed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"
#include "tests/unit/test_pci.h"

struct range {
	uint16_t from, to;
};

struct dump {
	const char *name;
	uint64_t bars[6];
	const char *standard, *extended; /* the guest's chains below a port: ids at offsets */
	const char *on_root;             /* its standard chain on the root bus; NULL: the same */
	struct range reached[40]; /* what a strict guest's writes reach behind the header, below a port */
};

static const struct dump dumps[] = {
	{"atheros-ar928x",
	 {0x10000},
	 "01@40 05@50 10@60 11@90",
	 "0001@100 0002@140 0003@160",
	 "01@40 05@50 11@90",
	 {{0x40, 0x41},
	  {0x42, 0x48},
	  {0x60, 0x61},
	  {0x62, 0x74},
	  {0x104, 0x12c},
	  {0x140, 0x143},
	  {0x144, 0x15c},
	  {0x160, 0x163},
	  {0x164, 0x16c},
	  {0, 0}}},
	{"intel-82545em",
	 {0x20000, 0, 0x40000, 0, 0x40},
	 "01@dc 07@e4 05@f0",
	 "",
	 NULL,
	 {{0xdc, 0xdd}, {0xde, 0xe5}, {0xe6, 0xec}, {0, 0}}},
	{"intel-ich10-hda",
	 {0x4000},
	 "01@50 05@60 10@70",
	 "0002@100",
	 NULL,
	 {{0x50, 0x51}, {0x52, 0x58}, {0x70, 0x71}, {0x72, 0x7c}, {0x104, 0x128}, {0, 0}}},
	{"mellanox-cx3pro",
	 {0x100000, 0, 0x2000000},
	 "01@40 11@9c 10@60",
	 "0000@100 0003@148 0001@154",
	 NULL,
	 {{0x40, 0x41},
	  {0x42, 0x48},
	  {0x60, 0x61},
	  {0x62, 0x9c},
	  {0x148, 0x14b},
	  {0x14c, 0x157},
	  {0x158, 0x180},
	  {0, 0}}},
	{"realtek-rtl8168",
	 {0x100, 0, 0x1000, 0, 0x10000},
	 "01@40 05@50 10@70 11@b0 03@d0",
	 "0001@100 0002@140 0003@160",
	 NULL,
	 {{0x40, 0x41},
	  {0x42, 0x48},
	  {0x70, 0x71},
	  {0x72, 0x84},
	  {0xd0, 0xd1},
	  {0xd2, 0xd8},
	  {0x104, 0x12c},
	  {0x140, 0x143},
	  {0x144, 0x15c},
	  {0x160, 0x163},
	  {0x164, 0x16c},
	  {0, 0}}},
	{"samsung-pm174x",
	 {0x8000},
	 "01@40 10@70 11@b0",
	 "0001@100 0003@148",
	 NULL,
	 {{0x40, 0x41},
	  {0x42, 0x48},
	  {0x70, 0x71},
	  {0x72, 0xac},
	  {0x104, 0x12c},
	  {0x148, 0x14b},
	  {0x14c, 0x154},
	  {0, 0}}},
	{"xilinx-cxl-type3",
	 {0x100000, 0, 0x100000},
	 "10@80 05@e0 01@f8",
	 "000b@100 0001@200 0023@500 0023@540 0023@560 0023@590",
	 NULL,
	 {{0x80, 0x81},
	  {0x82, 0x8c},
	  {0x94, 0xac},
	  {0xf8, 0xf9},
	  {0xfa, 0x100},
	  {0x104, 0x108},
	  {0x200, 0x203},
	  {0x204, 0x22c},
	  {0, 0}}},
	{"nvidia-h200",
	 {0x1000000, 0, UINT64_C(1) << 38, 0, 0x2000000},
	 "01@40 05@48 10@60 11@b0",
	 "0000@100 0018@12c 0001@1b8 000b@2a4 0004@2b8 0003@2f0",
	 NULL,
	 {{0x40, 0x41},
	  {0x42, 0x48},
	  {0x60, 0x61},
	  {0x62, 0x9c},
	  {0x12c, 0x12f},
	  {0x130, 0x134},
	  {0x1b8, 0x1bb},
	  {0x1bc, 0x1e4},
	  {0x2a4, 0x2a7},
	  {0x2a8, 0x2bb},
	  {0x2bc, 0x2c8},
	  {0x2f0, 0x2f3},
	  {0x2f4, 0x2fc},
	  {0, 0}}},
};

enum { DUMPS = sizeof(dumps) / sizeof(*dumps) };

/* Lines of 16 bytes at an offset; those that are not there are 0, and the space is 256 bytes without any
 * beyond. */
static void load(struct world *world, const struct dump *dump)
{
	char path[128], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "tests/data/config/%s.hex", dump->name);
	file = fopen(path, "r");
	assert_non_null(file);
	memset(world->config, 0, sizeof(world->config));
	world->config_size = 256;
	while (fgets(line, sizeof(line), file)) {
		char *at;
		unsigned long offset = strtoul(line, &at, 16);

		if (line[0] == '#')
			continue;
		assert_true(*at++ == ':' && offset < sizeof(world->config));
		if (offset >= 256)
			world->config_size = 4096;
		for (unsigned i = 0; i < 16; i++)
			world->config[offset + i] = (uint8_t)strtoul(at, &at, 16);
	}
	fclose(file);
}

static unsigned find(const struct world *world, uint8_t id)
{
	unsigned at = world->config[PCI_CAPABILITY_LIST] & 0xfc;

	for (unsigned i = 0; i < 48 && at >= 0x40; i++, at = world->config[at + 1] & 0xfc)
		if (world->config[at] == id)
			return at;
	return 0;
}

static struct world *world_of(const struct dump *dump, enum lend_place place, bool strict)
{
	struct world *world = world_new();
	unsigned msi, msix;

	world->filtered = world->mute = world->lenient = true;
	load(world, dump);
	for (unsigned i = 0; i < 6; i++)
		world->regions[i] =
			(struct lend_region){.size = dump->bars[i], .readable = true, .writable = true};
	msi = find(world, PCI_CAP_ID_MSI);
	msix = find(world, PCI_CAP_ID_MSIX);
	world->vectors[LEND_IRQ_INTX] = 1;
	world->vectors[LEND_IRQ_MSI] = msi ? 1u << (world->config[msi + 2] >> 1 & 7) : 0;
	world->vectors[LEND_IRQ_MSIX] = msix ? (world_get(world, msix + 2, 2) & 0x7ff) + 1 : 0;
	world->function_config.place = place;
	world->function_config.strict_config = strict;
	return world;
}

/* As text, "01@40 05@50"; asserts that it ends, and stays in its space. */
static void chain(struct world *world, bool extended, char *out, size_t room)
{
	unsigned at = extended ? 0x100 : world_read(world, PCI_CAPABILITY_LIST, 1), hops = 0;
	uint8_t seen[4096] = {0};

	if (room)
		*out = '\0';
	if (!extended && !(world_read(world, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST))
		return;
	assert_true(at);
	while (at) {
		uint32_t head = world_read(world, at, extended ? 4 : 2);
		size_t used = room ? strlen(out) : 0;

		assert_true(at >= (extended ? 0x100 : 0x40) && !(at & 3) && !seen[at]);
		assert_in_range(hops++, 0, 960);
		seen[at] = 1;
		if (room)
			snprintf(out + used, room - used, extended ? "%s%04x@%03x" : "%s%02x@%02x",
				 used ? " " : "", head & (extended ? 0xffff : 0xff), at);
		at = extended ? head >> 20 : head >> 8;
	}
}

/* Ones at [at, at + width), and back: nothing but these bytes of the device changes. */
static void write_ones(struct world *world, unsigned at, unsigned width, uint8_t *reached)
{
	uint32_t before = world_read(world, at, width);
	uint8_t image[4096];

	memcpy(image, world->config, sizeof(image));
	memset(world->written, 0, sizeof(world->written));
	world_write(world, at, width, UINT32_MAX);
	for (unsigned i = 0; i < width; i++) {
		reached[at + i] |= world->written[at + i];
		world->config[at + i] = image[at + i];
		world->written[at + i] = 0;
	}
	assert_memory_equal(world->config, image, sizeof(image));
	for (unsigned i = 0; i < sizeof(image); i++)
		if (world->written[i])
			fail_msg("a write at 0x%x reaches 0x%x", at, i);
	world_write(world, at, width, before);
	memcpy(world->config, image, sizeof(image));
}

/* BARs are never the guest's. */
static void check_bars(const uint8_t *reached)
{
	for (unsigned i = PCI_BASE_ADDRESS_0; i < PCI_BASE_ADDRESS_5 + 4; i++)
		assert_int_equal(reached[i], 0);
	for (unsigned i = PCI_ROM_ADDRESS; i < PCI_ROM_ADDRESS + 4; i++)
		assert_int_equal(reached[i], 0);
}

/* What a guest can write behind the header, with x-config=strict or without. */
static void present(const struct dump *dump, enum lend_place place, bool strict, uint8_t *reached)
{
	bool root = place == LEND_PLACE_ROOT;
	struct world *world = start(world_of(dump, place, strict));
	char text[512];

	chain(world, false, text, sizeof(text));
	assert_string_equal(text, root && dump->on_root ? dump->on_root : dump->standard);
	if (world->config_size > PCI_CFG_SPACE_SIZE) {
		chain(world, true, text, sizeof(text));
		assert_string_equal(text, dump->extended);
	}
	for (unsigned width = 1; width <= 4; width *= 2)
		for (unsigned at = 0; at + width <= world->config_size; at++)
			write_ones(world, at, width, reached);
	check_bars(reached);
	memset(world->config, 0, sizeof(world->config)); /* nothing pending that quiesce would wait for */
	stop(world);
}

static bool in(const struct range *ranges, unsigned at)
{
	for (; ranges->to; ranges++)
		if (at >= ranges->from && at < ranges->to)
			return true;
	return false;
}

static void each_dump(void **state)
{
	(void)state;
	for (unsigned i = 0; i < DUMPS; i++) {
		uint8_t open[2][4096] = {{0}}, strict[2][4096] = {{0}};

		for (unsigned root = 0; root < 2; root++) {
			enum lend_place place = root ? LEND_PLACE_ROOT : LEND_PLACE_PORT;

			present(&dumps[i], place, false, open[root]);
			present(&dumps[i], place, true, strict[root]);
		}
		for (unsigned at = PCI_STD_HEADER_SIZEOF; at < 4096; at++) {
			if (strict[0][at] != in(dumps[i].reached, at))
				fail_msg("%s: 0x%x is %s", dumps[i].name, at,
					 strict[0][at] ? "open" : "closed");
			for (unsigned root = 0; root < 2; root++)
				assert_true(strict[root][at] <= open[root][at]);
		}
	}
}

static uint32_t next_random(uint32_t *random)
{
	*random = *random * 1664525 + 1013904223;
	return *random >> 8;
}

/* A few bytes are others, most of them headers' and the dword's behind. */
static void mutate(struct world *world, uint32_t *random)
{
	unsigned count = 1 + next_random(random) % 6;

	while (count--) {
		unsigned at = next_random(random) % (unsigned)world->config_size, tries = 64;

		if (next_random(random) & 1)
			at = PCI_CAPABILITY_LIST;
		else
			while (tries-- && !world->config[at])
				at = next_random(random) % (unsigned)world->config_size;
		world->config[at] = (uint8_t)next_random(random);
	}
	world->config[PCI_HEADER_TYPE] &= 0x80;
}

/* Refused with a sentence, or lent with chains that end, few lines of log, and BARs that are the host's. */
static void changed_dumps(void **state)
{
	uint32_t random = 7;
	unsigned lent = 0;

	(void)state;
	for (unsigned round = 0; round < 100 * DUMPS; round++) {
		struct world *world =
			world_of(&dumps[round % DUMPS], round & 16 ? LEND_PLACE_ROOT : LEND_PLACE_PORT,
				 round & 32 ? true : false);
		uint8_t reached[4096] = {0};

		mutate(world, &random);
		if (world_open(world)) {
			assert_true(world->error.text[0]);
			world_free(world);
			continue;
		}
		lent++;
		assert_in_range(world->log_lines, 0, 4);
		chain(world, false, NULL, 0);
		if (world->config_size > PCI_CFG_SPACE_SIZE)
			chain(world, true, NULL, 0);
		for (unsigned at = 0; at + 4 <= world->config_size; at += 4)
			write_ones(world, at, 4, reached);
		check_bars(reached);
		memset(world->config, 0, sizeof(world->config));
		stop(world);
	}
	assert_in_range(lent, 50 * DUMPS, 100 * DUMPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_dump),
		cmocka_unit_test(changed_dumps),
	};

	return cmocka_run_group_tests_name("pci_dumps", tests, NULL, NULL);
}
