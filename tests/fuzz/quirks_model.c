/* SPDX-License-Identifier: MIT */
/* See quirks_model.h. */
#include <string.h>

#include <linux/pci_regs.h>

#include "lib/le.h"
#include "tests/fuzz/quirks_model.h"
#include "tests/unit/cmocka.h"

enum { ATI_MIRROR = 0x4000, NVIDIA_MIRROR = 0x88000, NVIDIA_SMALL = 0x1800, ACKS = 2 };

/* Whose byte it is, and which one of those. */
struct owner {
	enum { DEVICE, CONFIG, NOBODY, BAR4_PORT, BACK_DOOR, TABLE } is;
	unsigned at;
};

static unsigned config_size(const struct quirks_model *model)
{
	return (unsigned)model->twin->config_size;
}

/* Of `length` bytes that are shown of config space, the one at `at`; `from`: the first byte that is shown. */
static struct owner in_config(unsigned at, unsigned from, unsigned limit)
{
	return at >= from && at - from < limit ? (struct owner){CONFIG, at - from}
					       : (struct owner){NOBODY, 0};
}

/* A data register leads to config space as a whole, by where its first byte leads to. */
static bool leads(uint32_t address, unsigned from, unsigned limit)
{
	return address >= from && address - from < limit;
}

static struct owner of_ati(const struct quirks_model *model, unsigned region, uint64_t at)
{
	uint32_t address = (uint32_t)le_load(model->ati, 4);

	if (region == LEND_REGION_VGA && model->ports && at == 0x3c3)
		return (struct owner){BAR4_PORT, 0};
	if (region == 2 && at >= ATI_MIRROR && at < ATI_MIRROR + 256)
		return (struct owner){CONFIG, (unsigned)at - ATI_MIRROR};
	if (region == 4 && model->ports && at >= 4 && at < 8 &&
	    leads(address, ATI_MIRROR, config_size(model)))
		return in_config(address + (unsigned)at - 4, ATI_MIRROR, config_size(model));
	return (struct owner){DEVICE, 0};
}

static struct owner of_nvidia_ports(const struct quirks_model *model, uint64_t at)
{
	uint32_t address = (uint32_t)le_load(model->nvidia + 8, 4);

	if (at < 0xc || at > 0xf || !le_load(model->nvidia, 4) || !le_load(model->nvidia + 4, 4))
		return (struct owner){DEVICE, 0};
	if (leads(address, NVIDIA_SMALL, 0x100))
		return in_config(address + (unsigned)at - 0xc, NVIDIA_SMALL, 0x100);
	if (leads(address, NVIDIA_MIRROR, 0x1000))
		return in_config(address + (unsigned)at - 0xc, NVIDIA_MIRROR, 0x1000);
	return (struct owner){DEVICE, 0};
}

static struct owner of_nvidia(const struct quirks_model *model, unsigned region, uint64_t at, bool write)
{
	uint32_t address = (uint32_t)le_load(model->crt_address, 4);

	if (region == 0 && model->mirror && at >= NVIDIA_MIRROR && at < NVIDIA_MIRROR + config_size(model))
		return (struct owner){CONFIG, (unsigned)at - NVIDIA_MIRROR};
	if (region == 0 && model->mirror && model->vga && at >= NVIDIA_SMALL && at < NVIDIA_SMALL + 0x100)
		return (struct owner){CONFIG, (unsigned)at - NVIDIA_SMALL};
	if (!model->on)
		return (struct owner){DEVICE, 0};
	if (region == 5)
		return model->ports ? of_nvidia_ports(model, at) : (struct owner){DEVICE, 0};
	if (region == LEND_REGION_VGA && at >= 0x3d0 && at < 0x3d4 && model->crt_mode == (write ? 7 : 5) &&
	    leads(address, NVIDIA_SMALL, 0x100))
		return in_config(address + (unsigned)at - 0x3d0, NVIDIA_SMALL, 0x100);
	return (struct owner){DEVICE, 0};
}

static struct owner of_realtek(const struct quirks_model *model, unsigned region, uint64_t at, bool write)
{
	if (region == 2 && at >= DOOR && at < DOOR + 8 && (write || model->door_to_table))
		return (struct owner){BACK_DOOR, (unsigned)at - DOOR};
	if (region == TABLE_BAR && at < model->vectors * 16)
		return (struct owner){TABLE, (unsigned)at};
	return (struct owner){DEVICE, 0};
}

static struct owner owner_of(const struct quirks_model *model, unsigned region, uint64_t at, bool write)
{
	if (model->maker == ATI && model->on)
		return of_ati(model, region, at);
	if (model->maker == NVIDIA)
		return of_nvidia(model, region, at, write);
	if (model->maker == REALTEK)
		return of_realtek(model, region, at, write);
	return (struct owner){DEVICE, 0};
}

static uint8_t *device_byte(struct world *world, unsigned region, uint64_t at)
{
	return region == LEND_REGION_VGA ? &world->vga[at] : &world->bytes[region][at % WORLD_BAR_BYTES];
}

/* Whether the byte is one that the guest's decode bits let through. */
static bool answers(const struct quirks_model *model, unsigned region, uint64_t offset, unsigned length,
		    uint64_t at)
{
	bool is_port = offset >= 0x3b0 && offset < 0x3e0;

	if (region != LEND_REGION_VGA)
		return model->twin->bars[region].placed && offset < model->twin->bars[region].size &&
		       length <= model->twin->bars[region].size - offset;
	if (!model->vga || !(world_read(model->twin, PCI_COMMAND, 2) & (is_port ? 1 : 2)) ||
	    world_read(model->twin, POWER_CAP + PCI_PM_CTRL, 1) & 3)
		return false;
	/* An access goes to the range that it begins in. */
	if (is_port)
		return (offset < 0x3bc && at < 0x3bc) || (offset >= 0x3c0 && at < 0x3e0);
	return offset >= 0xa0000 && offset < 0xc0000 && at < 0xc0000;
}

static uint8_t door_byte(const struct quirks_model *model, unsigned at)
{
	unsigned entry = (model->door_address & 0xffc) + at;

	if (at >= 4) /* done: the bit of the command is the other one */
		return (uint8_t)((model->door_address ^ 0x80000000) >> 8 * (at - 4));
	return entry < model->vectors * 16 ? model->table[entry] : 0xff;
}

static uint8_t read_byte(struct quirks_model *model, unsigned region, uint64_t at)
{
	struct owner owner = owner_of(model, region, at, false);

	switch (owner.is) {
	case CONFIG: /* the twin's vendor is another one */
		return (uint8_t)world_read(owner.at < 2 ? model->world : model->twin, owner.at, 1);
	case NOBODY:
		return 0xff;
	case BAR4_PORT:
		return (uint8_t)world_read(model->twin, PCI_BASE_ADDRESS_4 + 1, 1);
	case BACK_DOOR:
		return door_byte(model, owner.at);
	case TABLE:
		return model->table[owner.at];
	default:
		return *device_byte(model->twin, region, at);
	}
}

uint64_t quirks_model_read(struct quirks_model *model, unsigned region, uint64_t offset, unsigned length)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < length; i++)
		value |= (uint64_t)(answers(model, region, offset, length, offset + i)
					    ? read_byte(model, region, offset + i)
					    : 0xff)
			 << 8 * i;
	return value;
}

static void table_byte(struct quirks_model *model, unsigned at, uint8_t value)
{
	unsigned in = at % 16, bits = !in ? 0xfc : in < 12 ? 0xff : in == 12 ? 1 : 0;

	if (at < model->vectors * 16)
		model->table[at] = (uint8_t)((model->table[at] & ~bits) | (value & bits));
}

/* A whole register of the two, or nothing of them. */
static void write_door(struct quirks_model *model, uint64_t at, unsigned length, uint32_t value)
{
	unsigned enables = value >> 12 & 15 ? value >> 12 & 15 : 15;

	if (length != 4 || (at != DOOR && at != DOOR + 4))
		return;
	if (at == DOOR)
		model->door_data = value;
	else
		model->door_address = value;
	model->door_to_table = (model->door_address & 0x7fff0000) == 0x00010000;
	if (at == DOOR || !model->door_to_table) {
		for (unsigned i = 0; i < 4; i++)
			*device_byte(model->twin, 2, at + i) = (uint8_t)(value >> 8 * i);
		return;
	}
	for (unsigned i = 0; i < 4 && value >> 31; i++)
		if (enables >> i & 1)
			table_byte(model, (value & 0xffc) + i, (uint8_t)(model->door_data >> 8 * i));
}

/* The registers that lead elsewhere keep what is written to them. Whether the device gets it too: it does. */
static void follow(struct quirks_model *model, unsigned region, uint64_t at, uint8_t value)
{
	if (!model->on)
		return;
	if (model->maker == ATI && region == 4 && at < 4)
		model->ati[at] = value;
	if (model->maker != NVIDIA)
		return;
	if (region == 5 && at < 12)
		model->nvidia[at] = value;
	if (region != LEND_REGION_VGA)
		return;
	if (at >= 0x3d0 && at < 0x3d4 && model->crt_mode == 3)
		model->crt_address[at - 0x3d0] = value;
	if (at == 0x3d4)
		model->crt_index = value;
	if (at == 0x3d5 && model->crt_index == 0x38)
		model->crt_mode = value;
}

static bool is_ack(const struct quirks_model *model, const struct owner *owner)
{
	return model->maker == NVIDIA && model->msi && owner->at >= MSI_CAP && owner->at < MSI_CAP + ACKS;
}

static void write_byte(struct quirks_model *model, unsigned region, uint64_t at, uint8_t value)
{
	struct owner owner = owner_of(model, region, at, true);

	follow(model, region, at, value);
	switch (owner.is) {
	case CONFIG:
		quirks_model_config(model, owner.at, 1, value);
		if (region == 0 && is_ack(model, &owner))
			*device_byte(model->twin, region, at) = value;
		break;
	case TABLE:
		table_byte(model, owner.at, value);
		break;
	case NOBODY:
		break;
	default:
		*device_byte(model->twin, region, at) = value;
	}
}

static void learn(struct quirks_model *model, uint64_t offset, unsigned length, uint64_t data)
{
	struct lessons *lessons = &model->lessons[offset < NVIDIA_MIRROR];
	struct learned *last = &lessons->last;
	bool same = last->offset == offset && last->length == length && last->data == data;

	if (!model->learns || lessons->given_up)
		return;
	lessons->in_a_row = same && lessons->in_a_row ? lessons->in_a_row + 1 : 1;
	*last = (struct learned){.offset = offset, .length = length, .data = data};
	if (lessons->in_a_row < 10)
		return;
	lessons->in_a_row = 0;
	if (lessons->count == 10)
		return;
	lessons->given_up = !model->host_takes;
	if (model->host_takes)
		lessons->taught[lessons->count++] = *last;
}

/* An acknowledgement and nothing else. */
static bool is_lesson(const struct quirks_model *model, unsigned region, uint64_t offset, unsigned length)
{
	for (unsigned i = 0; i < length; i++) {
		struct owner owner = owner_of(model, region, offset + i, true);

		if (region != 0 || owner.is != CONFIG || !is_ack(model, &owner))
			return false;
	}
	return true;
}

void quirks_model_write(struct quirks_model *model, unsigned region, uint64_t offset, unsigned length,
			uint64_t value)
{
	bool door = model->maker == REALTEK && region == 2, lesson;
	uint64_t from = offset > DOOR ? offset : DOOR;
	uint64_t end = offset + length < DOOR + 8 ? offset + length : DOOR + 8;
	bool reached[8] = {false};

	if (!answers(model, region, offset, length, offset))
		return;
	lesson = is_lesson(model, region, offset, length);
	for (unsigned i = 0; i < length;
	     i++) /* the first byte may turn decode off; it is one access all the same */
		reached[i] = answers(model, region, offset, length, offset + i);
	for (unsigned i = 0; i < length; i++) {
		uint64_t at = offset + i;

		if (reached[i] && !(door && at >= DOOR && at < DOOR + 8))
			write_byte(model, region, at, (uint8_t)(value >> 8 * i));
	}
	if (door && from < end)
		write_door(model, from, (unsigned)(end - from), (uint32_t)(value >> 8 * (from - offset)));
	if (lesson)
		learn(model, offset, length, length < 8 ? value & ((UINT64_C(1) << 8 * length) - 1) : value);
}

static void forget(struct quirks_model *model, bool moved)
{
	for (unsigned i = 0; i < 2; i++) {
		struct lessons *lessons = &model->lessons[i];

		lessons->in_a_row = 0;
		lessons->given_up = false;
	}
	if (!moved)
		return;
	quirks_model_pay(model);
	model->lessons[0].count = model->lessons[1].count = 0;
}

void quirks_model_config(struct quirks_model *model, unsigned offset, unsigned length, uint32_t value)
{
	static struct world_bar before[7];
	bool any = false;

	memcpy(before, model->twin->bars, sizeof(before));
	world_write(model->twin, offset, length, value);
	for (unsigned i = 0; i < 7; i++) {
		const struct world_bar *now = &model->twin->bars[i];
		bool moved =
			now->placed != before[i].placed || (now->placed && now->address != before[i].address);

		any |= moved;
		if (moved && i == 0)
			forget(model, true);
	}
	if (any)
		forget(model, false);
}

struct learned *quirks_model_taken(struct quirks_model *model, unsigned region, uint64_t offset,
				   unsigned length, uint64_t value)
{
	struct lessons *lessons = &model->lessons[offset < NVIDIA_MIRROR];

	for (unsigned i = 0; i < lessons->count && region == 0; i++) {
		struct learned *one = &lessons->taught[i];

		if (one->offset == offset && one->length == length &&
		    !((one->data ^ value) << (64 - 8 * length)))
			return one;
	}
	return NULL;
}

void quirks_model_pay(struct quirks_model *model)
{
	for (unsigned i = 0; i < 2; i++)
		for (unsigned j = 0; j < model->lessons[i].count; j++) {
			struct learned *one = &model->lessons[i].taught[j];

			for (unsigned k = 0; k < one->length && one->owed; k++)
				*device_byte(model->twin, 0, one->offset + k) = (uint8_t)(one->data >> 8 * k);
			one->owed = false;
		}
}

void quirks_model_reset(struct quirks_model *model)
{
	forget(model, true);
	memset(model->ati, 0, sizeof(model->ati));
	memset(model->nvidia, 0, sizeof(model->nvidia));
	memset(model->crt_address, 0, sizeof(model->crt_address));
	model->crt_index = model->crt_mode = 0;
	model->door_data = model->door_address = 0;
	model->door_to_table = false;
	memset(model->table, 0, sizeof(model->table));
	for (unsigned i = 0; i < model->vectors; i++)
		model->table[i * 16 + 12] = 1;
}

bool quirks_model_traps(const struct quirks_model *model, unsigned bar, uint64_t page)
{
	enum { CONTROL = 8 };

	for (uint64_t at = page; at < page + 4096; at += CONTROL) {
		bool ati = model->maker == ATI && model->on && model->ports && bar == 4 && at < CONTROL;
		bool nvidia =
			model->maker == NVIDIA && model->on && model->ports && bar == 5 && at < 2 * CONTROL;

		if (ati || nvidia || owner_of(model, bar, at, true).is != DEVICE)
			return true;
	}
	return false;
}
