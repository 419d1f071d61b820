/* SPDX-License-Identifier: MIT */
/*
 * For libFuzzer: chains of capabilities. The bytes are headers, each with its place, its id, where it
 * leads to, and the first two dwords of its registers: loops, chains into the header or out of the
 * space, capabilities inside of each other; and rules of the user, which take some of them from the
 * guest. The guest's chains are compared with config_model.h, then each dword is written once.
 */
#include <string.h>

#include <linux/pci_regs.h>

#include "tests/fuzz/config_model.h"
#include "tests/unit/cmocka.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CAPS = 24 };

/* Returns where it leads to, for the next one: most chains go on. */
static unsigned put(struct world *world, struct input *input, unsigned at, bool extended)
{
	unsigned head = extended ? 4 : 2, id = take(input) % (extended ? 0x32 : 0x16), next = take(input);

	next = extended ? next * 16 : next;
	if (at + 12 > (extended ? 4096 : 256))
		at = (extended ? 4096 : 256) - 12;
	world_set(world, at, head, extended ? id | 1 << 16 | next << 20 : id | next << 8);
	world_set(world, at + head, 4, (uint32_t)take_number(input, 4));
	world_set(world, at + head + 4, 4, (uint32_t)take_number(input, 4));
	return next;
}

static void choose_rules(struct world *world, uint8_t flags)
{
	world->function_config.place = flags & 1 ? LEND_PLACE_ROOT : LEND_PLACE_PORT;
	world->function_config.strict_config = flags & 2;
	world->filtered = flags & 4;
	world->function_config.reports_errors = flags & 8;
	world->function_config.ats = flags & 16 ? LEND_ATS_OFF : LEND_ATS_AUTO;
	world->vectors[LEND_IRQ_INTX] = flags >> 5 & 1;
	world->vectors[LEND_IRQ_MSI] = flags & 64 ? 32 : 0;
	world->vectors[LEND_IRQ_MSIX] = flags & 128 ? 2048 : 0;
}

static void make(struct world *world, struct input *input)
{
	uint8_t first = take(input);
	unsigned standard, extended = 256;

	choose_rules(world, take(input));
	world_bar(world, 0, 0, 0x10000);
	world_set(world, PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
	world_set(world, PCI_CAPABILITY_LIST, 1, first);
	standard = first;
	/* Without PCI Express the extended chain is not looked at: most devices begin with that. */
	if (first & 3) {
		world_set(world, PCI_CAPABILITY_LIST, 1, 0x40);
		standard = take(input);
		world_set(world, 0x40, 4,
			  PCI_CAP_ID_EXP | standard << 8 | (first & 4 ? 0x0002u : 0x0092u) << 16);
	}
	for (unsigned i = 0; i < CAPS && input->left; i++) {
		uint8_t what = take(input);

		if (what & 1) {
			unsigned at = what & 2 ? take(input) * 16u : extended;

			extended = put(world, input, at < 256 ? 256 : at & ~3u, true);
		} else {
			unsigned at = what & 2 ? take(input) : standard;

			standard = put(world, input, at < 0x7c ? 0x7c : at & ~3u, false);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config_model model;
	struct input input = {data, size};
	struct world *world = world_new();

	world->quirks_dir = fuzz_rules_make(&model.rules, &input, RULES_ALL);
	make(world, &input);
	if (config_model_open(&model, world)) {
		config_model_sweep(&model, world);
		for (unsigned at = 0; at < model.size; at += 4)
			config_model_write(&model, world, at, 4, at & 4 ? UINT32_MAX : 0x5a5a5a5a);
		config_model_sweep(&model, world);
		memset(world->config, 0, sizeof(world->config)); /* nothing pending that is waited for */
		world_close(world);
	}
	world_free(world);
	return 0;
}
