/* SPDX-License-Identifier: MIT */
/* The model's header of type 0, and the accesses; see config_model.h. */
#include <string.h>

#include <linux/pci_regs.h>

#include "tests/fuzz/config_model.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_private.h"

uint32_t model_hw(const struct config_model *model, unsigned at, unsigned length)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < length && at + i < model->size; i++)
		value |= (uint32_t)model->hw[at + i] << 8 * i;
	return value;
}

void model_bits(struct config_model *model, unsigned at, unsigned length, uint32_t bits, uint32_t value)
{
	for (unsigned i = 0; i < length && at + i < model->size; i++) {
		struct model_byte *byte = &model->bytes[at + i];
		uint8_t mine = (uint8_t)(bits >> 8 * i);

		byte->virt |= mine;
		byte->value = (uint8_t)((byte->value & ~mine) | ((uint8_t)(value >> 8 * i) & mine));
		if (byte->virt == 0xff)
			byte->passed = BLOCKED;
	}
}

void model_virtual(struct config_model *model, unsigned at, unsigned length, uint32_t value)
{
	model_bits(model, at, length, UINT32_MAX, value);
}

void model_mask(struct config_model *model, unsigned at, unsigned length, uint32_t mask)
{
	for (unsigned i = 0; i < length && at + i < model->size; i++)
		model->bytes[at + i].mask = (uint8_t)(mask >> 8 * i);
}

void model_pass(struct config_model *model, unsigned at, unsigned length, enum passed passed)
{
	for (unsigned i = 0; i < length && at + i < model->size; i++)
		model->bytes[at + i].passed = model->bytes[at + i].virt == 0xff ? BLOCKED : passed;
}

/* 3.1 to 3.3 of the specification: types are the device's, sizes VFIO's. */
static void make_bar(struct config_model *model, const struct world *world, unsigned i)
{
	unsigned at = PCI_BASE_ADDRESS_0 + 4 * i;
	uint64_t size = world->regions[i].size, mask = ~(size - 1);
	uint32_t type = model_hw(model, at, 4);

	if (!size)
		return;
	if (type & 1) {
		model_virtual(model, at, 4, 1);
		model_mask(model, at, 4, (uint32_t)mask);
		return;
	}
	model_virtual(model, at, 4, type & 0xc);
	model_mask(model, at, 4, (uint32_t)mask);
	if (type & 4)
		model_mask(model, at + 4, 4, (uint32_t)(mask >> 32));
}

static void make_header(struct config_model *model, const struct world *world)
{
	uint8_t pin = (uint8_t)model_hw(model, PCI_INTERRUPT_PIN, 1);

	model_pass(model, 0, PCI_STD_HEADER_SIZEOF, PASSED);
	model_bits(model, PCI_COMMAND, 1, 3, 0);
	model_mask(model, PCI_COMMAND, 2, 0x403);
	for (unsigned i = 0; i < 6; i++)
		model_virtual(model, PCI_BASE_ADDRESS_0 + 4 * i, 4, 0);
	for (unsigned i = 0; i < 6; i++)
		make_bar(model, world, i);
	model_virtual(model, PCI_ROM_ADDRESS, 4, 0);
	model->has_line = world->vectors[LEND_IRQ_INTX] && pin && pin <= 4 && !model->rules.forbid_intx;
	model_virtual(model, PCI_INTERRUPT_PIN, 1, model->has_line ? pin : 0);
	model_bits(model, PCI_HEADER_TYPE, 1, 0x80, world->function_config.multifunction ? 0x80 : 0);
	if (world->function_config.ids.given & LEND_ID_DEVICE)
		model_virtual(model, PCI_DEVICE_ID, 2, world->function_config.ids.device);
	if (world->function_config.ids.given & LEND_ID_CLASS)
		model_virtual(model, PCI_CLASS_PROG, 3, world->function_config.ids.class_code);
	if (model_hw(model, 0, 4) == UINT32_MAX || model_hw(model, PCI_HEADER_TYPE, 1) & 0x7f)
		model->refused = true;
}

void config_model_make(struct config_model *model, struct world *world)
{
	const struct fuzz_rules rules = model->rules;

	memset(model, 0, sizeof(*model));
	model->rules = rules;
	model->size = (unsigned)world->config_size;
	model->root = world->function_config.place == LEND_PLACE_ROOT;
	model->strict = world->function_config.strict_config || rules.strict;
	model->reports = world->function_config.reports_errors;
	if (world->filtered)
		fake_kernel_look(world);
	for (unsigned i = 0; i < model->size; i++)
		model->hw[i] = fake_kernel_read(world, i);
	make_header(model, world);
	config_model_caps(model, world);
}

/* 2.6 of the specification: to D0, or from a state to a lower one that the device has. */
static uint8_t power_filter(const struct config_model *model, unsigned at, uint8_t sent)
{
	unsigned from, to = sent & 3, have = model_hw(model, model->power + PCI_PM_PMC, 2);
	bool allowed;

	if (!model->power || at != model->power + PCI_PM_CTRL)
		return sent;
	from = model->bytes[at].value & 3;
	allowed = to == 0 || to == from ||
		  (to > from && (to != 1 || have & PCI_PM_CAP_D1) && (to != 2 || have & PCI_PM_CAP_D2));
	return allowed ? sent : (uint8_t)((sent & ~3) | from);
}

void config_model_write(struct config_model *model, struct world *world, unsigned at, unsigned length,
			uint32_t value)
{
	uint8_t before[4096];
	bool inside = at < model->size && length <= model->size - at;

	memset(world->written, 0, sizeof(world->written));
	memcpy(before, world->config, sizeof(before));
	world_write(world, at, length, value);
	for (unsigned i = 0; i < length && inside; i++) {
		struct model_byte *byte = &model->bytes[at + i];
		uint8_t sent = power_filter(model, at + i, (uint8_t)(value >> 8 * i));

		if (byte->passed != EITHER && world->written[at + i] != (byte->passed == PASSED))
			fail_msg("a write of %u bytes at 0x%x: byte 0x%x %s the device", length, at, at + i,
				 world->written[at + i] ? "reaches" : "does not reach");
		if (world->written[at + i]) {
			assert_int_equal(world->config[at + i],
					 fake_kernel_write(world, at + i, sent) & 0xff);
			before[at + i] = world->config[at + i];
			world->written[at + i] = 0;
		}
		byte->value &= (uint8_t) ~(sent & byte->clear);
		byte->value = (uint8_t)((byte->value & ~byte->mask) | (sent & byte->mask));
	}
	if (memcmp(world->config, before, sizeof(before)) ||
	    memchr(world->written, 1, sizeof(world->written)))
		fail_msg("a write of %u bytes at 0x%x reaches others", length, at);
}

void config_model_read(const struct config_model *model, struct world *world, unsigned at, unsigned length)
{
	uint32_t got = world_read(world, at, length);
	bool inside = at < model->size && length <= model->size - at;

	for (unsigned i = 0; i < length; i++) {
		const struct model_byte *byte = &model->bytes[(at + i) % sizeof(model->hw)];
		uint8_t want = 0xff;

		if (inside)
			want = (uint8_t)((byte->value & byte->virt) |
					 (fake_kernel_read(world, at + i) & ~byte->virt));
		if ((uint8_t)(got >> 8 * i) != want)
			fail_msg("0x%x reads 0x%x instead of 0x%x", at + i, got >> 8 * i & 0xff, want);
	}
}

void config_model_sweep(const struct config_model *model, struct world *world)
{
	for (unsigned at = 0; at < model->size; at += 4)
		config_model_read(model, world, at, 4);
}

bool config_model_open(struct config_model *model, struct world *world)
{
	int ret;

	world->mute = world->lenient = true;
	config_model_make(model, world);
	ret = world_open(world);
	if (ret < 0) {
		assert_true(world->error.text[0] && !strchr(world->error.text, '\n'));
		if (!model->refused && !model->unknown)
			fail_msg("refused: %s", world->error.text);
		return false;
	}
	if (model->refused && !model->unknown)
		fail_msg("not refused");
	if (!model->unknown)
		return true;
	memset(world->config, 0, sizeof(world->config)); /* nothing pending that is waited for */
	world_close(world);
	return false;
}
