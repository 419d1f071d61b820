/* SPDX-License-Identifier: MIT */
/* See quirks_once.h. */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lend/reset.h"
#include "lib/le.h"
#include "tests/fuzz/quirks_once.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"

enum { CAPS = 4, CAP_MIN = 8 };

/* A capability that a driver in the guest looks for, at one of its places. */
struct ours {
	unsigned places[2], count, length;
	uint8_t bytes[24];
};

struct own {
	unsigned at, length;
};

static bool is_free(const struct own *own, unsigned count, unsigned at, unsigned length)
{
	for (unsigned i = 0; i < count; i++)
		if (own[i].at < at + length && at < own[i].at + own[i].length)
			return false;
	return true;
}

/* The device's own capabilities: vendor's ones that lie next to each other, from 0x40 on. */
static unsigned make_chain(struct world *world, struct input *input, struct own *own)
{
	unsigned count = take(input) % (CAPS + 1), at = 0x40;

	for (unsigned i = 0; i < count; i++) {
		unsigned room = 256 - at - CAP_MIN * (count - i);

		at += take(input) % (room + 1) & ~3u;
		own[i].at = at;
		own[i].length = CAP_MIN + 4 * (take(input) % 8u);
		if (own[i].length > 256 - at - CAP_MIN * (count - i - 1))
			own[i].length = CAP_MIN;
		world_cap(world, at, PCI_CAP_ID_VNDR);
		world_set(world, at + 2, 1, own[i].length);
		at += own[i].length;
	}
	return count;
}

static void check_chain(struct world *world, const struct own *own, unsigned count, const struct ours *ours,
			unsigned place)
{
	unsigned at = world_read(world, PCI_CAPABILITY_LIST, 1);

	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(at, own[i].at);
		at = world_read(world, at + 1, 1);
	}
	assert_int_equal(at, place);
	assert_int_equal(!!(world_read(world, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST), count || place);
	for (unsigned i = 0; i < ours->length && place; i++) {
		world_write(world, place + i, 1, ~ours->bytes[i]);
		if (i != 1) /* the end of the chain */
			assert_int_equal(world_read(world, place + i, 1), ours->bytes[i]);
	}
	if (place)
		assert_int_equal(world_read(world, place + 1, 1), 0);
}

/* Opens it: it has our capability at the first place that is free, or is refused. */
static void check_capability(struct world *world, struct input *input, const struct ours *ours)
{
	struct own own[CAPS];
	unsigned count = make_chain(world, input, own), place = 0;
	int ret;

	for (unsigned i = 0; i < ours->count && !place; i++)
		if (is_free(own, count, ours->places[i], ours->length))
			place = ours->places[i];
	ret = world_open(world);
	assert_int_equal(ret, ours->count && !place ? -EINVAL : 0);
	if (ret < 0)
		return;
	check_chain(world, own, count, ours, place);
	world_close(world);
}

static void vmd(struct world *world, struct input *input)
{
	static const uint16_t ids[] = {0x201d, 0x467f, 0x4c3d, 0x9a0b, 0x9a0c};
	unsigned which = take(input) % 5;
	struct ours ours = {.places = {0xe8},
			    .count = which < 4,
			    .length = 24,
			    .bytes = {9, 0, 24, 1, 'W', 'D', 'H', 'S'}};

	world_set(world, PCI_VENDOR_ID, 4, 0x8086 | (uint32_t)ids[which] << 16);
	world_bar(world, 2, PCI_BASE_ADDRESS_MEM_TYPE_64, 0x2000000);
	world_bar(world, 4, PCI_BASE_ADDRESS_MEM_TYPE_64, 0x100000);
	for (unsigned i = 3; i < 6; i += 2) /* the host's addresses */
		world_set(world, PCI_BASE_ADDRESS_0 + 4 * i, 4, (uint32_t)take_number(input, 4));
	memcpy(ours.bytes + 8, world->config + PCI_BASE_ADDRESS_2, 16);
	check_capability(world, input, &ours);
}

static void clique(struct world *world, struct input *input)
{
	uint8_t flags = take(input), number = take(input) & 15;
	struct ours ours = {.places = {0xc8, 0xd4},
			    .count = (flags & 7) > 2 ? 2 : 0,
			    .length = 8,
			    .bytes = {9, 0, 8, 'P', '2', 'P', (uint8_t)(number << 3), 0}};

	world_set(world, PCI_VENDOR_ID, 4, (flags & 7) == 1 ? 0x11c01002 : 0x11c010de);
	world_set(world, PCI_CLASS_REVISION, 4, (flags & 7) == 2 ? 0x04030000 : 0x03020000);
	world->function_config.has_clique = flags & 7;
	world->function_config.clique = number;
	check_capability(world, input, &ours);
}

/* The register leads out of the BAR; the guest finds the PBA where it is known to be. */
static void pba(struct world *world, struct input *input)
{
	static const struct {
		uint32_t id;
		uint32_t pba; /* 0: not known */
		uint32_t bar;
	} rows[] = {{0x58001425, 0x1000, 0x2000},
		    {0x58ff1425, 0x1000, 0x4000},
		    {0x36851d22, 0xb400, 0x10000},
		    {0x36861d22, 0, 0x10000},
		    {0x59001425, 0, 0x2000}};
	unsigned which = take(input) % 5, vectors = take(input) % 64 + 1u, vector = take(input) % vectors;
	bool good = take(input) & 1;
	uint32_t told = good ? 0x800 : rows[which].bar + 0x1000, shown, want = good ? told : rows[which].pba;

	world_set(world, PCI_VENDOR_ID, 4, rows[which].id);
	world_bar(world, 0, 0, rows[which].bar);
	world_msix(world, vectors, 0, 0, 0, told);
	world->vectors[LEND_IRQ_INTX] = 1;
	assert_int_equal(world_open(world), 0);
	shown = world_read(world, 0x50 + PCI_MSIX_PBA, 4);
	if (!want) {
		assert_false(world_read(world, 0x34, 1) == 0x50 && !(shown & 7) && shown >= rows[which].bar);
		world_close(world);
		return;
	}
	assert_int_equal(shown, want);
	world_start(world);
	world_write(world, 0x50 + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	world_vector(world, vector, 0xfee00000, vector, false);
	world_vector(world, vector, 0xfee00000, vector, true);
	assert_true(world_interrupt(world, vector));
	assert_true(lend_function_bar_read(world->function, 0, want, 8) == UINT64_C(1) << vector);
	assert_int_equal(world_read(world, 0x50 + PCI_MSIX_TABLE, 4), 0);
	world_close(world);
}

/*
 * Of a GPU that the kernel cannot reset: while its controller runs, a magic number in config space resets
 * it, and the controller is stopped then. The fake has one value behind all of the controller's registers.
 */
static void amd(struct world *world, struct input *input)
{
	static const uint16_t ids[] = {0x6649, 0x6650, 0x6651, 0x6658, 0x665c, 0x665d, 0x67a0,
				       0x67a1, 0x67a2, 0x67a8, 0x67a9, 0x67aa, 0x67b0, 0x67b1,
				       0x67b8, 0x67b9, 0x67ba, 0x67be, 0x67bf, 0x6648};
	enum { INDEX = 0x200, DATA = 0x204, SIZE = 0x5428, MAGIC_AT = 0x7c, OTHERS = 2 };
	unsigned which = take(input) % 20, shape = take(input),
		 size = !(shape & 0x18) ? 0x100
			: shape & 3     ? 0x40000
					: 0x1000;
	uint32_t state = (uint32_t)take_number(input, 3) | (shape & 4 ? 0xff000000 : 0);
	bool quirk = which < 20 - OTHERS && size > SIZE && (shape & 0x18) && !(shape & 0x20);
	bool runs = !(state & 1) && state != UINT32_MAX && state >= 0x20100;
	struct lend_reset_report report;
	int ret;

	world_set(world, PCI_VENDOR_ID, 4, 0x1002 | (uint32_t)ids[which] << 16);
	world_set(world, PCI_CLASS_REVISION, 4, 0x03000000);
	world->can_reset = shape & 0x20;
	world_bar(world, 5, shape & 0x18 ? 0 : PCI_BASE_ADDRESS_SPACE_IO, size);
	le_store(world->bytes[5] + DATA, 4, state);
	assert_int_equal(world_open(world), 0);
	world_write(world, PCI_BASE_ADDRESS_5, 4, 0xe0000000);
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	ret = lend_context_reset(world->context, &world->function, 1, &report, sizeof(report));
	assert_int_equal(report.ran == LEND_RESET_QUIRK, quirk && runs);
	assert_int_equal(ret, world->can_reset || (quirk && runs) ? 0 : -EOPNOTSUPP);
	assert_int_equal(report.checked, !ret);
	assert_int_equal(world_get(world, MAGIC_AT, 4), quirk && runs ? 0x39d5e86b : 0);
	assert_int_equal(le32(world->bytes[5] + DATA), quirk && runs ? state | 1 : state);
	assert_int_equal(world_get(world, PCI_COMMAND, 2), 0);
	assert_false(world->bars[5].placed);
	world_close(world);
}

void quirks_once(struct input *input)
{
	static void (*const kinds[])(struct world * world, struct input * input) = {vmd, clique, pba, amd};
	struct world *world = world_new();

	world->mute = true;
	kinds[take(input) & 3](world, input);
	world_free(world);
}
