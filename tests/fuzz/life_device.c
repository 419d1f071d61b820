/* SPDX-License-Identifier: MIT */
/* The device of the fuzz target life.c: an NVMe drive with BARs of all kinds, and what goes with it. */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include <linux/pci_regs.h>

#include "tests/fuzz/life_model.h"
#include "tests/unit/cmocka.h"

enum { DOORS = 6 };

void life_ways(struct world *world, uint8_t which)
{
	world->fail_reset = which & 1 ? -EIO : 0;
	world->fail_bus_reset = which & 2 ? -EIO : 0;
	world->no_bus = which & 4;
	world->owned = which & 8;
	world->by_id = which & 16;
	world->dependent_count = 1 + (which >> 5) % 3u;
}

static void offer_doors(struct life_model *model, struct input *input)
{
	static const uint8_t lengths[] = {0, 1, 2, 4, 8};
	struct world *world = model->world;

	for (unsigned count = take(input) % (DOORS + 1); count; count--) {
		uint8_t what = take(input);

		world->doorbells[world->doorbell_count].bar = what & 1 ? 0 : what & 2 ? 2 : 4;
		world->doorbells[world->doorbell_count].at = (struct backend_doorbell){
			.offset = (what & 3 ? 0x1ffc : 0) + world->doorbell_count * 8 +
				  (what & 0x40 ? 0x1000 : 0),
			.length = lengths[what % 5],
			.match = what & 0x80,
			.data = what,
			.fd = model->door};
		if (what & 2 && !(what & 1))
			world->doorbells[world->doorbell_count].at.offset &= 0x7ff;
		world->doorbell_count++;
	}
}

static void choose(struct life_model *model, struct input *input)
{
	static const char *const methods[] = {"",          "flr bus",         "pm bus", "bus",
					      "af_flr pm", "device_specific", "acpi",   "flrx"};
	static const enum lend_p2p peers[] = {LEND_P2P_AUTO, LEND_P2P_ON, LEND_P2P_OFF, LEND_P2P_AUTO};
	uint8_t flags = take(input), more = take(input), way = take(input);
	struct world *world = model->world;
	struct lend_function_config *config = &world->function_config;

	world->vectors[LEND_IRQ_INTX] = flags & 1;
	world->vectors[LEND_IRQ_ERR] = flags >> 1 & 1;
	world->vectors[LEND_IRQ_REQ] = flags >> 2 & 1;
	config->no_request = (flags & 0x18) == 0x18;
	config->tells_request = (flags & 0x18) == 0x08;
	config->reports_errors = flags & 0x20;
	config->no_intx_bypass = flags & 0x40;
	config->no_msi_bypass = config->no_msix_bypass = flags & 0x80;
	config->p2p = peers[more & 3];
	config->no_ioeventfd = (more & 0x0c) == 0x0c;
	world->no_host_ioeventfd_here = (more & 0x0c) == 0x08;
	world->noresize = more & 0x10;
	world->hidden_bars = more & 0x20 ? 0x7f : 0;
	world->refuse_notify = (more & 0xc0) == 0xc0;
	config->intx_timeout_ms = more & 0x40 ? 1100 : 0;
	world->reset_methods = methods[way & 7];
	world->can_reset = way & 0x18;
	world->bytes[0][0x3c] = way >> 5 & 1;
	if (way & 0x40)
		world_set(world, EXP_CAP + PCI_EXP_DEVCAP, 4, 0);
	if (way & 0x80)
		world_set(world, 0x44, 2, PCI_PM_CTRL_NO_SOFT_RESET);
	model->flr = !(way & 0x40);
	model->soft = !(way & 0x80);
	life_ways(world, take(input));
	model->hidden = world->hidden_bars;
	model->doors_taken = !config->no_ioeventfd && !world->no_host_ioeventfd_here;
	model->reports = config->reports_errors;
}

void life_make(struct life_model *model, struct input *input)
{
	struct world *world = world_new();

	memset(model, 0, sizeof(*model));
	model->world = world;
	world_nvme(world);
	world_msi(world, 2 << 1 | PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT, 4);
	world_bar(world, 2, 0, 0x1000);
	world_bar(world, 4, PCI_BASE_ADDRESS_SPACE_IO, 0x100);
	world->regions[LEND_REGION_ROM] = (struct lend_region){.size = 0x1000, .readable = true};
	for (uint8_t i = 0; i < 3; i++)
		world->dependents[i] = (struct backend_dependent){{0, 5, 0, i}, -1};
	model->door = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	choose(model, input);
	world->quirks_dir = fuzz_rules_make(&model->rules, input, RULES_RESETS);
	offer_doors(model, input);
	world->fail_at = take(input);
}

void life_open_sibling(struct life_model *model)
{
	struct device_source source = {.bdf = {0, 5, 0, 1},
				       .group = 8,
				       .numa_node = -1,
				       .reset_methods = "flr",
				       .ops = model->world->device->ops};
	struct lend_function_config config = {.size = sizeof(config), .peer = model->world};
	struct world *second;

	if (model->sibling)
		return;
	model->sibling_was_reset = false;
	source.transport = second = model->second = world_new();
	second->mute = true;
	second->regions[LEND_REGION_CONFIG] =
		(struct lend_region){.size = 4096, .readable = true, .writable = true};
	if (device_open_with(model->world->space, &source, &model->sibling_device, NULL) ||
	    lend_function_new(model->sibling_device, &config, &model->sibling, NULL))
		fail_msg("the sibling cannot be opened");
}

void life_close_sibling(struct life_model *model)
{
	if (!model->sibling)
		return;
	lend_function_free(model->sibling);
	lend_device_close(model->sibling_device);
	world_free(model->second);
	model->sibling = NULL;
}
