/* SPDX-License-Identifier: MIT */
/*
 * For libFuzzer: config space. The bytes choose one of the devices of tests/data/config or 4 KiB
 * without a device's order, change bytes of it, and then are a guest's accesses; compared with
 * config_model.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "tests/fuzz/config_model.h"
#include "tests/unit/cmocka.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DUMPS = 8, STEPS = 64 };

static const char *const names[DUMPS] = {
	"atheros-ar928x",  "intel-82545em",  "intel-ich10-hda",  "mellanox-cx3pro",
	"realtek-rtl8168", "samsung-pm174x", "xilinx-cxl-type3", "nvidia-h200",
};

static uint8_t dumps[DUMPS][4096];
static bool is_long[DUMPS];

static void load(unsigned i)
{
	char path[128], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "tests/data/config/%s.hex", names[i]);
	file = fopen(path, "r");
	if (!file) {
		fprintf(stderr, "%s is not here: run it in the repository's top folder\n", path);
		abort();
	}
	while (fgets(line, sizeof(line), file)) {
		char *at;
		unsigned long offset = strtoul(line, &at, 16);

		if (line[0] == '#' || *at++ != ':' || offset > 4096 - 16)
			continue;
		is_long[i] |= offset >= 256;
		for (unsigned j = 0; j < 16; j++)
			dumps[i][offset + j] = (uint8_t)strtoul(at, &at, 16);
	}
	fclose(file);
}

/* Any bytes, but a device that answers and is no bridge. */
static void scatter(struct world *world, uint32_t random)
{
	for (unsigned i = 0; i < 4096; i++) {
		random = random * 1664525 + 1013904223;
		world->config[i] = (uint8_t)(random >> 24);
	}
	if (random >> 30 & 1) /* most ids are known */
		for (unsigned i = 0x40; i < 0x100; i += 4)
			world->config[i] %= 0x16;
	world->config[PCI_VENDOR_ID] = 0x36;
	world->config[PCI_HEADER_TYPE] &= 0x80;
	world->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
}

static void choose_image(struct world *world, struct input *input)
{
	static bool loaded;
	uint8_t which = take(input);

	for (unsigned i = 0; i < DUMPS && !loaded; i++)
		load(i);
	loaded = true;
	if (which % 16 < DUMPS) {
		memcpy(world->config, dumps[which % 16], sizeof(world->config));
		world->config_size = is_long[which % 16] ? 4096 : 256;
	} else {
		scatter(world, (uint32_t)take_number(input, 4));
		world->config_size = which & 16 ? 256 : 4096;
	}
	for (unsigned count = take(input) % 32; count; count--) {
		unsigned at = (unsigned)take_number(input, 2);

		/* One half of the changes is in the first 256 bytes. */
		world->config[at & 0x8000 ? at % 4096 : at % 256] = take(input);
	}
}

static void choose_regions(struct world *world, struct input *input)
{
	for (unsigned i = 0; i < 6; i++) {
		uint8_t what = take(input);
		uint32_t type = world->config[PCI_BASE_ADDRESS_0 + 4 * i];

		if (!(what & 3) || (i == 5 && (type & 5) == 4))
			continue;
		world->regions[i] =
			(struct lend_region){.size = type & 1 ? 64 : UINT64_C(0x1000) << (what >> 2) % 8,
					     .readable = true,
					     .writable = true};
		if ((type & 5) == 4)
			i++;
	}
	world->vectors[LEND_IRQ_MSI] = take(input) % 33;
	world->vectors[LEND_IRQ_MSIX] = take(input) & 1 ? 2048 : 0;
}

static void choose_rules(struct world *world, uint8_t flags)
{
	struct lend_function_config *config = &world->function_config;

	config->place = flags & 1 ? LEND_PLACE_ROOT : LEND_PLACE_PORT;
	config->strict_config = flags & 2;
	world->filtered = flags & 4;
	config->reports_errors = flags & 8;
	config->multifunction = flags & 16;
	config->ats = flags & 32 ? LEND_ATS_OFF : LEND_ATS_AUTO;
	world->vectors[LEND_IRQ_INTX] = flags >> 6 & 1;
	if (flags & 128)
		config->ids = (struct lend_ids){
			.given = LEND_ID_DEVICE | LEND_ID_CLASS, .device = 0x4321, .class_code = 0x020000};
}

static void step(struct config_model *model, struct world *world, struct input *input)
{
	static const uint8_t widths[] = {1, 2, 4, 3};
	uint8_t what = take(input);
	unsigned width = widths[what >> 1 & 3], at = (unsigned)take_number(input, 2) % 4100;

	if (what & 8)
		at %= 256;
	if (width == 3) /* no access that there is: it is ignored */
		width = what & 16 ? 1 : 4;
	if (what & 1)
		config_model_write(model, world, at, width,
				   what & 32 ? UINT32_MAX : (uint32_t)take_number(input, width));
	config_model_read(model, world, at, width);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config_model model;
	struct input input = {data, size};
	struct world *world = world_new();

	choose_rules(world, take(&input));
	choose_image(world, &input);
	choose_regions(world, &input);
	if (config_model_open(&model, world)) {
		config_model_sweep(&model, world);
		for (unsigned i = 0; i < STEPS && input.left; i++)
			step(&model, world, &input);
		config_model_sweep(&model, world);
		memset(world->config, 0, sizeof(world->config)); /* nothing pending that is waited for */
		world_close(world);
	}
	world_free(world);
	return 0;
}
