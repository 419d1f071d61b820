/* SPDX-License-Identifier: MIT */
/*
 * For libFuzzer: quirks of certain devices. The bytes choose a maker and what the device has, and then
 * the guest's accesses to BARs, VGA ranges and config space, at the places that a quirk knows. After
 * each step the guest reads what a model says, which knows these rules (quirks_model.c):
 *
 *  - ATI: BAR 2 at 0x4000 and ports that an address register chooses are config space; port 0x3c3 is a
 *    byte of BAR 4.
 *  - NVIDIA: BAR 0 at 0x88000 and 0x1800 is config space, where the bytes that acknowledge an MSI go to
 *    the device too; ports of BAR 5 and of VGA lead there. What was acknowledged ten times in a row is
 *    the hypervisor's, until its BAR moves.
 *  - Realtek: two registers of BAR 2 lead to the MSI-X table.
 *  - VGA ranges answer while their decode bit is on, in D0.
 *
 * Other inputs are devices of which a quirk changes what they are at the start (quirks_once.c).
 */
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "lend/reset.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/quirks_model.h"
#include "tests/fuzz/quirks_once.h"
#include "tests/unit/cmocka.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS = 96, ACCESS = 8 };

static struct quirks_model model;

/* Which BAR the maker's quirk is about, and the places in it; the last one of the list ends it. */
static const struct place {
	unsigned region;
	uint32_t at;
} places[][12] = {
	[ATI] = {{2, 0x4000},
		 {2, 0x40f8},
		 {2, 0x3ff8},
		 {2, 0x4038},
		 {4, 0},
		 {4, 4},
		 {4, 8},
		 {4, 2},
		 {LEND_REGION_VGA, 0x3c0},
		 {LEND_REGION_VGA, 0x3b8},
		 {LEND_REGION_VGA, 0xa0000},
		 {2, 0x4010}},
	[NVIDIA] = {{0, 0x88000},
		    {0, 0x88ff8},
		    {0, 0x1800},
		    {0, 0x18f8},
		    {0, 0x88060},
		    {0, 0x1860},
		    {5, 0},
		    {5, 8},
		    {5, 0xc},
		    {LEND_REGION_VGA, 0x3d0},
		    {LEND_REGION_VGA, 0x3d4},
		    {0, 0x88010}},
	[REALTEK] = {{2, 0x70},
		     {2, 0x74},
		     {2, 0x68},
		     {2, 0x70},
		     {2, 0x74},
		     {TABLE_BAR, 0},
		     {TABLE_BAR, 0x18},
		     {2, 0x74},
		     {2, 0x70},
		     {TABLE_BAR, 0xf8},
		     {2, 0},
		     {2, 0x78}},
};

/* What a register is often given: it then leads to something. */
static const uint32_t values[] = {0,      1,       0x38,       0x338,      0x538,      0x738,     0x1804,
				  0x18fe, 0x1860,  0x88000,    0x88ffe,    0x88060,    0x4000,    0x40fe,
				  0x4ffe, 0x10000, 0x8001f000, 0x8001f00c, 0x80011010, 0x8001fffc};

static void check_bytes(unsigned region, uint64_t offset, unsigned length)
{
	for (uint64_t at = offset; at < offset + length; at++) {
		bool legacy = region == LEND_REGION_VGA;
		unsigned got =
			legacy ? model.world->vga[at] : model.world->bytes[region][at % WORLD_BAR_BYTES];
		unsigned want =
			legacy ? model.twin->vga[at] : model.twin->bytes[region][at % WORLD_BAR_BYTES];

		if (got != want)
			fail_msg("the device has 0x%x in region %u at 0x%llx and not 0x%x", got, region,
				 (unsigned long long)at, want);
	}
}

static void guest_read(unsigned region, uint64_t offset, unsigned length)
{
	uint64_t want = quirks_model_read(&model, region, offset, length);
	uint64_t got = region == LEND_REGION_VGA
			       ? lend_function_vga_read(model.world->function, (uint32_t)offset, length)
			       : lend_function_bar_read(model.world->function, region, offset, length);

	if (length < 8)
		got &= (UINT64_C(1) << 8 * length) - 1;
	if (got != want)
		fail_msg("%u bytes of region %u at 0x%llx read 0x%llx and not 0x%llx", length, region,
			 (unsigned long long)offset, (unsigned long long)got, (unsigned long long)want);
}

/* The hypervisor takes it, or it traps. */
static void guest_write(unsigned region, uint64_t offset, unsigned length, uint64_t value)
{
	struct learned *taken = quirks_model_taken(&model, region, offset, length, value);
	const uint64_t one = 1;

	for (unsigned i = 0; taken && i < model.world->ioeventfd_count; i++) {
		const struct lend_ioeventfd *ours = &model.world->ioeventfds[i];

		if (ours->offset != offset || ours->length != length || ours->data != taken->data)
			continue;
		assert_int_equal(write(ours->fd, &one, sizeof(one)), sizeof(one));
		taken->owed = true;
		return;
	}
	if (taken)
		fail_msg("the hypervisor does not have the write at 0x%llx", (unsigned long long)offset);
	if (region == LEND_REGION_VGA)
		lend_function_vga_write(model.world->function, (uint32_t)offset, length, value);
	else
		lend_function_bar_write(model.world->function, region, offset, length, value);
	quirks_model_write(&model, region, offset, length, value);
	check_bytes(region, offset, length);
}

static void config_write(unsigned offset, unsigned length, uint32_t value)
{
	world_write(model.world, offset, length, value);
	quirks_model_config(&model, offset, length, value);
}

/* As firmware leaves a device. */
static void place_all(void)
{
	config_write(POWER_CAP + PCI_PM_CTRL, 2, 0);
	for (unsigned i = 0; i < 6; i++) {
		bool io = model.world->config[PCI_BASE_ADDRESS_0 + 4 * i] & 1;

		config_write(PCI_BASE_ADDRESS_0 + 4 * i, 4,
			     !model.world->regions[i].size ? 0
			     : io                          ? 0xc000 + 0x100 * i
							   : 0xd0000000 + 0x4000000 * i);
	}
	config_write(PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void reset(void)
{
	struct world *both[] = {model.world, model.twin};
	struct lend_reset_report report;

	quirks_model_reset(&model);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(
			lend_context_reset(both[i]->context, &both[i]->function, 1, &report, sizeof(report)),
			0);
}

/* The reader of what the hypervisor takes: VFIO, which the fake is not, or the loop. */
static void readers(void)
{
	uint64_t count;

	for (unsigned i = 0; model.kernel_writes && i < model.world->ioeventfd_count; i++) {
		const struct lend_ioeventfd *one = &model.world->ioeventfds[i];

		if (read(one->fd, &count, sizeof(count)) == sizeof(count))
			for (unsigned j = 0; j < one->length; j++)
				model.world->bytes[0][(one->offset + j) % WORLD_BAR_BYTES] =
					(uint8_t)(one->data >> 8 * j);
	}
	world_run(model.world);
	quirks_model_pay(&model);
}

/* The device changes by itself, so that it is seen who writes to it. */
static void change(const struct place *place)
{
	for (unsigned i = 0; i < ACCESS; i++) {
		uint64_t at = place->at + i;

		if (place->region == LEND_REGION_VGA) {
			model.world->vga[at] ^= 0xa5;
			model.twin->vga[at] ^= 0xa5;
		} else {
			model.world->bytes[place->region][at % WORLD_BAR_BYTES] ^= 0xa5;
			model.twin->bytes[place->region][at % WORLD_BAR_BYTES] ^= 0xa5;
		}
	}
}

/* `which`: a place, an offset from it, and a width. */
static void access_one(uint8_t which, bool write, struct input *input)
{
	const struct place *place = &places[model.maker][which % 12];
	uint8_t how = take(input);
	uint64_t at = place->at + (how & 8 ? how & 7 : 0), value;
	unsigned length = how & 16 ? (how >> 5) + 1u : 1u << (how >> 5 & 3);

	if (!write) {
		guest_read(place->region, at, length);
		return;
	}
	value = which / 12 < sizeof(values) / sizeof(*values) ? values[which / 12]
							      : take_number(input, length);
	guest_write(place->region, at, length, value);
}

static void step(struct input *input)
{
	static const uint8_t registers[] = {PCI_COMMAND,        PCI_BASE_ADDRESS_0, PCI_BASE_ADDRESS_2,
					    PCI_BASE_ADDRESS_4, PCI_BASE_ADDRESS_5, POWER_CAP + PCI_PM_CTRL};
	uint8_t what = take(input), which = take(input);

	switch (what & 15) {
	case 0:
		config_write(registers[which % sizeof(registers)], 2, (uint32_t)take_number(input, 2));
		break;
	case 1:
		place_all();
		break;
	case 2:
		for (unsigned count = what >> 4; count; count--) /* an interrupt each */
			guest_write(0, which & 1 ? 0x1860 : 0x88060, 1 + (which >> 1 & 1), which >> 2);
		break;
	case 3:
		readers();
		break;
	case 4:
		change(&places[model.maker][which % 12]);
		break;
	case 5:
		if (what & 0x80)
			reset();
		else
			guest_read(LEND_REGION_VGA, 0x3a8 + which % 0x40u, 1u << (what >> 4 & 3));
		break;
	case 6:
	case 7:
	case 8:
	case 9:
		access_one(which, false, input);
		break;
	default:
		access_one(which, true, input);
	}
}

static void check_lessons(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < 2; i++)
		for (unsigned j = 0; j < model.lessons[i].count; j++, count++) {
			const struct learned *one = &model.lessons[i].taught[j];
			bool found = false;

			for (unsigned k = 0; k < model.world->ioeventfd_count; k++)
				found |= model.world->ioeventfds[k].offset == one->offset &&
					 model.world->ioeventfds[k].length == one->length &&
					 model.world->ioeventfds[k].data == one->data;
			if (!found)
				fail_msg("the write of 0x%llx at 0x%llx was not handed over",
					 (unsigned long long)one->data, (unsigned long long)one->offset);
		}
	assert_int_equal(model.world->ioeventfd_count, count);
	assert_int_equal(model.world->device_ioeventfds, model.kernel_writes ? count : 0);
	assert_int_equal(model.world->watch_count, model.kernel_writes ? 0 : count);
}

static void check(void)
{
	uint32_t command = world_read(model.twin, PCI_COMMAND, 2);
	bool answers = model.vga && !(world_read(model.twin, POWER_CAP + PCI_PM_CTRL, 1) & 3);

	assert_int_equal(model.world->vga_memory, answers && command & PCI_COMMAND_MEMORY);
	assert_int_equal(model.world->vga_ports, answers && command & PCI_COMMAND_IO);
	for (unsigned i = 0; i < 7; i++) {
		assert_int_equal(model.world->bars[i].placed, model.twin->bars[i].placed);
		if (model.twin->bars[i].placed)
			assert_true(model.world->bars[i].address == model.twin->bars[i].address);
	}
	for (unsigned at = 4; at < 256; at += 4)
		if (world_read(model.world, at, 4) != world_read(model.twin, at, 4))
			fail_msg("config space at 0x%x is 0x%x and not 0x%x", at,
				 world_read(model.world, at, 4), world_read(model.twin, at, 4));
	assert_memory_equal(model.world->config + 4, model.twin->config + 4, sizeof(model.twin->config) - 4);
	check_lessons();
}

/* Only the pages of a BAR trap that have something else than the device's. */
static void check_pages(unsigned bar)
{
	const struct world_bar *told = &model.world->bars[bar];
	bool ports = world_read(model.twin, PCI_BASE_ADDRESS_0 + 4 * bar, 1) & 1;
	struct lend_explain_row rows[32];
	size_t count = lend_function_explain(model.world->function, rows, 32, sizeof(*rows));

	for (uint64_t page = 0; page < told->size && !ports; page += page == 0x4000 ? 0x80000 : 0x1000) {
		bool found = false, traps = quirks_model_traps(&model, bar, page), said = false;
		uint64_t end = page + 0x1000 < told->size ? page + 0x1000 : told->size;

		for (size_t i = 0; i < told->direct_count; i++)
			found |= told->direct[i].offset <= page &&
				 end <= told->direct[i].offset + told->direct[i].length;
		for (size_t i = 0; i < count; i++)
			said |= rows[i].region == bar && rows[i].direct && rows[i].offset <= page &&
				end <= rows[i].offset + rows[i].length;
		if (found == traps || said != found)
			fail_msg("BAR %u: page 0x%llx %s, and it is said that it %s", bar,
				 (unsigned long long)page, found ? "does not trap" : "traps",
				 said ? "does not" : "does");
	}
}

static void close_both(void)
{
	for (unsigned i = 0; i < 6; i++)
		if (model.world->regions[i].size &&
		    memcmp(model.world->bytes[i], model.twin->bytes[i], WORLD_BAR_BYTES))
			check_bytes(i, 0, WORLD_BAR_BYTES);
	check_bytes(LEND_REGION_VGA, 0x3a0, 0x60);
	/* Each world counts the descriptors of the program, and the twin's vectors may have some. */
	lend_function_free(model.twin->function);
	model.twin->function = NULL;
	world_close(model.world);
	world_free(model.world);
	world_close(model.twin);
	world_free(model.twin);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};

	if (size && data[0] >= 0xf0) {
		take(&input);
		quirks_once(&input);
		return 0;
	}
	quirks_open(&model, &input);
	place_all();
	for (unsigned i = 0; i < 6; i++)
		if (model.twin->bars[i].placed)
			check_pages(i);
	for (unsigned i = 0; i < STEPS && input.left; i++) {
		step(&input);
		check();
	}
	readers();
	close_both();
	return 0;
}
