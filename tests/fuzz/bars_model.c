/* SPDX-License-Identifier: MIT */
/* See bars_model.h. */
#include "tests/fuzz/bars_model.h"
#include "tests/unit/cmocka.h"

struct bars_model model;

/* Where the registers say that a BAR is. */
static bool answers(unsigned i, uint64_t *address)
{
	const struct fuzz_bar *bar = &model.bars[i];
	uint64_t at = bar->value & bar->mask;
	uint64_t limit = bar->kind == PORTS ? UINT16_MAX : bar->kind == WIDE ? INT64_MAX : UINT32_MAX - 1;

	if (bar->kind == NONE || bar->kind == UPPER || model.power || model.removed)
		return false;
	if (!(model.command & (bar->kind == PORTS ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY)))
		return false;
	if (i == ROM && !(bar->value & 1))
		return false;
	at &= ~UINT64_C(1);
	if (bar->kind == WIDE)
		at |= (uint64_t)model.bars[i + 1].value << 32;
	if (!at || at > limit || bar->size - 1 > limit - at)
		return false;
	*address = at;
	return true;
}

void model_place(void)
{
	for (unsigned i = 0; i < BARS; i++)
		model.bars[i].placed = answers(i, &model.bars[i].address);
}

static bool in_range(uint64_t page, uint64_t at, uint64_t length)
{
	return page < at + length && page + PAGE > at;
}

/* A range that is not in the BAR is no rule. */
static bool rule_traps(unsigned i, uint64_t page)
{
	for (unsigned j = 0; j < model.rules.trap_count; j++) {
		uint64_t at = model.rules.traps[j].offset, length = model.rules.traps[j].length;

		if (model.rules.traps[j].bar == i && at < model.bars[i].size &&
		    length <= model.bars[i].size - at && in_range(page, at, length))
			return true;
	}
	return false;
}

static bool has_table(unsigned i, uint64_t page)
{
	return model.table_bar == (int)i && in_range(page, model.table, model.vectors * 16);
}

/* Whether a page of a memory BAR can be mapped: the host's side of it, without what holds it back now. */
static bool mappable(unsigned i, uint64_t page)
{
	const struct fuzz_bar *bar = &model.bars[i];

	if (!bar->mapped || !is_memory(bar) || i == ROM)
		return false;
	if (has_table(i, page) || rule_traps(i, page))
		return false;
	return !bar->sparse || page == 0 || page == 0x2000;
}

static bool direct(unsigned i, uint64_t page)
{
	const struct fuzz_bar *bar = &model.bars[i];

	if (i == ROM)
		return model.rom_direct && model.rom_read && bar->size >= PAGE;
	if (model.line.held)
		return false;
	return mappable(i, page) && (bar->size >= PAGE || !(bar->address % PAGE));
}

static void check_direct(const struct world *world, unsigned i)
{
	const struct world_bar *told = &world->bars[i];
	uint64_t size = model.bars[i].size < PAGE ? PAGE : model.bars[i].size;

	for (uint64_t page = 0; page < size; page += PAGE) {
		bool found = false;

		for (unsigned j = 0; j < told->direct_count; j++)
			found |= told->direct[j].offset <= page &&
				 page + PAGE <= told->direct[j].offset + told->direct[j].length;
		if (found != direct(i, page))
			fail_msg("BAR %u: page 0x%llx is %sdirect", i, (unsigned long long)page,
				 found ? "" : "not ");
	}
}

static bool overlapping(void)
{
	for (unsigned i = 0; i < ROM; i++)
		for (unsigned j = 0; j < i; j++) {
			const struct fuzz_bar *a = &model.bars[i], *b = &model.bars[j];

			if (a->placed && b->placed && a->address < b->address + b->size + PAGE &&
			    b->address < a->address + a->size + PAGE)
				return true;
		}
	return false;
}

/* What other devices reach: all that can be mapped, of BARs of a page or more. */
static void check_peers(const struct world *world)
{
	uint64_t expected = 0, mapped = 0;

	for (unsigned i = 0; i < ROM; i++)
		for (uint64_t page = 0; model.bars[i].placed && page + PAGE <= model.bars[i].size;
		     page += PAGE) {
			bool found = false;

			for (unsigned j = 0; j < world->map_count; j++)
				found |= world->maps[j].iova <= model.bars[i].address + page &&
					 model.bars[i].address + page + PAGE <=
						 world->maps[j].iova + world->maps[j].length;
			if (found != mappable(i, page))
				fail_msg("BAR %u: page 0x%llx is %sreached by others", i,
					 (unsigned long long)page, found ? "" : "not ");
			expected += found ? PAGE : 0;
		}
	for (unsigned j = 0; j < world->map_count; j++)
		mapped += world->maps[j].length;
	assert_true(mapped == expected);
}

void model_check(const struct world *world)
{
	for (unsigned i = 0; i < BARS; i++) {
		const struct fuzz_bar *bar = &model.bars[i];

		if (bar->placed != world->bars[i].placed)
			fail_msg("BAR %u is %splaced", i, bar->placed ? "not " : "");
		if (!bar->placed)
			continue;
		assert_true(bar->address == world->bars[i].address && bar->size == world->bars[i].size);
		if (bar->kind != PORTS)
			check_direct(world, i);
		else
			assert_int_equal(world->bars[i].direct_count, 0);
	}
	if (!overlapping())
		check_peers(world);
	assert_int_equal(world->line.raised, model.line.pending && !(model.command & LINE_OFF));
	assert_int_equal(world->timer.nanoseconds != 0, model.line.timer);
}

void model_settle(void)
{
	for (unsigned i = 0; i < ROM; i++) {
		struct fuzz_bar *bar = &model.bars[i];

		/* One smaller than a page is mapped as its page only where no part of it has to trap. */
		if (bar->size < PAGE && ((int)i == model.table_bar || rule_traps(i, 0)))
			bar->mapped = false;
		for (uint64_t page = 0; page < bar->size && model.fail_mmap; page += PAGE)
			bar->fails |= mappable(i, page);
		bar->mapped &= !model.fail_mmap;
	}
}

static enum lend_reason reason_of(unsigned i, uint64_t page)
{
	const struct fuzz_bar *bar = &model.bars[i];

	if (bar->kind == PORTS)
		return LEND_REASON_IO_PORTS;
	if (mappable(i, page))
		return LEND_REASON_DIRECT;
	if (model.no_mmap)
		return LEND_REASON_ASKED;
	if (bar->fails)
		return LEND_REASON_MMAP_FAILED;
	if (bar->size < PAGE)
		return LEND_REASON_SUB_PAGE;
	return has_table(i, page)    ? LEND_REASON_MSIX_TABLE
	       : rule_traps(i, page) ? LEND_REASON_RULE
				     : LEND_REASON_NOT_MAPPABLE;
}

void model_check_reasons(const struct world *world)
{
	struct lend_explain_row rows[64];
	size_t count = lend_function_explain(world->function, rows, 64, sizeof(*rows));
	uint64_t sum = 0;

	assert_true(count <= 64);
	for (size_t j = 0; j < count; j++)
		sum += rows[j].length;
	for (unsigned i = 0; i < ROM; i++)
		for (uint64_t page = 0; page < model.bars[i].size; page += PAGE) {
			size_t j = 0;

			while (j < count && !(rows[j].region == i && rows[j].offset <= page &&
					      page < rows[j].offset + rows[j].length))
				j++;
			if (j == count)
				fail_msg("BAR %u: nothing is said of page 0x%llx", i,
					 (unsigned long long)page);
			if (rows[j].reason != reason_of(i, page) || rows[j].direct != mappable(i, page))
				fail_msg("BAR %u: page 0x%llx is said to be of reason %d and not %d", i,
					 (unsigned long long)page, rows[j].reason, reason_of(i, page));
			sum -= model.bars[i].size < PAGE ? model.bars[i].size : PAGE;
		}
	assert_true(!sum); /* each byte once */
}

bool model_write(unsigned offset, uint8_t value)
{
	for (unsigned i = 0; i < BARS; i++) {
		struct fuzz_bar *bar = &model.bars[i];
		unsigned shift = 8 * (offset - register_of(i));
		uint32_t bits = (i == ROM && bar->kind ? 1 : 0) | bar->mask;

		if (offset < register_of(i) || offset >= register_of(i) + 4)
			continue;
		bits &= UINT32_C(0xff) << shift;
		bar->value = (bar->value & ~bits) | ((uint32_t)value << shift & bits);
		return i != ROM || bar->kind;
	}
	if (offset == PCI_COMMAND || offset == PCI_COMMAND + 1) {
		uint32_t bits = offset == PCI_COMMAND ? 3 : LINE_OFF;

		model.command =
			(model.command & ~bits) | ((uint32_t)value << 8 * (offset - PCI_COMMAND) & bits);
		return true;
	}
	if (offset == POWER && !model.rules.caps[PCI_CAP_ID_PM]) {
		unsigned to = value & 3;

		if (!to || to > model.power)
			model.power = to;
		return true;
	}
	return false;
}
