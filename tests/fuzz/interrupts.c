/* SPDX-License-Identifier: MIT */
/*
 * For libFuzzer: MSI-X and MSI. The bytes choose one of the two, and then what guest, device and
 * loop do, in any order. After each step the routes, the attached eventfds, the messages that were
 * delivered and the pending bits are those of a model, which works by PCI's rules alone:
 *
 *  - A vector is masked by its own bit, by the mask of all, and while its capability is off.
 *  - What comes while it is masked is one pending bit, and is delivered once at the unmask.
 *  - MSI-X takes a new message at the unmask, MSI at once.
 *  - A capability that is turned off forgets what is pending.
 */
#include <string.h>

#include <linux/pci_regs.h>

#include "tests/fuzz/input.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	VECTORS = 32,
	ENTRY = 16,
	TABLE = 0x2000,
	PBA = 0x3000,
	MSIX_CONTROL = 0x53,
	MSI_CAP = 0x60,
	STEPS = 128,
	MOVED = 2, /* the BAR that has the table, if it is moved */
};

struct vector {
	uint64_t address; /* its route's */
	uint32_t data;
	bool attached, signalled, pending;
	bool trigger; /* the device has an eventfd for it */
	unsigned delivered;
};

struct model {
	bool msix, wide, has_mask, noresize;
	unsigned count;                 /* that the device has */
	unsigned live;                  /* that are on: of MSI, what the guest allocated */
	unsigned grown;                 /* of noresize: vectors that the kernel was told of */
	unsigned bar, table_at, pba_at; /* of the table, as the guest finds them */
	bool on, mask_all;
	uint8_t table[VECTORS * ENTRY];
	uint8_t registers[24]; /* of MSI, as the guest wrote them */
	struct vector vectors[VECTORS];
};

static uint64_t number(const uint8_t *bytes, unsigned length)
{
	struct input input = {bytes, length};

	return take_number(&input, length);
}

static bool masked(const struct model *model, unsigned i)
{
	if (!model->on || i >= model->live)
		return true;
	if (model->msix)
		return model->mask_all || model->table[i * ENTRY + 12] & 1;
	return model->has_mask && number(model->registers + (model->wide ? 16 : 12), 4) >> i & 1;
}

static void message(const struct model *model, unsigned i, uint64_t *address, uint32_t *data)
{
	unsigned size = 1;

	if (model->msix) {
		*address = number(model->table + i * ENTRY, 8);
		*data = (uint32_t)number(model->table + i * ENTRY + 8, 4);
		return;
	}
	while (size < model->live)
		size *= 2;
	*address = number(model->registers + 4, model->wide ? 8 : 4);
	*data = (uint32_t)number(model->registers + (model->wide ? 12 : 8), 2);
	*data = *data - *data % size + i;
}

static void deliver(struct vector *vector)
{
	vector->delivered += vector->signalled;
	vector->signalled = false;
}

static void collect(struct vector *vector)
{
	vector->pending |= vector->signalled && !vector->attached;
	if (!vector->attached)
		vector->signalled = false;
}

/* The kernel cannot add vectors while MSI-X is on: all are told anew, and each that was on is signalled. */
static void grow(struct model *model, unsigned highest)
{
	for (unsigned i = 0; i < model->live; i++)
		model->vectors[i].signalled |= model->vectors[i].trigger;
	model->grown = highest + 1;
}

static void unmask(struct model *model, unsigned i)
{
	struct vector *vector = &model->vectors[i];

	collect(vector);
	vector->attached = true;
	message(model, i, &vector->address, &vector->data);
}

/* The guest wrote something that may mask or unmask vectors [first, last]. */
static void follow(struct model *model, unsigned first, unsigned last)
{
	int highest = -1;

	for (unsigned i = first; i <= last && i < model->live; i++) {
		struct vector *vector = &model->vectors[i];

		if (vector->attached && masked(model, i)) {
			deliver(vector);
			vector->attached = false;
		}
	}
	for (unsigned i = first; i <= last && i < model->live; i++) {
		struct vector *vector = &model->vectors[i];

		if (vector->attached && !model->msix)
			message(model, i, &vector->address, &vector->data);
		if (!vector->attached && !masked(model, i))
			unmask(model, i);
		if (vector->attached && !vector->trigger)
			highest = (int)i;
	}
	if (highest >= 0 && model->msix && model->noresize && (unsigned)highest >= model->grown)
		grow(model, (unsigned)highest);
	for (unsigned i = first; i <= last && i < model->live; i++) {
		struct vector *vector = &model->vectors[i];

		if (!vector->attached)
			continue;
		vector->trigger = true;
		vector->signalled |= vector->pending;
		vector->pending = false;
	}
}

static void turn_off(struct model *model)
{
	for (unsigned i = 0; i < VECTORS; i++) {
		struct vector *vector = &model->vectors[i];

		if (vector->attached)
			deliver(vector);
		*vector = (struct vector){.delivered = vector->delivered};
	}
	model->on = false;
	model->live = model->grown = 0;
}

static bool any_unmasked(const struct model *model)
{
	bool any = false;

	for (unsigned i = 0; i < model->live; i++)
		any |= !masked(model, i);
	return any;
}

static void turn_on(struct model *model)
{
	unsigned asked = 1u << (model->registers[2] >> 4 & 7);

	model->on = true;
	model->live = model->msix || asked > model->count ? model->count : asked;
	for (unsigned i = 0; i < model->live && !model->msix; i++)
		model->vectors[i].trigger = true;
	if (model->msix && (!model->noresize || !any_unmasked(model)))
		model->grown = 1;
}

static void control_changed(struct model *model, bool on)
{
	if (!on && model->on)
		turn_off(model);
	if (on && !model->on)
		turn_on(model);
	if (model->live)
		follow(model, 0, model->live - 1);
}

/* Of an entry the guest can write the address but for its low two bits, the data, and the mask. */
static uint8_t table_bits(unsigned at)
{
	return at % ENTRY == 0 ? 0xfc : at % ENTRY < 12 ? 0xff : at % ENTRY == 12 ? 1 : 0;
}

static void write_table(struct world *world, struct model *model, unsigned at, unsigned length,
			uint64_t value)
{
	unsigned end = model->count * ENTRY;

	lend_function_bar_write(world->function, model->bar, model->table_at + at, length, value);
	if (at >= end)
		return;
	if (length > end - at)
		length = end - at;
	for (unsigned i = 0; i < length; i++) {
		uint8_t bits = table_bits(at + i), *byte = &model->table[at + i];

		*byte = (uint8_t)((*byte & ~bits) | ((uint8_t)(value >> 8 * i) & bits));
	}
	if (model->on)
		follow(model, at / ENTRY, (at + length - 1) / ENTRY);
}

static uint8_t msi_bits(const struct model *model, unsigned at)
{
	unsigned data = model->wide ? 12 : 8, mask = data + 4;

	if (at == 2)
		return 0x71; /* on, and how many */
	if (at == 4)
		return 0xfc;
	if (at > 4 && at < data)
		return 0xff;
	if (at >= data && at < data + 2)
		return 0xff;
	if (model->has_mask && at >= mask && at < mask + 4)
		return (uint8_t)(((UINT64_C(1) << model->count) - 1) >> 8 * (at - mask));
	return 0;
}

static void write_msi(struct world *world, struct model *model, unsigned at, unsigned length, uint32_t value)
{
	unsigned end = (model->wide ? 14 : 10) + (model->has_mask ? 10 : 0);

	world_write(world, MSI_CAP + at, length, value);
	for (unsigned i = at; i < at + length && i < sizeof(model->registers); i++, value >>= 8)
		model->registers[i] =
			(uint8_t)((model->registers[i] & ~msi_bits(model, i)) | (value & msi_bits(model, i)));
	if (at + length > 2 && at < end)
		control_changed(model, model->registers[2] & 1);
}

static void run_loop(struct world *world, struct model *model)
{
	world_run(world);
	for (unsigned i = 0; i < model->live; i++) {
		if (model->vectors[i].attached)
			deliver(&model->vectors[i]);
		collect(&model->vectors[i]);
	}
}

static void check_pending(struct world *world, struct model *model)
{
	uint64_t bits = 0, shown;

	if (model->msix)
		for (unsigned i = 0; i < model->live; i++)
			collect(&model->vectors[i]); /* a read finds what the loop has not seen yet */
	for (unsigned i = 0; i < model->live; i++)
		bits |= (uint64_t)model->vectors[i].pending << i;
	if (model->msix)
		shown = lend_function_bar_read(world->function, model->bar, model->pba_at, 8);
	else if (model->has_mask)
		shown = world_read(world, MSI_CAP + (model->wide ? 20 : 16), 4);
	else
		return;
	if (shown != bits)
		fail_msg("pending bits 0x%llx instead of 0x%llx", (unsigned long long)shown,
			 (unsigned long long)bits);
}

static void check_table(struct world *world, const struct model *model, unsigned at, unsigned length)
{
	if (at + length > model->count * ENTRY)
		return;
	assert_int_equal(lend_function_bar_read(world->function, model->bar, model->table_at + at, length),
			 number(model->table + at, length));
}

static void check(struct world *world, const struct model *model)
{
	for (unsigned i = 0; i < VECTORS; i++) {
		const struct world_route *route = &world->routes[i];
		const struct vector *vector = &model->vectors[i];

		if (vector->attached != (route->attached >= 0))
			fail_msg("vector %u is %sattached", i, vector->attached ? "not " : "");
		if (vector->trigger != (world->irq_fds[i] >= 0))
			fail_msg("vector %u has %s trigger", i, vector->trigger ? "no" : "a");
		if (vector->attached && (route->address != vector->address || route->data != vector->data))
			fail_msg("vector %u: message %llx:%x instead of %llx:%x", i,
				 (unsigned long long)route->address, route->data,
				 (unsigned long long)vector->address, vector->data);
		if (route->delivered != vector->delivered)
			fail_msg("vector %u: %u delivered instead of %u", i, route->delivered,
				 vector->delivered);
	}
	assert_int_equal(world->msix_on, model->on);
}

/* The table and what the bits of a page that the PBA shares with others show by themselves: bytes of the
 * device. */
static void step(struct world *world, struct model *model, struct input *input)
{
	static const uint8_t widths[] = {1, 2, 4, 8};
	uint8_t what = take(input);
	unsigned vector = take(input) % model->count, width = widths[what >> 4 & 3], at;

	switch (what & 7) {
	case 0:
		at = vector * ENTRY + take(input) % ENTRY;
		if (model->msix)
			write_table(world, model, at, width, take_number(input, width));
		else if (width < 8)
			write_msi(world, model, at % 24, width, (uint32_t)take_number(input, width));
		break;
	case 1:
		if (!model->msix) {
			write_msi(world, model, 2, 1, take(input));
			break;
		}
		what = take(input);
		world_write(world, MSIX_CONTROL, 1, what);
		model->mask_all = what & 0x40;
		control_changed(model, what & 0x80);
		break;
	case 2:
	case 3:
		assert_int_equal(world_interrupt(world, vector), model->vectors[vector].trigger);
		model->vectors[vector].signalled |= model->vectors[vector].trigger;
		break;
	case 4:
		run_loop(world, model);
		break;
	case 5:
		check_pending(world, model);
		break;
	case 6:
		if (model->msix)
			check_table(world, model, vector * ENTRY + take(input) % ENTRY, width);
		break;
	default: /* the whole mask of one */
		if (model->msix)
			write_table(world, model, vector * ENTRY + 12, 4, take(input));
		else
			write_msi(world, model, model->wide ? 16 : 12, 4, (uint32_t)take_number(input, 4));
	}
}

static struct world *make(struct model *model, struct input *input)
{
	struct world *world = world_new();
	uint8_t kind = take(input), moves = take(input), order = moves >> 3;

	order %= 6;
	*model = (struct model){
		.msix = kind & 1, .wide = kind & 2, .has_mask = kind & 4, .noresize = kind & 8};
	model->count = model->msix ? take(input) % VECTORS + 1u : 1u << order;
	for (unsigned i = 0; i < VECTORS; i++)
		model->table[i * ENTRY + 12] = 1;
	world->mute = true;
	world->noresize = model->noresize;
	world->vectors[LEND_IRQ_INTX] = kind >> 4 & 1;
	world->function_config.no_intx_bypass = kind & 32;
	world->function_config.msix_to = moves & 3 ? LEND_MSIX_STAYS : LEND_MSIX_TO_BAR + MOVED;
	world_bar(world, 0, 0, 0x4000);
	if (model->msix)
		world_msix(world, model->count, 0, TABLE, 0, PBA);
	else
		world_msi(world, order * 2u + (model->wide ? 0x80u : 0) + (model->has_mask ? 0x100u : 0),
			  model->count);
	return world;
}

/* It may be in another BAR than the device's (x-msix-relocation). */
static void find_table(struct world *world, struct model *model)
{
	uint32_t table = model->msix ? world_read(world, MSIX_CONTROL + 1, 4) : 0;
	uint32_t pba = model->msix ? world_read(world, MSIX_CONTROL + 5, 4) : 0;

	assert_int_equal(table & 7, pba & 7);
	if (model->msix)
		assert_int_equal(table & 7, world->function_config.msix_to == LEND_MSIX_STAYS ? 0 : MOVED);
	model->bar = table & 7;
	model->table_at = table & ~7u;
	model->pba_at = pba & ~7u;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct model model;
	struct world *world = make(&model, &input);

	assert_int_equal(world_open(world), 0);
	world_write(world, PCI_BASE_ADDRESS_0 + 4 * MOVED, 4, 0xe1000000);
	world_start(world);
	find_table(world, &model);
	for (unsigned i = 0; i < STEPS && input.left; i++) {
		step(world, &model, &input);
		check(world, &model);
	}
	run_loop(world, &model);
	check_pending(world, &model);
	check(world, &model);
	world_close(world);
	world_free(world);
	return 0;
}
