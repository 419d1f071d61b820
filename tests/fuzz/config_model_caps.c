/* SPDX-License-Identifier: MIT */
/*
 * The model's two chains of capabilities: each is walked in the device's bytes until it ends, leads
 * out of its space, or a second time to the same place. What is hidden is left out of the guest's.
 */
#include <linux/pci_regs.h>

#include "tests/fuzz/config_model.h"

enum { CAPS_MAX = 960, RC_END = 9, LEGACY = 1 };

struct found {
	unsigned at, room;
	unsigned id;
};

struct chain {
	unsigned count;
	struct found caps[CAPS_MAX];
};

static bool seen(const struct chain *chain, unsigned at)
{
	for (unsigned i = 0; i < chain->count; i++)
		if (chain->caps[i].at == at)
			return true;
	return false;
}

static void measure(struct chain *chain, unsigned end)
{
	for (unsigned i = 0; i < chain->count; i++) {
		unsigned next = end;

		for (unsigned j = 0; j < chain->count; j++)
			if (chain->caps[j].at > chain->caps[i].at && chain->caps[j].at < next)
				next = chain->caps[j].at;
		chain->caps[i].room = next - chain->caps[i].at;
	}
}

/* Which of two it is, nobody knows. */
static bool twice(const struct chain *chain, unsigned id)
{
	unsigned count = 0;

	for (unsigned i = 0; i < chain->count; i++)
		count += chain->caps[i].id == id;
	return count > 1;
}

/* Whether `length` bytes at `offset` are in a memory BAR. */
static bool in_memory(const struct config_model *model, const struct world *world, unsigned bar,
		      uint64_t offset, uint64_t length)
{
	uint64_t size = bar < 6 ? world->regions[bar].size : 0;

	if (!size || model_hw(model, PCI_BASE_ADDRESS_0 + 4 * bar, 1) & 1)
		return false;
	return offset < size && length <= size - offset;
}

static bool set_msix(struct config_model *model, const struct world *world, const struct found *cap)
{
	uint32_t table = model_hw(model, cap->at + 4, 4), pba = model_hw(model, cap->at + 8, 4);
	unsigned count = (model_hw(model, cap->at + 2, 2) & 0x7ff) + 1;
	uint64_t table_size = count * UINT64_C(16), pba_size = (count + 63) / 64 * 8, a = table & ~7u,
		 b = pba & ~7u;

	if (!world->vectors[LEND_IRQ_MSIX])
		return false;
	if (!in_memory(model, world, table & 7, a, table_size)) {
		model->refused |= !model->has_line &&
				  (!world->vectors[LEND_IRQ_MSI] || model->rules.caps[PCI_CAP_ID_MSI]);
		return false;
	}
	/* It may be moved to another BAR. */
	if (!in_memory(model, world, pba & 7, b, pba_size) ||
	    ((table & 7) == (pba & 7) && a < b + pba_size && b < a + table_size))
		model->unknown = true;
	model_virtual(model, cap->at, 1, PCI_CAP_ID_MSIX);
	model_virtual(model, cap->at + 2, 2, count - 1);
	model_mask(model, cap->at + 2, 2, 0xc000);
	model_virtual(model, cap->at + 4, 4, table);
	model_virtual(model, cap->at + 8, 4, pba);
	return true;
}

static bool set_msi(struct config_model *model, const struct world *world, const struct found *cap)
{
	unsigned flags = model_hw(model, cap->at + 2, 2) & 0x18e, order = flags >> 1 & 7;
	unsigned data = cap->at + (flags & 0x80 ? 12 : 8), length = 10u + (flags & 0x80 ? 4 : 0);

	length += flags & 0x100 ? 10 : 0;
	if (!world->vectors[LEND_IRQ_MSI] || cap->room < length)
		return false;
	if (order > 5)
		order = 5;
	for (unsigned i = 0; i < length; i++)
		if (i != 1)
			model_virtual(model, cap->at + i, 1, 0);
	model_virtual(model, cap->at, 1, PCI_CAP_ID_MSI);
	model_virtual(model, cap->at + 2, 2, (flags & 0x180) | order << 1);
	model_mask(model, cap->at + 2, 2, 0x71);
	model_mask(model, cap->at + 4, 4, 0xfffffffc);
	if (flags & 0x80)
		model_mask(model, cap->at + 8, 4, UINT32_MAX);
	model_mask(model, data, 2, 0xffff);
	if (flags & 0x100)
		model_mask(model, data + 4, 4, (uint32_t)((UINT64_C(1) << (1u << order)) - 1));
	return true;
}

/* 2.4 of the specification: type and link follow the place in the guest. */
static bool set_express(struct config_model *model, const struct found *cap)
{
	unsigned flags = model_hw(model, cap->at + 2, 2), type = flags >> 4 & 15;

	if ((type > LEGACY && type != RC_END) || (cap->room < 0x14 && type != RC_END))
		model->refused = true;
	model->exp = cap->at;
	if (!(flags & 15))
		model_bits(model, cap->at + 2, 1, 15, 1);
	if (model->root && type == LEGACY)
		return false;
	if (model->root && type == 0) {
		model_bits(model, cap->at + 2, 1, 0xf0, RC_END << 4);
		model_virtual(model, cap->at + 0x0c, 4, 0);
		model_virtual(model, cap->at + 0x10, 4, 0);
		if (cap->room >= 0x34) {
			model_virtual(model, cap->at + 0x2c, 4, 0);
			model_virtual(model, cap->at + 0x30, 4, 0);
		}
	}
	if (!model->root && type == RC_END && cap->room >= 0x14) {
		model_bits(model, cap->at + 2, 1, 0xf0, 0);
		model_virtual(model, cap->at + 0x0c, 4, 0x11);
		model_virtual(model, cap->at + 0x10, 2, 0);
		model_virtual(model, cap->at + 0x12, 2, 0x11);
	}
	return true;
}

/* Whether the guest finds it in its chain. */
static bool set_standard(struct config_model *model, const struct world *world, const struct found *cap)
{
	if (model->rules.caps[cap->id])
		return false;
	switch (cap->id) {
	case PCI_CAP_ID_EA:
	case 0x15: /* flattening portal bridge */
		return false;
	case PCI_CAP_ID_PM:
		model->refused |= cap->room < 8;
		model->power = cap->at;
		model->bytes[cap->at + 4].value = (uint8_t)(model_hw(model, cap->at + 4, 1) & 3);
		model_mask(model, cap->at + 4, 1, 3);
		model_pass(model, cap->at, 8, PASSED);
		return true;
	case PCI_CAP_ID_MSI:
		model->refused |= cap->room < 10;
		return set_msi(model, world, cap);
	case PCI_CAP_ID_EXP:
		model->refused |= cap->room < 12;
		return set_express(model, cap);
	case PCI_CAP_ID_MSIX:
		model->refused |= cap->room < 12;
		return set_msix(model, world, cap);
	default:
		return true;
	}
}

/* Strict: what is in no capability that the guest has cannot be written. */
static void close_gaps(struct config_model *model, const uint8_t *shown, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to && model->strict; i++)
		if (!shown[i])
			model_pass(model, i, 1, BLOCKED);
}

static void walk_standard(const struct config_model *model, struct chain *chain)
{
	unsigned at = model_hw(model, PCI_CAPABILITY_LIST, 1) & ~3u;

	chain->count = 0;
	if (!(model_hw(model, PCI_STATUS, 1) & PCI_STATUS_CAP_LIST))
		return;
	while (at >= PCI_STD_HEADER_SIZEOF && !seen(chain, at)) {
		chain->caps[chain->count++] = (struct found){.at = at, .id = model_hw(model, at, 1)};
		at = model_hw(model, at + 1, 1) & ~3u;
	}
	measure(chain, 256);
}

static void make_standard(struct config_model *model, const struct world *world, struct chain *chain)
{
	static const uint8_t singles[] = {PCI_CAP_ID_PM, PCI_CAP_ID_MSI, PCI_CAP_ID_EXP, PCI_CAP_ID_MSIX};
	unsigned pointer = PCI_CAPABILITY_LIST;
	uint8_t shown[4096] = {0};
	bool any = false;

	for (unsigned i = 0; i < sizeof(singles); i++)
		model->unknown |= twice(chain, singles[i]);
	for (unsigned i = 0; i < chain->count && !model->unknown && !model->refused; i++) {
		const struct found *cap = &chain->caps[i];

		model_virtual(model, cap->at + 1, 1, 0);
		if (!set_standard(model, world, cap)) {
			model_pass(model, cap->at, 2, BLOCKED);
			continue;
		}
		model_virtual(model, pointer, 1, cap->at);
		pointer = cap->at + 1;
		any = true;
		for (unsigned j = 0; j < cap->room; j++)
			shown[cap->at + j] = 1;
	}
	if (model_hw(model, PCI_STATUS, 1) & PCI_STATUS_CAP_LIST) {
		if (!any)
			model_virtual(model, PCI_CAPABILITY_LIST, 1, 0);
		model_bits(model, PCI_STATUS, 1, PCI_STATUS_CAP_LIST, any ? PCI_STATUS_CAP_LIST : 0);
	}
	close_gaps(model, shown, PCI_STD_HEADER_SIZEOF, 256);
}

/* One size each, the present one; what cannot be said so is hidden. */
static bool set_rebar(struct config_model *model, const struct found *cap)
{
	unsigned count = model_hw(model, cap->at + 8, 4) >> 5 & 7;

	if (!count || count > 6 || 4 + count * 8 > cap->room)
		return false;
	for (unsigned i = 0; i < count; i++)
		if ((model_hw(model, cap->at + 8 + i * 8, 4) >> 8 & 0x3f) > 27)
			return false;
	for (unsigned i = 0; i < count; i++) {
		uint32_t control = model_hw(model, cap->at + 8 + i * 8, 4);

		model_virtual(model, cap->at + 4 + i * 8, 4, UINT32_C(1) << ((control >> 8 & 0x3f) + 4));
		model_virtual(model, cap->at + 8 + i * 8, 4, control & 0x3fe7);
	}
	return true;
}

static void set_field(struct config_model *model, unsigned at, uint32_t value, uint32_t mask, uint32_t clear)
{
	model_virtual(model, at, 4, value);
	model_mask(model, at, 4, mask);
	for (unsigned i = 0; i < 4; i++)
		model->bytes[at + i].clear = (uint8_t)(clear >> 8 * i);
}

/* 7.8.4 of PCI Express Base 6.0. */
static void set_errors(struct config_model *model, const struct found *cap)
{
	const uint32_t fatal = 0x07fff030, mild = 0xf1c1, internal = 1 << 22;
	unsigned at = cap->at;

	set_field(model, at + 0x04, 0, 0, fatal);
	set_field(model, at + 0x08, model_hw(model, at + 0x08, 4) & ~internal, fatal, 0);
	set_field(model, at + 0x0c, model_hw(model, at + 0x0c, 4) & ~internal, fatal, 0);
	set_field(model, at + 0x10, 0, 0, mild);
	set_field(model, at + 0x14, model_hw(model, at + 0x14, 4), mild, 0);
	set_field(model, at + 0x18, model_hw(model, at + 0x18, 4) & ~0x1fu, 0, 0);
	for (unsigned i = 0x1c; i < 0x2c; i += 4)
		set_field(model, at + i, 0, 0, 0);
}

/* Registers that a vendor added are closed: as many bytes as they say that they have. */
static void close_vendor(struct config_model *model, const struct found *cap)
{
	bool designated = cap->id == PCI_EXT_CAP_ID_DVSEC;
	unsigned vendor = designated ? model_hw(model, cap->at + 4, 2) : model_hw(model, PCI_VENDOR_ID, 2);
	unsigned length = model_hw(model, cap->at + 4, 4) >> 20;

	if (!designated && cap->id != PCI_EXT_CAP_ID_VNDR)
		return;
	if (!(vendor == 0x1e98 && model->rules.closes_cxl) && !(vendor == 0x1b36 && model->rules.closes_own))
		return;
	model_pass(model, cap->at, length < 4 || length > cap->room ? cap->room : length, BLOCKED);
}

static bool set_extended(struct config_model *model, const struct world *world, const struct found *cap)
{
	if (cap->id < 0x40 && model->rules.extended[cap->id])
		return false;
	close_vendor(model, cap);
	switch (cap->id) {
	case 0:
	case PCI_EXT_CAP_ID_ARI:
	case PCI_EXT_CAP_ID_SRIOV:
	case PCI_EXT_CAP_ID_MRIOV:
	case 0x24: /* the BARs of virtual functions */
		return false;
	case PCI_EXT_CAP_ID_ATS:
		return cap->room >= 8 && world->function_config.ats != LEND_ATS_OFF;
	case PCI_EXT_CAP_ID_REBAR:
		return cap->room >= 12 && set_rebar(model, cap);
	case PCI_EXT_CAP_ID_ERR:
		if (cap->room < 0x2c)
			return false;
		if (model->reports)
			set_errors(model, cap);
		return true;
	default:
		return true;
	}
}

static void walk_extended(const struct config_model *model, struct chain *chain)
{
	unsigned at = 256;

	chain->count = 0;
	while (at >= 256 && !seen(chain, at) && model_hw(model, at, 4) != UINT32_MAX) {
		chain->caps[chain->count++] = (struct found){.at = at, .id = model_hw(model, at, 2)};
		at = model_hw(model, at, 4) >> 20 & ~3u;
	}
	measure(chain, 4096);
}

static void make_extended(struct config_model *model, const struct world *world, struct chain *chain)
{
	uint32_t head = model_hw(model, 256, 4);
	unsigned last = 0;
	uint8_t shown[4096] = {0};

	if (!model->exp || !head || head == UINT32_MAX) {
		model_virtual(model, 256, 4, 0);
		close_gaps(model, shown, 256, 4096);
		return;
	}
	walk_extended(model, chain);
	model->unknown |= twice(chain, PCI_EXT_CAP_ID_ERR) && model->reports;
	model_virtual(model, 256, 4, 0);
	for (unsigned i = 0; i < chain->count; i++) {
		const struct found *cap = &chain->caps[i];
		bool in = set_extended(model, world, cap);

		model_bits(model, cap->at, 4, 0xfff00000, 0);
		if (!in) {
			model_pass(model, cap->at, 4, BLOCKED);
			continue;
		}
		if (cap->at == 256)
			model_virtual(model, 256, 4, head & 0xfffff);
		else
			model_bits(model, last ? last : 256, 4, 0xfff00000, cap->at << 20);
		last = cap->at;
		for (unsigned j = 0; j < cap->room; j++)
			shown[cap->at + j] = 1;
	}
	close_gaps(model, shown, 256, 4096);
}

void config_model_caps(struct config_model *model, const struct world *world)
{
	struct chain chain;

	if (model->refused)
		return;
	walk_standard(model, &chain);
	make_standard(model, world, &chain);
	if (model->size > 256 && !model->refused && !model->unknown)
		make_extended(model, world, &chain);
}
