/* SPDX-License-Identifier: MIT */
/*
 * Config space. The reference model here knows each image by heart and works a
 * byte at a time, without the library's tables: what reaches the device and
 * what the guest reads must equal it bit for bit.
 */
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"
#include "tests/unit/test_pci.h"

/* One byte of the model. */
struct byte {
	uint8_t virt;  /* bits that are not the device's */
	uint8_t value; /* of those, and of writable ones */
	uint8_t mask;  /* bits of value that the guest may write */
	bool passed;
};

struct model {
	struct byte bytes[4096];
	unsigned size, pm;
};

static void set(struct model *model, unsigned offset, unsigned length, struct byte byte)
{
	for (unsigned i = 0; i < length; i++)
		model->bytes[offset + i] = byte;
}

static const struct byte zero = {0xff, 0, 0, false};

static void model_bar(struct model *model, unsigned index, uint32_t type, uint64_t size, bool wide)
{
	uint64_t mask = ~(size - 1);

	for (unsigned i = 0; i < (wide ? 8 : 4); i++)
		model->bytes[0x10 + 4 * index + i] =
			(struct byte){0xff, i ? 0 : (uint8_t)type, (uint8_t)(mask >> 8 * i), false};
}

static void model_start(struct model *model, unsigned size)
{
	memset(model, 0, sizeof(*model));
	model->size = size;
	set(model, 0, size, (struct byte){0, 0, 0, true});
	set(model, 0x10, 24, zero);
	set(model, 0x30, 4, zero);
	set(model, 0x3d, 1, zero);
	set(model, 0x04, 1, (struct byte){0x03, 0, 0x03, true});
	set(model, 0x0e, 1, (struct byte){0x80, 0, 0, true});
}

static void model_pointer(struct model *model, unsigned offset, uint8_t value)
{
	set(model, offset, 1, (struct byte){0xff, value, 0, false});
}

static void model_pm(struct model *model, unsigned offset)
{
	model->pm = offset;
	set(model, offset + 4, 1, (struct byte){0, 0, 3, true});
}

static void model_msix(struct model *model, const struct world *world, unsigned offset)
{
	for (unsigned i = 0; i < 12; i++)
		set(model, offset + i, 1, (struct byte){0xff, world->config[offset + i], 0, false});
	model->bytes[offset + 3].mask = 0xc0;
}

/* The next bits of an extended header: bits 31 to 20. */
static void model_next(struct model *model, unsigned offset, unsigned next)
{
	set(model, offset + 2, 1, (struct byte){0xf0, (uint8_t)(next << 4), 0, true});
	set(model, offset + 3, 1, (struct byte){0xff, (uint8_t)(next >> 4), 0, false});
}

static void model_head(struct model *model, uint32_t header)
{
	for (unsigned i = 0; i < 4; i++)
		set(model, 0x100 + i, 1, (struct byte){0xff, (uint8_t)(header >> 8 * i), 0, false});
}

static void nvme(struct world *world, struct model *model)
{
	world_nvme(world);
	model_start(model, 4096);
	model_bar(model, 0, 4, 0x4000, true);
	model->bytes[6] = (struct byte){0x10, 0x10, 0, true};
	model_pointer(model, 0x34, 0x40);
	model_pointer(model, 0x41, 0x50);
	model_pm(model, 0x40);
	model_msix(model, world, 0x50);
	model_pointer(model, 0x51, 0x80);
	model_pointer(model, 0x81, 0);
	model_head(model, 0x15020001);
	model_next(model, 0x150, 0);
}

/* MSI, SR-IOV at the head, ARI and REBAR: what is hidden and what is frozen; I/O and 32-bit BARs. */
static void nic(struct world *world, struct model *model)
{
	world_bar(world, 0, 0, 0x20000);
	world_bar(world, 2, PCI_BASE_ADDRESS_SPACE_IO, 32);
	world_bar(world, 3, PCI_BASE_ADDRESS_MEM_PREFETCH, 0x1000);
	world_cap(world, 0xd0, PCI_CAP_ID_MSI);
	world_cap(world, 0xa0, PCI_CAP_ID_VNDR);
	world_exp(world, PCI_EXP_TYPE_ENDPOINT, 0);
	world_set(world, 0x100, 4, PCI_EXT_CAP_ID_SRIOV | 1 << 16 | 0x200u << 20);
	world_set(world, 0x200, 4, PCI_EXT_CAP_ID_ARI | 1 << 16 | 0x300u << 20);
	world_set(world, 0x300, 4, PCI_EXT_CAP_ID_REBAR | 1 << 16 | 0x400u << 20);
	world_set(world, 0x304, 4, 0xfffff0);
	world_set(world, 0x308, 4, 1 << 5 | 2 << 8);
	world_set(world, 0x400, 4, PCI_EXT_CAP_ID_VNDR | 1 << 16);
	model_start(model, 4096);
	model_bar(model, 0, 0, 0x20000, false);
	model_bar(model, 2, 1, 32, false);
	model_bar(model, 3, 8, 0x1000, false);
	model->bytes[6] = (struct byte){0x10, 0x10, 0, true};
	model_pointer(model, 0x34, 0xa0);
	set(model, 0xd0, 10, (struct byte){0, 0, 0, false});
	model_pointer(model, 0xd1, 0);
	model_pointer(model, 0xa1, 0x80);
	model_pointer(model, 0x81, 0);
	set(model, 0x100, 0x40, (struct byte){0, 0, 0, false});
	model_head(model, 0x30000000);
	set(model, 0x200, 8, (struct byte){0, 0, 0, false});
	model->bytes[0x202].virt = 0xf0;
	model->bytes[0x203].virt = 0xff;
	for (unsigned i = 0; i < 8; i++)
		set(model, 0x304 + i, 1, zero);
	model->bytes[0x304].value = 0x40;
	model->bytes[0x308].value = 0x20;
	model->bytes[0x309].value = 0x02;
	model_next(model, 0x300, 0x400);
	model_next(model, 0x400, 0);
}

/* A conventional device: 256 bytes, no PCI Express. */
static void conventional(struct world *world, struct model *model)
{
	world->config_size = 256;
	world_bar(world, 0, 0, 0x1000);
	world_bar(world, 1, PCI_BASE_ADDRESS_SPACE_IO, 64);
	world_set(world, world_cap(world, 0xdc, PCI_CAP_ID_PM) + PCI_PM_PMC, 2, PCI_PM_CAP_D1 | 2);
	model_start(model, 256);
	model_bar(model, 0, 0, 0x1000, false);
	model_bar(model, 1, 1, 64, false);
	model->bytes[6] = (struct byte){0x10, 0x10, 0, true};
	model_pointer(model, 0x34, 0xdc);
	model_pointer(model, 0xdd, 0);
	model_pm(model, 0xdc);
}

/* Nothing at all. */
static void bare(struct world *world, struct model *model)
{
	(void)world;
	model_start(model, 4096);
	model_head(model, 0);
}

/* Spec 2.6, by hand: which power states can follow which. */
static bool power_allowed(const struct world *world, unsigned pm, unsigned from, unsigned to)
{
	if (to == 0 || to == from)
		return true;
	if (to < from)
		return false;
	if (to == 1)
		return world_get(world, pm + 2, 2) & PCI_PM_CAP_D1;
	if (to == 2)
		return world_get(world, pm + 2, 2) & PCI_PM_CAP_D2;
	return true;
}

static void check_write(struct world *world, struct model *model, unsigned offset, unsigned length,
			uint32_t value)
{
	uint8_t before[4];

	memset(world->written + offset, 0, length);
	memcpy(before, world->config + offset, length);
	world_clear(world);
	world_write(world, offset, length, value);
	for (unsigned i = 0; i < length; i++) {
		struct byte *byte = &model->bytes[offset + i];
		uint8_t sent = (uint8_t)(value >> 8 * i);

		if (model->pm && offset + i == model->pm + 4 &&
		    !power_allowed(world, model->pm, byte->value & 3, sent & 3))
			sent = (uint8_t)((sent & ~3) | (byte->value & 3));
		assert_int_equal(world->written[offset + i], byte->passed);
		assert_int_equal(world->config[offset + i], byte->passed ? sent : before[i]);
		byte->value = (uint8_t)((byte->value & ~byte->mask) | (sent & byte->mask));
	}
}

static void check_read(struct world *world, const struct model *model, unsigned offset, unsigned length)
{
	uint32_t got = world_read(world, offset, length);

	for (unsigned i = 0; i < length; i++) {
		const struct byte *byte = &model->bytes[offset + i];
		uint8_t want =
			(uint8_t)((byte->value & byte->virt) | (world->config[offset + i] & ~byte->virt));

		if ((uint8_t)(got >> 8 * i) != want)
			fail_msg("offset 0x%x: 0x%x instead of 0x%x", offset + i, got >> 8 * i & 0xff, want);
	}
}

static void run_model(void (*make)(struct world *world, struct model *model))
{
	static const unsigned widths[] = {1, 2, 4};
	struct world *world = world_new();
	struct model *model = malloc(sizeof(*model));
	uint8_t image[4096];
	uint32_t random = 12345;

	assert_non_null(model);
	for (unsigned i = 0x40; i < 0x100; i++)
		world->config[i] = 0;
	make(world, model);
	memcpy(image, world->config, sizeof(image));
	assert_int_equal(world_open(world), 0);
	for (unsigned w = 0; w < 3; w++) {
		for (unsigned offset = 0; offset + widths[w] <= model->size; offset++) {
			for (unsigned round = 0; round < 3; round++) {
				random = random * 1664525 + 1013904223;
				check_write(world, model, offset, widths[w],
					    round == 0   ? 0
					    : round == 1 ? UINT32_MAX
							 : random);
				check_read(world, model, offset, widths[w]);
				/* PMC and the like decide on later writes: put the device back as it was. */
				for (unsigned i = 0; i < widths[w]; i++)
					world->config[offset + i] = image[offset + i];
			}
		}
	}
	world_close(world);
	world_free(world);
	free(model);
}

static void model_nvme(void **state)
{
	(void)state;
	run_model(nvme);
}

static void model_nic(void **state)
{
	(void)state;
	run_model(nic);
}

static void model_conventional(void **state)
{
	(void)state;
	run_model(conventional);
}

static void model_bare(void **state)
{
	(void)state;
	run_model(bare);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(model_nvme),
		cmocka_unit_test(model_nic),
		cmocka_unit_test(model_conventional),
		cmocka_unit_test(model_bare),
	};

	return cmocka_run_group_tests_name("pci_model", tests, NULL, NULL);
}
