/* SPDX-License-Identifier: MIT */
/* The devices of the fuzz target quirks.c: one that a quirk knows, and its twin, which none does. */
#include <string.h>

#include <linux/pci_regs.h>

#include "tests/fuzz/quirks_model.h"
#include "tests/unit/cmocka.h"

static void make_bars(const struct quirks_model *model, struct world *world)
{
	uint32_t ports = model->ports ? PCI_BASE_ADDRESS_SPACE_IO : 0;

	if (model->maker == ATI) {
		world_bar(world, 2, PCI_BASE_ADDRESS_MEM_TYPE_64, 0x10000);
		world_bar(world, 4, ports, 0x100);
	} else if (model->maker == NVIDIA) {
		world_bar(world, 0, 0, 0x100000);
		world_bar(world, 5, ports, 0x80);
	} else {
		world_bar(world, 2, PCI_BASE_ADDRESS_MEM_TYPE_64, 0x1000);
		world_bar(world, TABLE_BAR, PCI_BASE_ADDRESS_MEM_TYPE_64, 0x4000);
		world_msix(world, model->vectors, TABLE_BAR, 0, TABLE_BAR, 0x2000);
	}
}

/* No byte of the device is as its neighbour. */
static void fill(struct world *world)
{
	static uint8_t bytes[WORLD_BAR_BYTES];
	static bool made;

	for (unsigned i = 0; i < WORLD_BAR_BYTES && !made; i++)
		bytes[i] = (uint8_t)(i * 7 + (i >> 8));
	made = true;
	for (unsigned bar = 0; bar < 6; bar++)
		if (world->regions[bar].size)
			memcpy(world->bytes[bar], bytes, sizeof(bytes));
	for (unsigned i = 0x3a0; i < 0x400; i++)
		world->vga[i] = (uint8_t)(i * 3);
}

/* `known`: the maker is one that a quirk knows. */
static struct world *make(const struct quirks_model *model, uint8_t flags, bool known)
{
	static const uint32_t ids[] = {[ATI] = 0x67791002, [NVIDIA] = 0x11c010de, [REALTEK] = 0x816810ec};
	struct world *world = world_new();
	uint32_t id = known ? ids[model->maker] : (ids[model->maker] & 0xffff0000) | 0x1b36;

	world->mute = true;
	world_set(world, PCI_VENDOR_ID, 4, id);
	if (known && flags & 1) { /* by the ids that the user gives */
		world_set(world, PCI_VENDOR_ID, 2, 0x1b36);
		world->function_config.ids =
			(struct lend_ids){.given = LEND_ID_VENDOR, .vendor = (uint16_t)id};
	}
	if (model->vga)
		world_vga(world);
	else if (model->maker != REALTEK)
		world_set(world, PCI_CLASS_REVISION, 4, 0x03000000);
	world->function_config.no_geforce = flags & 2;
	world->function_config.no_ioeventfd = !model->learns;
	world->function_config.no_device_ioeventfd = flags & 8;
	world->no_device_ioeventfd_here = flags & 16;
	world->no_host_ioeventfd_here = !model->host_takes;
	world->config_size = flags & 64 ? 256 : 4096;
	make_bars(model, world);
	world_set(world, world_cap(world, POWER_CAP, PCI_CAP_ID_PM) + PCI_PM_PMC, 2,
		  PCI_PM_CAP_D1 | PCI_PM_CAP_D2 | 3);
	if (model->msi)
		world_msi(world, PCI_MSI_FLAGS_64BIT, 1);
	fill(world);
	world->vectors[LEND_IRQ_INTX] = 0;
	assert_int_equal(world_open(world), 0);
	return world;
}

void quirks_open(struct quirks_model *model, struct input *input)
{
	uint8_t kind = take(input), flags = take(input);

	memset(model, 0, sizeof(*model));
	model->maker = (enum maker)(kind % 3);
	model->vga = model->maker != REALTEK && kind & 0x80;
	model->ports = kind & 0x60;
	model->msi = model->maker == NVIDIA && kind & 0x18;
	model->learns = !(flags & 4);
	model->host_takes = !(flags & 32);
	model->kernel_writes = !(flags & 24);
	model->vectors = model->maker == REALTEK ? kind / 3 % VECTORS_MAX + 1u : 0;
	model->mirror = model->maker == NVIDIA && !(flags & 2);
	model->on = model->maker == REALTEK || (model->vga && !(model->maker == NVIDIA && flags & 2));
	model->world = make(model, flags, true);
	model->twin = make(model, flags, false);
	quirks_model_reset(model);
}
