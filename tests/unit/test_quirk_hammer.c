/* SPDX-License-Identifier: MIT */
/*
 * Every quirk with windows, hammered: random registers, offsets and widths. The
 * fake device takes an access that leaves a region for a violation, and
 * world_close() one that leaves something behind.
 */
#include "tests/unit/test_quirk.h"

enum { ROUNDS = 200000, ROOM = 0x40 };

static uint64_t seed;

static uint64_t any(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Around interesting places, with values that select interesting things. */
static void hammer(struct world *world, const uint64_t *places, unsigned count, unsigned bar)
{
	static const uint64_t values[] = {0,          1,          0x338,      0x538,   0x738,  0x1800,
					  0x18fe,     0x88000,    0x88ffd,    0x4000,  0x4ffe, 0x8001f000,
					  0x0001ffff, 0x8001fffc, UINT32_MAX, 0x88068, 0x1860};

	seed = 0x9e3779b97f4a7c15;
	world->mute = true;
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t at = places[any() % count] + any() % ROOM;
		unsigned length = (unsigned)(any() % 10);
		uint64_t value = any() & 3 ? values[any() % (sizeof(values) / sizeof(*values))] : any();
		bool legacy = world->function_config.vga && any() & 1;
		uint32_t port = 0x3ae + (uint32_t)(any() % 0x34);

		/* Whatever it wrote to COMMAND and BARs by a mirror: the next round shall reach it again. */
		if (!(i % 64)) {
			world_write(world, PCI_BASE_ADDRESS_0 + 4 * bar, 4,
				    world->config[PCI_BASE_ADDRESS_0 + 4 * bar] & 1 ? 0xc000 : 0xe0000000);
			world_write(world, PCI_BASE_ADDRESS_0 + 4 * bar + 4, 4, 0);
			world_write(world, PCI_COMMAND, 2, DECODE);
		}
		if (legacy && value & 1)
			vga_put(world, port, length, value);
		else if (legacy)
			vga_get(world, port, length);
		else if (any() & 1)
			bar_put(world, bar, at, length, value);
		else
			bar_get(world, bar, at, length);
	}
	stop(world);
}

static void ati(void **state)
{
	static const uint64_t window[] = {0}, mirror[] = {0x3ff0, 0x40e0};

	(void)state;
	for (unsigned bar = 2; bar <= 4; bar += 2) {
		struct world *world = device(0x1002, 0x6779, 0x030000);

		world_vga(world);
		world_bar(world, 2, PCI_BASE_ADDRESS_MEM_TYPE_64, 0x10000);
		world_bar(world, 4, PCI_BASE_ADDRESS_SPACE_IO, 0x100);
		hammer(run(world, bar), bar == 2 ? mirror : window, bar == 2 ? 2 : 1, bar);
	}
}

static void nvidia(void **state)
{
	static const uint64_t window[] = {0}, mirror[] = {0x1840, 0x88040, 0x88ff0, 0x17f0};

	(void)state;
	for (unsigned bar = 0; bar <= 5; bar += 5) {
		struct world *world = device(0x10de, 0x11c0, 0x030000);

		world_vga(world);
		world_bar(world, 0, 0, 0x1000000);
		world_bar(world, 5, PCI_BASE_ADDRESS_SPACE_IO, 0x80);
		world_msi(world, PCI_MSI_FLAGS_64BIT, 1);
		hammer(run(world, bar), bar ? window : mirror, bar ? 1 : 4, bar);
	}
}

static void realtek(void **state)
{
	static const uint64_t door[] = {0x50};
	struct world *world = device(0x10ec, 0x8168, 0x020000);

	(void)state;
	world_bar(world, 2, PCI_BASE_ADDRESS_MEM_TYPE_64, 0x1000);
	world_bar(world, 4, PCI_BASE_ADDRESS_MEM_TYPE_64, 0x4000);
	world_msix(world, 4, 4, 0, 4, 0x800);
	hammer(run(world, 2), door, 1, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ati),
		cmocka_unit_test(nvidia),
		cmocka_unit_test(realtek),
	};

	return cmocka_run_group_tests_name("quirk_hammer", tests, NULL, NULL);
}
