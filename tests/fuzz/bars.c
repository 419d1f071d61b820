/* SPDX-License-Identifier: MIT */
/*
 * For libFuzzer: the BARs of a function. The bytes make a device with BARs of all kinds, an
 * expansion ROM, an MSI-X table and a line, and rules of the user; and then a guest that sizes and
 * moves BARs, turns decode and power off, and reads and writes through them. After each step a model
 * says what the guest reads, which bytes of the device change, where each BAR answers, which pages of
 * it need no trap, and which ranges other devices reach:
 *
 *  - A BAR answers while its decode bit is on, the device is in D0, and its address is one.
 *  - The pages of the MSI-X table and those that a rule names trap, and all pages of memory while the
 *    line is served by traps. The reason is told of each page.
 *  - The guest's accesses go to the table, to the ROM's bytes, or to the device unchanged.
 */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lend/reset.h"
#include "tests/fuzz/bars_model.h"
#include "tests/fuzz/input.h"
#include "tests/unit/cmocka.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS = 96, BROKEN_FLR = 1 << 2 };

static void write_config(struct world *world, unsigned offset, unsigned length, uint32_t value)
{
	bool decides = false;

	world_write(world, offset, length, value);
	for (unsigned i = 0; i < length; i++)
		decides |= model_write(offset + i, (uint8_t)(value >> 8 * i));
	if (!decides)
		return;
	model.removed = false;
	model_place();
}

static void read_register(struct world *world, unsigned i)
{
	assert_int_equal(world_read(world, register_of(i), 4), model.bars[i].value);
}

/* 0x100: the device's own byte. */
static unsigned byte_of(unsigned i, uint64_t offset)
{
	if (i == ROM)
		return offset < 1000 ? (uint8_t)(offset * 7) : 0xff;
	if ((int)i != model.table_bar)
		return 0x100;
	if (offset >= model.table && offset < model.table + model.vectors * 16)
		return model.entries[offset - model.table];
	if (offset >= model.pba && offset < model.pba + (model.vectors + 63) / 64 * 8)
		return 0x200; /* of both */
	return 0x100;
}

static bool reaches(unsigned i, uint64_t offset, unsigned length)
{
	const struct fuzz_bar *bar = &model.bars[i];

	if (!bar->placed || offset >= bar->size || length > bar->size - offset)
		return false;
	if (i == ROM) {
		model.rom_read = true;
	} else if (model.line.pending) {
		model.line.pending = false;
	}
	return true;
}

static void read_bar(struct world *world, unsigned i, uint64_t offset, unsigned length)
{
	uint64_t got = lend_function_bar_read(world->function, i, offset, length);
	bool there = reaches(i, offset, length);

	for (unsigned at = 0; at < length; at++) {
		unsigned want = there ? byte_of(i, offset + at) : 0xff;

		if (want & 0x300)
			want = world->bytes[i][(offset + at) % WORLD_BAR_BYTES];
		if ((uint8_t)(got >> 8 * at) != want)
			fail_msg("BAR %u reads 0x%x at 0x%llx instead of 0x%x", i,
				 (unsigned)(got >> 8 * at & 0xff), (unsigned long long)offset + at, want);
	}
}

static void write_bar(struct world *world, unsigned i, uint64_t offset, unsigned length, uint64_t value)
{
	uint8_t before[16];
	bool there;

	if (i == ROM) {
		lend_function_bar_write(world->function, i, offset, length, value);
		return;
	}
	for (unsigned at = 0; at < length; at++)
		before[at] = world->bytes[i][(offset + at) % WORLD_BAR_BYTES];
	lend_function_bar_write(world->function, i, offset, length, value);
	there = reaches(i, offset, length);
	for (unsigned at = 0; at < length; at++) {
		uint8_t byte = (uint8_t)(value >> 8 * at), *entry;
		unsigned whose = byte_of(i, offset + at), bits, in;

		assert_int_equal(world->bytes[i][(offset + at) % WORLD_BAR_BYTES],
				 there && whose == 0x100 ? byte : before[at]);
		if (!there || whose > 0xff)
			continue;
		entry = &model.entries[offset + at - model.table];
		in = (unsigned)(entry - model.entries) % 16;
		bits = !in ? 0xfc : in < 12 ? 0xff : in == 12 ? 1 : 0;
		*entry = (uint8_t)((*entry & ~bits) | (byte & bits));
	}
}

static void raise_line(struct world *world)
{
	bool raised = world_raise(world);

	if (!model.line.on) {
		assert_false(raised);
		return;
	}
	world_run(world);
	if (model.line.bypass) {
		world_eoi(world);
		return;
	}
	assert_int_equal(raised, !model.line.pending);
	model.line.pending = model.line.held = true;
	model.line.timer = world->function_config.intx_timeout_ms;
}

static void end_of_time(struct world *world)
{
	assert_int_equal(world_timer(world), model.line.timer);
	if (!model.line.timer || model.line.pending)
		return;
	model.line.timer = model.line.held = false;
}

/* Somebody on the host turned the device's decode off, and the guest's access met it. */
static void withdraw(struct world *world)
{
	world->config[PCI_COMMAND] = 0;
	lend_function_bar_fault(world->function);
	model.removed = true;
	for (unsigned i = 0; i < BARS; i++)
		model.bars[i].placed = false;
}

/* What the guest programmed is gone. The function comes to life with the first one. */
static void reset(struct world *world)
{
	struct lend_reset_report report;

	assert_int_equal(lend_context_reset(world->context, &world->function, 1, &report, sizeof(report)),
			 model.rules.broken & BROKEN_FLR ? -EOPNOTSUPP : 0);
	for (unsigned i = 0; i < BARS; i++) {
		struct fuzz_bar *bar = &model.bars[i];

		bar->value = bar->kind == PORTS ? 1 : bar->kind == WIDE ? 4 : 0;
		bar->value |= bar->prefetch ? 8 : 0;
		bar->placed = false;
	}
	memset(model.entries, 0, sizeof(model.entries));
	for (unsigned i = 0; i < model.vectors; i++)
		model.entries[i * 16 + 12] = 1;
	model.command = model.power = 0;
	model.removed = model.line.pending = model.line.held = model.line.timer = false;
}

/* As firmware leaves a device: each BAR has a place of its own. */
static void place_all(struct world *world)
{
	for (unsigned i = 0; i < BARS; i++) {
		enum bar_kind kind = model.bars[i].kind;

		if (kind != NONE)
			write_config(world, register_of(i), 4,
				     kind == UPPER   ? 0
				     : kind == PORTS ? 0x1000 + i * 0x100
						     : 0xe0000000 + i * 0x100000 + (i == ROM));
	}
	write_config(world, PCI_COMMAND, 2, 7);
}

static void step(struct world *world, struct input *input)
{
	static const uint8_t widths[] = {1, 2, 4, 8};
	uint8_t what = take(input), which = take(input);
	unsigned width = widths[what >> 4 & 3], i = which % BARS;
	uint64_t offset;

	switch (what & 15) {
	case 0:
		if (width < 8)
			write_config(world, register_of(i) + which / BARS % (5 - width), width,
				     (uint32_t)take_number(input, width));
		break;
	case 1: /* an address near the others' */
		write_config(world, register_of(i), 4,
			     (model.bars[i].kind == UPPER ? 0 : 0xe0000000 + which / BARS * 0x1000u) |
				     (what >> 4 & 1));
		break;
	case 2:
		write_config(world, PCI_COMMAND, 2, which & 7);
		break;
	case 3:
		write_config(world, PCI_COMMAND, 2, (which & 7) | (which & 8 ? LINE_OFF : 0));
		break;
	case 4:
		write_config(world, POWER, 1, which & 3);
		break;
	case 5:
		read_register(world, i);
		break;
	case 6:
		raise_line(world);
		break;
	case 7:
		end_of_time(world);
		break;
	case 8:
		if (which & 1)
			withdraw(world);
		else
			reset(world);
		break;
	case 9:
		write_config(world, register_of(i), 4, UINT32_MAX);
		break;
	case 10:
	case 11: /* where the table is */
		offset = model.table + which / BARS * 8 + take(input) % 16;
		if (model.table_bar >= 0)
			write_bar(world, (unsigned)model.table_bar, offset, width, take_number(input, width));
		break;
	case 12:
	case 13:
		offset = take_number(input, 3) & 0x1ffff;
		write_bar(world, i, offset, width, take_number(input, width));
		break;
	default:
		offset = what & 1 ? take_number(input, 3) & 0x1ffff : model.table + which * 4u;
		read_bar(world, i, offset, width);
	}
}

static void make_bar(struct world *world, unsigned i, struct input *input)
{
	static const uint32_t types[] = {[PORTS] = 1, [NARROW] = 0, [WIDE] = 4};
	uint8_t what = take(input), order = take(input);
	struct fuzz_bar *bar = &model.bars[i];
	uint32_t type;

	if (bar->kind == UPPER)
		return;
	bar->kind = (enum bar_kind)(what & 3);
	if (bar->kind == WIDE && i == 5)
		bar->kind = NARROW;
	if (bar->kind == NONE)
		return;
	bar->size = bar->kind == PORTS ? UINT64_C(4) << order % 6 : UINT64_C(16) << order % 13;
	bar->prefetch = what & 4 && bar->kind != PORTS;
	bar->mapped = !(what & 8) && !model.no_mmap;
	bar->sparse = what & 16 && bar->size >= 0x4000;
	type = types[bar->kind] | (bar->prefetch ? 8 : 0);
	world_bar(world, i, type, bar->size);
	world->unmappable[i] = what & 8;
	if (bar->sparse && !(what & 8)) {
		world->sparse[i] = true;
		world->regions[i].area_count = 2;
		world->areas[i][0] = (struct lend_area){0, PAGE};
		world->areas[i][1] = (struct lend_area){0x2000, PAGE};
	}
	bar->value = type;
	bar->mask = (uint32_t) ~(bar->size - 1);
	if (bar->kind == WIDE) {
		model.bars[i + 1].kind = UPPER;
		model.bars[i + 1].mask = UINT32_MAX;
	}
}

static void make_table(struct world *world, uint8_t what)
{
	model.table_bar = -1;
	for (unsigned i = 0; i < ROM && what & 1 && !model.rules.caps[PCI_CAP_ID_MSIX]; i++) {
		struct fuzz_bar *bar = &model.bars[i];

		if (!is_memory(bar) || bar->size < 0x1000)
			continue;
		model.table_bar = (int)i;
		model.vectors = what / 4 % 64 + 1;
		model.table = bar->size / 2;
		model.pba = what & 2 ? bar->size - 8 : 0;
		if (model.table + model.vectors * 16 > bar->size - 8)
			model.pba = 0;
		world_msix(world, model.vectors, i, (uint32_t)model.table, i, (uint32_t)model.pba);
		for (unsigned j = 0; j < model.vectors; j++)
			model.entries[j * 16 + 12] = 1;
		return;
	}
}

static void make_rom(struct world *world, uint8_t what)
{
	struct fuzz_bar *bar = &model.bars[ROM];

	if (!(what & 1) || model.rules.deny_rom)
		return;
	bar->kind = NARROW;
	bar->size = UINT64_C(0x800) << (what >> 1 & 3);
	bar->mask = (uint32_t) ~(bar->size - 1);
	world->regions[LEND_REGION_ROM] = (struct lend_region){.size = bar->size, .readable = true};
	world->rom_length = 1000;
	for (unsigned i = 0; i < world->rom_length; i++)
		world->rom[i] = (uint8_t)(i * 7);
	model.rom_direct = world->function_config.maps_read_only && !world->function_config.no_mmap;
}

static struct world *make(struct input *input)
{
	struct world *world = world_new();
	uint8_t flags = take(input), table = take(input), rom = take(input);

	memset(&model, 0, sizeof(model));
	world->quirks_dir = fuzz_rules_make(&model.rules, input, RULES_ALL);
	world->mute = true;
	world->function_config.no_mmap = model.no_mmap = (flags & 0x0f) == 1;
	world->fail_mmap = model.fail_mmap = (flags & 0x0f) == 2;
	world->function_config.maps_read_only = flags & 16;
	world->function_config.no_intx_bypass = flags & 32;
	world->function_config.intx_timeout_ms = flags & 64 ? 1100 : 0;
	world->vectors[LEND_IRQ_INTX] = flags >> 7;
	model.line.on = flags >> 7 && !model.rules.forbid_intx;
	model.line.bypass = !(flags & 32);
	world_set(world, world_cap(world, 0x40, PCI_CAP_ID_PM) + PCI_PM_PMC, 2,
		  PCI_PM_CAP_D1 | PCI_PM_CAP_D2 | 3);
	for (unsigned i = 0; i < ROM; i++)
		make_bar(world, i, input);
	make_table(world, table);
	make_rom(world, rom);
	return world;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct world *world = make(&input);

	model_settle();
	assert_int_equal(world_open(world), 0);
	model_check_reasons(world);
	reset(world);
	model_check(world);
	place_all(world);
	model_check(world);
	for (unsigned i = 0; i < STEPS && input.left; i++) {
		step(world, &input);
		model_check(world);
	}
	world_close(world);
	world_free(world);
	return 0;
}
