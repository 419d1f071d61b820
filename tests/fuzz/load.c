/* SPDX-License-Identifier: MIT */
/*
 * For libFuzzer: the saved state of a function. It is that of a working function, with bytes changed or
 * its end cut off. It is refused, and the function is as it was; or it is loaded: its table is the
 * function's, and what is saved again is what a third function becomes, bit for bit, with its BARs and
 * vectors where the second has them.
 */
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lib/pci/life/state_file.h"
#include "tests/fuzz/input.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the monitor was told. */
struct told {
	struct world_bar bars[7];
	bool attached[64];
	bool on;
};

static struct state_file first, second, third;

static struct world *open_one(uint8_t kind)
{
	struct world *world = world_new();

	world->mute = true;
	switch (kind & 3) {
	case 0:
		world_nvme(world);
		break;
	case 1:
		world_bar(world, 0, 0, 0x1000);
		world_msi(world, PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT | 2 << 1, 4);
		break;
	case 2:
		world_bar(world, 0, 0, 0x1000);
		world_bar(world, 1, PCI_BASE_ADDRESS_SPACE_IO, 0x40);
		world->config_size = 256;
		break;
	default:
		world_nvme(world);
		world_msi(world, PCI_MSI_FLAGS_64BIT | 1 << 1, 2);
	}
	world->vectors[LEND_IRQ_INTX] = kind >> 2 & 1;
	assert_int_equal(world_open(world), 0);
	return world;
}

static void close_one(struct world *world)
{
	world_close(world);
	world_free(world);
}

static void save(struct world *world, struct state_file *out)
{
	assert_int_equal(lend_function_save(world->function, out, sizeof(*out)), sizeof(*out));
}

static void tell(const struct world *world, struct told *out)
{
	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < 7; i++)
		if (world->bars[i].placed)
			out->bars[i] = (struct world_bar){.placed = true, .address = world->bars[i].address};
	for (unsigned i = 0; i < 64; i++)
		out->attached[i] = world->routes[i].attached >= 0;
	out->on = world->msix_on;
}

/* A guest that did something. */
static void work(struct world *world, uint8_t kind, struct input *input)
{
	world_start(world);
	if (kind & 8)
		world_write(world, PCI_BASE_ADDRESS_1, 4, 0xc001);
	if (!(kind & 3)) {
		world_write(world, 0x53, 1, 0x80);
		for (unsigned count = take(input) % 8; count; count--) {
			unsigned vector = take(input) % 64;

			world_vector(world, vector, 0xfee00000, vector + 0x31, false);
			world_vector(world, vector, 0xfee00000, vector + 0x31, kind & 16);
			world_interrupt(world, vector);
		}
	} else if (kind & 1) {
		world_write(world, 0x60 + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE | 1 << 4);
	}
}

/* Returns how many bytes are left of it. */
static size_t change(struct input *input)
{
	uint8_t *bytes = (uint8_t *)&first;
	uint8_t how = take(input);

	for (unsigned count = how & 63; count; count--) {
		size_t at = take_number(input, 2);

		bytes[at & 0x8000 ? at % sizeof(first) : at % (sizeof(first.config) + 32)] = take(input);
	}
	return how & 64 ? (size_t)take_number(input, 2) % sizeof(first) : sizeof(first);
}

/* The bits of a device are those that it has, whatever the state says: its memory goes along. */
static void load_again(uint8_t kind, const uint8_t *config, const struct told *want)
{
	struct world *world = open_one(kind);
	struct told told;

	memcpy(world->config, config, sizeof(world->config));
	assert_int_equal(lend_function_load(world->function, &second, sizeof(second), &world->error), 0);
	save(world, &third);
	tell(world, &told);
	if (memcmp(&second, &third, sizeof(second)))
		for (size_t i = 0; i < sizeof(second); i++)
			if (((uint8_t *)&second)[i] != ((uint8_t *)&third)[i])
				fail_msg("byte 0x%zx of the state is 0x%x and not 0x%x", i,
					 ((uint8_t *)&third)[i], ((uint8_t *)&second)[i]);
	assert_memory_equal(&told, want, sizeof(told));
	close_one(world);
}

/* The table is what the state says, in the bits that a guest can write. */
static void check_table(void)
{
	for (unsigned i = 0; i < second.msix_count * 16; i++) {
		unsigned in = i % 16, bits = !in ? 0xfc : in < 12 ? 0xff : in == 12 ? 1 : 0;

		if (second.table[i] != (first.table[i] & bits))
			fail_msg("byte 0x%x of the table is 0x%x and not 0x%x", i, second.table[i],
				 first.table[i] & bits);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	uint8_t kind = take(&input), config[4096];
	struct world *world = open_one(kind);
	struct told told;
	size_t length;
	int ret;

	work(world, kind, &input);
	save(world, &first);
	close_one(world);
	length = change(&input);
	world = open_one(kind);
	save(world, &second);
	ret = lend_function_load(world->function, &first, length, &world->error);
	save(world, ret < 0 ? &third : &second);
	tell(world, &told);
	memcpy(config, world->config, sizeof(config));
	if (ret < 0)
		assert_memory_equal(&second, &third, sizeof(second));
	close_one(world);
	if (ret >= 0) {
		check_table();
		load_again(kind, config, &told);
	}
	return 0;
}
